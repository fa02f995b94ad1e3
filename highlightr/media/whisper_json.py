"""The JSON that Whisper, WhisperX and programs after them write: segments, with the times of words where they have any.

In: a file that anyone may have written. Out: what is said with its times, and the language. Other keys are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from highlightr.core.errors import MediaError
from highlightr.core.reading import read_limited
from highlightr.media.subtitles import LARGEST_BYTES, Cue

_NOT_JSON = re.compile(rb"(?<=[:,\[\s])(?:NaN|-?Infinity)(?=\s*[,}\]])")
"""What Python writes for probabilities that are no number."""


class _Word(msgspec.Struct):
    word: str
    start: float | None = None
    end: float | None = None


class _Segment(msgspec.Struct):
    start: float
    end: float
    text: str = ""
    words: list[_Word] | None = None


class _Document(msgspec.Struct):
    segments: list[_Segment]
    language: str | None = None


def read_whisper_json(path: Path) -> tuple[list[Cue], str | None]:
    """What is said, by words where all have times, and the language's code; a `MediaError` for what is no such file."""
    try:
        document = _decoded(read_limited(path, LARGEST_BYTES, MediaError).removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MediaError(f"{path}: not the JSON of Whisper or WhisperX: {error}") from error
    return [span for segment in document.segments for span in _spans(segment)], document.language


def is_whisper_json(path: Path) -> bool:
    """Whether this is a file in which something is said; a pipe or a device is not read."""
    try:
        return path.is_file() and bool(read_whisper_json(path)[0])
    except (MediaError, OSError):
        return False


def _decoded(data: bytes) -> _Document:
    try:
        return msgspec.json.decode(data, type=_Document)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return msgspec.json.decode(_NOT_JSON.sub(b"null", data), type=_Document)


def _spans(segment: _Segment) -> Iterator[Cue]:
    """The segment's words. One without times of its own, such as a number of WhisperX, is said with the one before."""
    text, start, stop = "", segment.start, -1.0
    for word in segment.words or ():
        if word.start is None or word.end is None or word.start >= word.end:
            text = f"{text} {word.word}"
            continue
        begin = word.start
        if stop >= 0:
            yield Cue(start, stop, text)
            text = ""
        elif text:  # What has no time at the beginning is said with the first word that has one.
            begin = min(segment.start, begin)
        text, start, stop = f"{text} {word.word}", begin, word.end
    if stop >= 0:
        yield Cue(start, stop, text)
    else:
        yield Cue(segment.start, segment.end, segment.text)
