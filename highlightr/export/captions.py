"""What is said, as subtitles: lines that can be read, on the time line of the source or of the summary.

In: a transcript. Out: `Subtitles`, which `highlightr.media` cuts and retimes, and files beside the summary.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from highlightr.core.transcript import Transcript, Utterance
from highlightr.media.cut import CutOptions, Piece
from highlightr.media.fonts import undrawn_letters
from highlightr.media.subtitles import Cue, Subtitles

CAPTION_SUFFIXES: Mapping[str, str] = {"srt": ".srt", "vtt": ".vtt"}
"""Name of an output to the suffix of its file."""

LINE_LETTERS = 42
"""Of a line, as broadcasters have it; two lines are shown at a time."""

NAMED_LETTERS = 12
"""Of those that no font has."""

_PLAIN = str.maketrans("{}<>\\", "()\u2039\u203a/")
"""What would be a tag or an escape in some format, to letters that look alike."""


def captions(transcript: Transcript) -> Subtitles:
    """The cues of the transcript, or its utterances in parts of two lines."""
    parts = transcript.cues or tuple(part for each in transcript.utterances for part in _parts(each))
    return Subtitles.from_cues(Cue(each.start_seconds, each.stop_seconds, _lines(each.text)) for each in parts)


def captioned(options: CutOptions, transcript: Transcript | None) -> CutOptions:
    """The same with what is said; tracks of the source come along by themselves."""
    if transcript is None or options.subtitles == "none" or (transcript.is_track and options.subtitles == "soft"):
        return options
    return replace(options, said=captions(transcript), language=transcript.language)


def write_captions(transcript: Transcript, pieces: Sequence[Piece], places: Mapping[str, Path]) -> bool:
    """Write what is said in the summary, cut at its joins; whether anything is.

    An `OutputError` where a place cannot be written.
    """
    retimed = _retimed(transcript, pieces)
    for place in places.values() if retimed.cues else ():
        retimed.save(place)
    return bool(retimed.cues)


def burned_notes(transcript: Transcript, pieces: Sequence[Piece]) -> tuple[str, ...]:
    """What of the subtitles drawn into the picture cannot be seen, for want of a font; a `CutError` without ffmpeg."""
    texts = [cue.text for cue in _retimed(transcript, pieces).cues]
    undrawn = undrawn_letters(texts)
    if not undrawn:
        return ()
    if set(undrawn) >= {letter for text in texts for letter in text if letter.isalnum()}:
        return ("The burned subtitles cannot be seen: no font here has their letters; install one, such as Noto Sans.",)
    shown = "".join(undrawn[:NAMED_LETTERS]) + ("\u2026" if len(undrawn) > NAMED_LETTERS else "")
    return (f"The burned subtitles lack the letters {shown}, which no font here has; install one that has them.",)


def _retimed(transcript: Transcript, pieces: Sequence[Piece]) -> Subtitles:
    """On the time line of the summary, cut at its joins."""
    spans = [piece.span for piece in pieces]
    return captions(transcript).cut(spans)


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
