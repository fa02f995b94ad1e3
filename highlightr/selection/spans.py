"""Spans of time and the pieces that a video is cut into before anything is chosen.

In: clip scores on their grid, and shots. Out: `Pieces`, the finest spans that lie inside one clip and one shot, with
their scores; means over spans. Spans are half-open, ``[start, stop)``, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from highlightr.core.types import Scores, Shot, TimeGrid

__all__ = ["EPSILON_SECONDS", "Pieces", "Span", "clip_overlaps", "cut_into_pieces", "join_touching"]

EPSILON_SECONDS = 1e-6
"""Shorter spans and smaller overshoots are float noise."""


class Span(NamedTuple):
    """``[start, stop)`` in seconds."""

    start: float
    stop: float

    @property
    def seconds(self) -> float:
        """Length."""
        return self.stop - self.start


@dataclass(frozen=True)
class Pieces:
    """A video cut at every clip edge and every shot boundary; piece *p* is ``[edges[p], edges[p + 1])``."""

    edges: npt.NDArray[np.float64]
    """(P + 1,) increasing, from 0 to the duration."""
    scores: npt.NDArray[np.float64]
    """(P,) the score of the clip that holds the piece."""
    shot_edges: npt.NDArray[np.float64]
    """(S + 1,) increasing, from 0 to the duration."""

    @property
    def stop(self) -> float:
        """The duration."""
        return float(self.edges[-1])

    def index_at(self, seconds: float) -> int:
        """The piece that holds a time; the nearest one for times outside."""
        found = int(np.searchsorted(self.edges, seconds + EPSILON_SECONDS, side="right")) - 1
        return min(max(found, 0), len(self.scores) - 1)

    def split_at(self, seconds: float) -> Pieces:
        """The same pieces with one more edge; these pieces themselves where that edge is there already."""
        if np.abs(self.edges - seconds).min() <= EPSILON_SECONDS:
            return self
        at = self.index_at(seconds)
        return replace(
            self, edges=np.insert(self.edges, at + 1, seconds), scores=np.insert(self.scores, at, self.scores[at])
        )

    def shot_at(self, seconds: float) -> Span:
        """The shot that holds a time."""
        found = int(np.searchsorted(self.shot_edges, seconds + EPSILON_SECONDS, side="right")) - 1
        found = min(max(found, 0), len(self.shot_edges) - 2)
        return Span(float(self.shot_edges[found]), float(self.shot_edges[found + 1]))


def cut_into_pieces(scores: Scores, shots: Sequence[Shot]) -> Pieces:
    """Cut `[0, duration)` at clip edges and shot boundaries; slivers of float noise are dropped."""
    duration = scores.grid.duration_seconds
    shot_edges = _distinct([0.0, *(shot.start_seconds for shot in shots), duration], duration)
    edges = _distinct([*scores.grid.starts().tolist(), *shot_edges.tolist()], duration)
    middles = (edges[:-1] + edges[1:]) / 2
    values = scores.values[scores.grid.clip_index(middles)].astype(np.float64)
    return Pieces(edges, values, shot_edges)


def _distinct(times: Iterable[float], duration: float) -> npt.NDArray[np.float64]:
    """Sorted times within the video, ending in the duration, no two closer than float noise."""
    ordered = np.unique(np.asarray(list(times), dtype=np.float64))
    ordered = ordered[(ordered >= 0) & (ordered < duration - EPSILON_SECONDS)]
    kept = ordered[np.diff(ordered, prepend=-np.inf) > EPSILON_SECONDS]
    return np.append(kept, duration)


def clip_overlaps(grid: TimeGrid, span: Span) -> tuple[int, npt.NDArray[np.float64]]:
    """How much of each clip a span covers.

    Returns:
        The first clip's index, and the overlaps in seconds of that clip and its successors.
    """
    first, last = (int(grid.clip_index(time)) for time in (span.start, span.stop))
    index = np.arange(first, last + 1)
    starts = index * grid.clip_seconds
    stops = np.minimum((index + 1) * grid.clip_seconds, grid.duration_seconds)
    overlaps = np.minimum(stops, span.stop) - np.maximum(starts, span.start)
    return first, np.maximum(overlaps, 0.0)


def join_touching(spans: Iterable[Span]) -> list[Span]:
    """Sort spans and join those that meet: they play without a cut, so they are one segment."""
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start - joined[-1].stop <= EPSILON_SECONDS:
            joined[-1] = Span(joined[-1].start, max(joined[-1].stop, span.stop))
        else:
            joined.append(span)
    return joined
