"""Which letters can be drawn into a picture here: libass leaves out those that no font has, and tells its log alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from unicodedata import category

from highlightr.core.errors import CutError, shortage
from highlightr.media.ffmpeg import ffmpeg_path
from highlightr.media.subtitles import Cue, Subtitles

MOST_LETTERS = 1000
"""Of which more are not asked about; no alphabet has so many, and a talk in Chinese uses about as many."""

LINE_LETTERS = 20
PICTURE = "color=black:s=640x360:d=0.2:r=10"

_UNSEEN = ("Cc", "Cf", "Mn", "Me", "Zl", "Zp", "Zs")
"""Categories of spaces, of signs that direct, and of marks that are drawn on a letter."""

_NO_GLYPH = re.compile(r"failed to find any fallback with glyph 0x([0-9A-Fa-f]+)")


def undrawn_letters(texts: Iterable[str]) -> str:
    """The letters that would not be drawn, sorted; all where there is no font at all. A `CutError` without ffmpeg."""
    letters = sorted({letter for text in texts for letter in text if category(letter) not in _UNSEEN})[:MOST_LETTERS]
    lines = ["".join(letters[start : start + LINE_LETTERS]) for start in range(0, len(letters), LINE_LETTERS)]
    program = Path(shutil.which(ffmpeg_path()) or "ffmpeg").absolute()
    with tempfile.TemporaryDirectory() as folder:  # It is run there: a name without its folder needs no escaping.
        Subtitles.from_cues([Cue(0.0, 1.0, "\n".join(lines))]).save(Path(folder) / "letters.ass")
        command = [str(program), "-nostdin", "-hide_banner", "-loglevel", "warning", "-f", "lavfi", "-i", PICTURE]
        command += ["-vf", "subtitles=filename=letters.ass", "-frames:v", "1"]
        command += ["-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"]
        try:
            run = subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=60)
        except (OSError, subprocess.SubprocessError) as error:
            if shortage(error):
                raise CutError("the letters of subtitles cannot be tried") from error
            return ""  # Drawing itself will fail, and say why.
    if not letters or max(run.stdout, default=0) == min(run.stdout, default=0):
        return "".join(letters)
    missing = {int(code, 16) for code in _NO_GLYPH.findall(run.stderr.decode("utf-8", "replace"))}
    return "".join(letter for letter in letters if ord(letter) in missing)
