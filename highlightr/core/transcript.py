"""What is said in a video, and when: utterances in order of time."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

LONGEST_NAME = 30
"""Letters of a speaker's name."""


def is_aside(text: str) -> bool:
    """Whether a caption tells what is heard, as ``[applause]`` and ``(LAUGHS)`` do, and nothing that is said."""
    inner = text[1:-1].strip()
    return text[:1] + text[-1:] in ("[]", "()") and bool(inner) and not set(inner) & set("[]()")


@dataclass(frozen=True)
class Utterance:
    """What is said in ``[start_seconds, stop_seconds)``: a sentence, where punctuation tells.

    Raises:
        ValueError: it does not begin before it ends, or says nothing.
    """

    start_seconds: float
    stop_seconds: float
    text: str
    """Plain text on one line."""

    def __post_init__(self) -> None:
        if not (0 <= self.start_seconds < self.stop_seconds < math.inf and self.text.strip()):
            raise ValueError(f"an utterance needs words and 0 <= start < stop, got {self}")

    @property
    def spoken(self) -> str:
        """The text without the name of a speaker in capitals that captions put before it, as in ``ANNA: Hello.``"""
        name, _, rest = self.text.partition(": ")
        return rest if rest.strip() and name.isupper() and len(name) <= LONGEST_NAME else self.text


@dataclass(frozen=True)
class Transcript:
    """What is said in a video; a `ValueError` where utterances overlap, or are not in order of time."""

    utterances: tuple[Utterance, ...]
    """In order of time, not overlapping."""
    origin: str
    """Where it is from, such as ``talk.en.srt``, ``subtitle stream 3 (eng)`` or ``faster-whisper tiny.en``."""
    language: str | None = None
    """Code of the language, such as ``en``, as the origin tells it; `None` where it does not."""
    cues: tuple[Utterance, ...] = ()
    """What is shown at a time, where the origin are subtitles: parts of sentences, in order, not overlapping."""
    is_track: bool = False
    """Whether it is a track of the video file itself."""

    def __post_init__(self) -> None:
        for before, after in itertools.pairwise(self.utterances):
            if after.start_seconds < before.stop_seconds:
                raise ValueError(f"utterances must follow each other, got {before} before {after}")

    def during(self, start_seconds: float, stop_seconds: float) -> tuple[Utterance, ...]:
        """Those of which some is said in ``[start_seconds, stop_seconds)``."""
        first = bisect_right(self.utterances, start_seconds, key=lambda each: each.stop_seconds)
        last = bisect_left(self.utterances, stop_seconds, key=lambda each: each.start_seconds)
        return self.utterances[first:last]

    def __repr__(self) -> str:
        return f"Transcript({self.origin!r}, {len(self.utterances)} utterances, language {self.language!r})"
