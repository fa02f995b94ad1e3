"""Text subtitles: read, cut to pieces of a video and retimed, written.

In: a subtitle file, or cues (such as a transcript's). Out: `Subtitles` on the time line of the source or of a summary,
and files in SubRip (.srt), WebVTT (.vtt), Advanced SubStation Alpha (.ass) and whatever else pysubs2 writes. Styles
stay with formats that have them. Times are in seconds, spans half-open; files hold milliseconds, .ass hundredths.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from highlightr.core.errors import MediaError, OutputError
from highlightr.core.outputs import unwritable
from highlightr.core.reading import lines_of, read_limited
from highlightr.media.encodings import decoded

if TYPE_CHECKING:
    from pysubs2 import SSAEvent, SSAFile

LARGEST_BYTES = 32 << 20
"""Of a file of subtitles or a transcript; ten hours of dense speech have one MiB, with the times of all words ten."""

MOST_LINES = 400_000
"""Of a subtitle file; ten hours of captions that roll have 120,000."""

_LONGEST_LINE = 4_000
"""Characters; the rest of a longer line is cut off, because what reads tags takes the square of its length."""

_ROUNDING = 1e-6
"""Of hundredths of a second, as floats."""

_STATED = re.compile(
    r"\ufeff?(?:WEBVTT.*\n(?:.+\n)*?Language: *|\s*(?:<\?.*?\?>\s*)?<tt\b[^>]* xml:lang=.)([A-Za-z0-9_-]+)"
)
"""The language, in the head of WebVTT or TTML."""

_ANIMATED = re.compile(r"\\(t|move|fade|fad)\(([^()\\]*)")
_TIMES = {"t": (0, 2), "move": (4, 6), "fade": (3, 7)}
"""Of the tags' values, those that are milliseconds from the beginning of the cue."""
_SYLLABLE = re.compile(r"(\\[kK][fo]?)(\d+)")
"""Karaoke, in hundredths."""

_SHORTEST_MS = 20
"""A cue of which less than half a frame is left at a cut is left out."""


@dataclass(frozen=True)
class Cue:
    """What is shown or said in ``[start_seconds, stop_seconds)``: a subtitle, or a word of a transcript."""

    start_seconds: float
    stop_seconds: float
    text: str
    """Lines are separated by a line feed."""


class Subtitles:
    """Cues with their styles, in order of time."""

    def __init__(self, document: SSAFile, language: str | None = None) -> None:
        self._document = document
        self.language = language
        """As the head of a file states it; `None` where it states none."""

    @classmethod
    def from_cues(cls, cues: Iterable[Cue]) -> Subtitles:
        """Make subtitles of plain cues, such as those of a transcript."""
        import pysubs2

        document = pysubs2.SSAFile()
        for cue in cues:
            event = pysubs2.SSAEvent(round(cue.start_seconds * 1000), round(cue.stop_seconds * 1000))
            event.plaintext = cue.text
            document.append(event)
        document.sort()
        return cls(document)

    @property
    def cues(self) -> tuple[Cue, ...]:
        """Every cue as plain text; comments and drawings, which show no text, are left out."""
        return tuple(
            Cue(event.start / 1000, event.end / 1000, text)
            for event in self._document
            if event.is_text and (text := event.plaintext.strip())
        )

    def cut(self, pieces: Sequence[tuple[float, float, float]]) -> Subtitles:
        """Keep what is shown during pieces of the source, on the time line of the output.

        Args:
            pieces: start and stop in the source, and start in the output, all in seconds, in order of the output. Where
                a piece goes on with what the one before ended with, a cue across the join stays one cue.
        """
        import pysubs2

        document = pysubs2.SSAFile()
        document.info, document.styles = self._document.info.copy(), self._document.styles.copy()
        for start, stop, output_start in _joined(pieces):
            shift_ms = round((output_start - start) * 1000)
            begin_ms, end_ms = (_before_ms(time) - shift_ms for time in (output_start, output_start + stop - start))
            for event in self._document:
                if kept := _clipped(event, begin_ms, end_ms, shift_ms):
                    document.append(kept)
        document.sort()
        return Subtitles(document)

    def one_at_a_time(self) -> Subtitles:
        """What is shown together as one cue, for formats in which the next cue ends the one before."""
        import pysubs2

        document = pysubs2.SSAFile()
        document.info, document.styles = self._document.info.copy(), self._document.styles.copy()
        waiting = [event for event in sorted(self._document) if event.is_text and event.end > event.start]
        times = sorted({time for event in waiting for time in (event.start, event.end)})
        shown: list[SSAEvent] = []
        for begin, end in pairwise(times):
            coming = next((place for place, event in enumerate(waiting) if event.start > begin), len(waiting))
            shown, waiting = [event for event in (*shown, *waiting[:coming]) if event.end > begin], waiting[coming:]
            if shown:
                part = shown[0].copy()
                part.start, part.end = begin, end
                part.text = r"\N".join({event.plaintext.strip(): event.text for event in shown}.values())
                document.append(part)
        return Subtitles(document)

    def save(self, path: Path) -> None:
        """Write a file in the format of its suffix, as UTF-8.

        Raises:
            OutputError: the suffix is none of a subtitle format, or the place cannot be written.
        """
        import pysubs2

        try:
            self._document.save(str(path), encoding="utf-8")
        except pysubs2.Pysubs2Error as error:
            raise OutputError(f"{path}: no subtitle format of this name; use .srt, .vtt or .ass") from error
        except OSError as error:
            raise unwritable(path, error) from error


def read_subtitles(path: Path) -> Subtitles:
    """Read a subtitle file of any format that pysubs2 knows, by its content.

    Raises:
        MediaError: it is missing, too large, or holds no subtitles.
    """
    import pysubs2

    data = read_limited(path, LARGEST_BYTES, MediaError)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of fields that it cannot read, for which it takes defaults.
            text = _bounded(decoded(data, path), path)
            stated = _STATED.match(text)
            return Subtitles(pysubs2.SSAFile.from_string(text), stated and stated[1])
    except (pysubs2.Pysubs2Error, ValueError, KeyError, IndexError, OverflowError) as error:
        raise MediaError(f"{path}: holds no subtitles that can be read; use .srt, .vtt or .ass") from error


def _bounded(text: str, path: Path) -> str:
    """The text with lines that a parser can be given."""
    lines = lines_of(text)
    if len(lines) > MOST_LINES:
        raise MediaError(f"{path}: more than {MOST_LINES} lines, too many for subtitles")
    return "\n".join(line[:_LONGEST_LINE] for line in lines)


def _joined(pieces: Sequence[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Pieces that follow each other in the source without a gap become one."""
    joined: list[tuple[float, float, float]] = []
    for start, stop, output_start in pieces:
        if joined and abs(joined[-1][1] - start) * 1000 < 1:
            joined[-1] = (joined[-1][0], stop, joined[-1][2])
        else:
            joined.append((start, stop, output_start))
    return joined


def _before_ms(join_seconds: float) -> int:
    """The hundredth of a second at or before a join of pieces: its picture shows nothing of what was said before it."""
    return max(0, math.floor(join_seconds * 100 + _ROUNDING) * 10)


def _clipped(event: SSAEvent, begin_ms: int, end_ms: int, shift_ms: int) -> SSAEvent | None:
    start, end = max(event.start, begin_ms), min(event.end, end_ms)
    whole = (start, end) == (event.start, event.end)
    if end <= start or (end - start < _SHORTEST_MS and not whole):
        return None
    kept = event.copy()
    kept.start, kept.end = start + shift_ms, end + shift_ms
    kept.text = event.text if whole else _going_on(event.text, start - event.start, event.end - event.start)
    return kept


def _going_on(text: str, gone_ms: int, whole_ms: int) -> str:
    """The text of a cue that lasted so long, from some time on, with tags of ASS that go on and end as they did."""
    sung_cs = gone_ms // 10

    def syllable(tag: re.Match[str]) -> str:
        nonlocal sung_cs
        gone = min(int(tag[2]), sung_cs)
        sung_cs -= gone
        return f"{tag[1]}{int(tag[2]) - gone}"

    def moved(tag: re.Match[str]) -> str:
        name, values = tag[1], [value for value in tag[2].split(",") if value.strip()]
        if name == "fad":
            rise, fall = map(int, values)
            name, values = "fade", list(map(str, (255, 0, 255, 0, rise, whole_ms - fall, whole_ms)))
        first, last = _TIMES[name]
        if len(values) < last:  # Not told: from its beginning to its end.
            values[first:first] = ["0", str(whole_ms)]
        times = [int(value) - gone_ms for value in values[first:last]]
        values[first:last] = map(str, [*times[:-1], max(times[-1], 1)])  # 0 would be taken for the end of the cue.
        return rf"\{name}({','.join(values)}" + "," * (name == "t")

    with suppress(ValueError):  # A tag that no player understands.
        text = _ANIMATED.sub(moved, _SYLLABLE.sub(syllable, text))
    return text
