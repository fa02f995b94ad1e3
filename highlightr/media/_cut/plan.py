"""Where to cut by re-encoding: each boundary moved to a frame.

In: spans in seconds from time zero. Out: `Take`s, in exact seconds (`Fraction`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from highlightr.core.types import Source
from highlightr.media._container.opening import best_video
from highlightr.media._cut.result import Piece
from highlightr.media._decode.timestamps import Stamps

if TYPE_CHECKING:
    from av.container import InputContainer

__all__ = ["Take", "plan_encode"]

_LONGEST_FRAME_SECONDS = Fraction(1, 10)
"""A boundary inside a frame shown longer than this is cut there; otherwise it moves to the nearer end of the frame."""


@dataclass(frozen=True)
class Take:
    """One piece and how to reach it."""

    piece: Piece
    shown: Fraction
    """When the frame appeared that is on screen at the start."""
    start: Fraction
    stop: Fraction
    offset: Fraction
    """Where the piece begins in the output."""
    middle: Fraction
    """When the frame appeared that is on screen in its middle."""


def plan_encode(container: InputContainer, source: Source, spans: Sequence[tuple[float, float]]) -> list[Take]:
    """Move each boundary to a frame, and find the frames to seek to and to show in a still.

    Args:
        container: the source, open.
        source: what `probe` returned.
        spans: half-open, in seconds.
    """
    takes = []
    offset = Fraction(0)
    stamps = Stamps(container, best_video(container, source.path))
    for wanted_start, wanted_stop in spans:
        start, shown = _snap(stamps, wanted_start, source)
        stop, _ = _snap(stamps, wanted_stop, source)
        if stop <= start:
            stop = stamps.moment(start).stop or Fraction(source.duration_seconds)
        piece = Piece(wanted_start, wanted_stop, float(start), float(stop), float(offset))
        middle = max(start, stamps.moment((start + stop) / 2).start or start)
        takes.append(Take(piece, shown, start, stop, offset, middle))
        offset += stop - start
    return takes


def _snap(stamps: Stamps, seconds: float, source: Source) -> tuple[Fraction, Fraction]:
    """The boundary to cut at, and when the frame that is on screen there appeared."""
    time, end = Fraction(seconds), Fraction(source.duration_seconds)
    if time >= end:
        return end, end
    moment = stamps.moment(time)
    first, after = moment.start or Fraction(0), moment.stop or end
    if after - first > _LONGEST_FRAME_SECONDS:
        return time, min(first, time)
    nearest = first if time - first <= after - time else after
    return nearest, nearest
