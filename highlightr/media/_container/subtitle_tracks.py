"""The text subtitles inside a video file.

In: a source and its subtitle tracks. Out: `Subtitles` on the source's time line. ffmpeg reads them, whatever their
codec; a track that it cannot read is named, and costs nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from highlightr.core.errors import CutError, MediaError
from highlightr.core.hashing import FileIdentity
from highlightr.core.source import Source
from highlightr.media._container.contents import Track
from highlightr.media._container.opening import DEMUXERS, file_url
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.media.subtitles import Subtitles, read_subtitles

_OVER_BEFORE_ZERO = re.compile(rb"^Dialogue: \d+,[^,]*,[^,]*-[^,]*,.*\n?", re.MULTILINE)
_BEGUN_BEFORE_ZERO = re.compile(rb"^(Dialogue: \d+,)[^,]*-[^,]*,", re.MULTILINE)
"""Cues of a file whose time zero lies behind or within them: ffmpeg writes -1.2 s as ``0:00:-1.-20``."""


def read_tracks(source: Source, tracks: Sequence[Track]) -> dict[int, Subtitles | None]:
    """Index of each track to what it holds, or to `None` where it cannot be read.

    Raises:
        CutError: there is no ffmpeg, or no room for a temporary file.
    """
    return _read(source.path, FileIdentity.of(source.path), tuple(track.index for track in tracks))


@lru_cache(maxsize=2)
def _read(path: Path, _: FileIdentity, indices: tuple[int, ...]) -> dict[int, Subtitles | None]:
    """All tracks in one pass; one by one where that fails. A file's clips ask for the same."""
    if not indices:
        return {}
    try:
        with TemporaryDirectory(prefix="highlightr-") as folder:
            return _converted(path, indices, Path(folder))
    except OSError as error:
        raise CutError(f"no temporary file can be made ({error.strerror}); free some space, or set TMPDIR") from error


def _converted(path: Path, indices: Sequence[int], folder: Path) -> dict[int, Subtitles | None]:
    files = {index: folder / f"{index}.ass" for index in indices}
    arguments = ["-protocol_whitelist", "file", "-format_whitelist", DEMUXERS, "-i", file_url(path)]
    for index, file in files.items():
        arguments += ["-map", f"0:{index}", "-c:s", "ass", "-f", "ass", "-y", file_url(file)]
    try:
        run_ffmpeg(arguments)
        return {index: _from_zero(file) for index, file in files.items()}
    except (CutError, MediaError):
        if len(indices) == 1:
            return {indices[0]: None}
        return {index: found for one in indices for index, found in _converted(path, [one], folder).items()}


def _from_zero(file: Path) -> Subtitles:
    """What is shown from time zero on."""
    file.write_bytes(_BEGUN_BEFORE_ZERO.sub(rb"\g<1>0:00:00.00,", _OVER_BEFORE_ZERO.sub(b"", file.read_bytes())))
    return read_subtitles(file)
