"""What is said, as subtitles: lines that can be read, on the time line of the source or of the summary.

In: a transcript. Out: `Subtitles`, which `highlightr.media` cuts and retimes, and files beside the summary.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from highlightr.core.types import Transcript, Utterance
from highlightr.media.cut import Piece, Texts
from highlightr.media.subtitles import Cue, Subtitles
from highlightr.options import SummarizeOptions

__all__ = ["CAPTION_SUFFIXES", "captions", "texts_of", "write_captions"]

CAPTION_SUFFIXES: Mapping[str, str] = {"srt": ".srt", "vtt": ".vtt"}
"""Name of an output to the suffix of its file."""

LINE_LETTERS = 42
"""Of a line, as broadcasters have it; two lines are shown at a time."""

_PLAIN = str.maketrans("{}<>\\", "()\u2039\u203a/")
"""What would be a tag or an escape in some format, to letters that look alike."""


def captions(transcript: Transcript) -> Subtitles:
    """The cues of the transcript, or its utterances in parts of two lines."""
    parts = transcript.cues or tuple(part for each in transcript.utterances for part in _parts(each))
    return Subtitles.from_cues(Cue(each.start_seconds, each.stop_seconds, _lines(each.text)) for each in parts)


def texts_of(transcript: Transcript | None, wanted: SummarizeOptions) -> Texts:
    """What the cutter does with subtitles: tracks of the source come along by themselves."""
    if transcript is None or wanted.subtitles == "none" or (transcript.is_track and wanted.subtitles == "soft"):
        return Texts(wanted.subtitles)
    return Texts(wanted.subtitles, captions(transcript), transcript.language)


def write_captions(transcript: Transcript, pieces: Sequence[Piece], places: Mapping[str, Path]) -> None:
    """Write what is said in the summary, cut at its joins.

    Raises:
        OutputError: a place cannot be written.
    """
    spans = [(piece.start_seconds, piece.stop_seconds, piece.output_start_seconds) for piece in pieces]
    retimed = captions(transcript).cut(spans)
    for place in places.values():
        retimed.save(place)


def _parts(utterance: Utterance) -> Iterator[Utterance]:
    """Parts of about the same length, each with its share of the time."""
    count = -(-len(utterance.text) // (2 * LINE_LETTERS))
    texts = textwrap.wrap(utterance.text, min(-(-len(utterance.text) // count) + 8, 2 * LINE_LETTERS))
    total = sum(map(len, texts))
    seconds, at = utterance.stop_seconds - utterance.start_seconds, 0
    for text in texts:
        start, at = utterance.start_seconds + seconds * at / total, at + len(text)
        yield Utterance(start, utterance.start_seconds + seconds * at / total, text)


def _lines(text: str) -> str:
    plain = text.translate(_PLAIN)
    if len(plain) <= LINE_LETTERS:
        return plain
    count = -(-len(plain) // LINE_LETTERS)
    return "\n".join(textwrap.wrap(plain, -(-len(plain) // count) + 8))
