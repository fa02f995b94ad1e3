"""What is said in each segment.

In: segments and the transcript of their video. Out: the same segments with their quotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from highlightr.core.types import Segment, Transcript

LEAST_SHARE = 0.5
"""Of an utterance that lies in the segment, for it to be quoted."""


def with_quotes(segments: Sequence[Segment], transcript: Transcript | None) -> tuple[Segment, ...]:
    """Quote what is said in each segment, for the most part; without a transcript nothing changes."""
    if transcript is None:
        return tuple(segments)
    return tuple(replace(segment, quotes=_quotes(segment, transcript)) for segment in segments)


def _quotes(segment: Segment, transcript: Transcript) -> tuple[str, ...]:
    start, stop = segment.start_seconds, segment.stop_seconds
    return tuple(
        each.text
        for each in transcript.during(start, stop)
        if min(each.stop_seconds, stop) - max(each.start_seconds, start)
        >= LEAST_SHARE * (each.stop_seconds - each.start_seconds)
    )
