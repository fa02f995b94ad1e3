"""The strongest moments first: peaks of the scores, grown to a watchable length.

In: scored pieces of the video and a budget. Out: spans in order of time that do not overlap and together stay
within the budget. A moment grows inside its shot as long as the scores hold up, its edges move out to near shot
boundaries, and moments that nearly touch are joined.
"""

from __future__ import annotations

import math

import numpy as np

from highlightr.selection.options import SelectionOptions
from highlightr.selection.spans import EPSILON_SECONDS, Pieces, Span, join_touching

__all__ = ["select_moments"]

HALF_PROMINENCE = 0.5
"""A moment reaches as far as scores stay above this part of the way from the video's median to the peak."""


def select_moments(pieces: Pieces, options: SelectionOptions, budget: float) -> list[Span]:
    """Take peaks from the highest down until the budget is spent; equal peaks in order of time.

    The budget is filled, best first. Up to `min_seconds` may stay unspent where only a fragment of another shot
    would fit: a clean ending is worth more than the last second.
    """
    return _Moments(pieces, options, budget).select()


class _Moments:
    """The state of one selection: what was chosen, what is still free, what is left of the budget."""

    def __init__(self, pieces: Pieces, options: SelectionOptions, budget: float) -> None:
        self._pieces = pieces
        self._options = options
        self._shortest = min(options.min_seconds, budget)
        self._rest = budget
        self._floor = float(np.median(pieces.scores))
        self._free = np.ones(len(pieces.scores), dtype=bool)
        self._chosen: list[Span] = []

    def select(self) -> list[Span]:
        """Run to the end of the budget."""
        limit = math.inf if self._options.max_clips is None else self._options.max_clips
        while self._rest >= self._shortest - EPSILON_SECONDS and self._free.any() and len(self._chosen) < limit:
            peak = int(np.argmax(np.where(self._free, self._pieces.scores, -1.0)))
            room = self._room_around(peak)
            span = self._snap(self._grow(peak, room), room)
            self._take(self._close_gaps(span, room))
        self._lengthen()
        return self._chosen

    def _room_around(self, peak: int) -> Span:
        """The unchosen stretch that holds a free piece."""
        edge = float(self._pieces.edges[peak])
        before = [span.stop for span in self._chosen if span.stop <= edge + EPSILON_SECONDS]
        after = [span.start for span in self._chosen if span.start > edge + EPSILON_SECONDS]
        return Span(max(before, default=0.0), min(after, default=self._pieces.stop))

    def _grow(self, peak: int, room: Span) -> Span:
        """From the peak's piece outwards: to the shortest length at any price, beyond it while scores hold up."""
        pieces, longest = self._pieces, min(self._options.max_seconds, self._rest)
        span = _crop(Span(float(pieces.edges[peak]), float(pieces.edges[peak + 1])), longest)
        level = min(pieces.scores[peak], self._floor + HALF_PROMINENCE * (pieces.scores[peak] - self._floor))
        shot = pieces.shot_at(span.start)
        inside = Span(max(room.start, shot.start), min(room.stop, shot.stop))
        span = self._spread(span, inside, self._shortest, longest, -1.0)
        span = self._spread(span, room, self._shortest, longest, -1.0)  # A shot too short to stand alone.
        return self._spread(span, inside, longest, longest, level)

    def _spread(self, span: Span, limits: Span, wanted: float, longest: float, level: float) -> Span:
        """Add neighbouring pieces within the limits, the better side first, until the wanted length."""
        pieces = self._pieces
        while span.seconds < wanted - EPSILON_SECONDS:
            left = pieces.index_at(span.start - 2 * EPSILON_SECONDS)
            right = pieces.index_at(span.stop)
            left_score = pieces.scores[left] if span.start > limits.start + EPSILON_SECONDS else -2.0
            right_score = pieces.scores[right] if span.stop < limits.stop - EPSILON_SECONDS else -2.0
            if max(left_score, right_score) < level:
                break
            step = longest - span.seconds
            if left_score >= right_score:
                span = Span(max(float(pieces.edges[left]), limits.start, span.start - step), span.stop)
            else:
                span = Span(span.start, min(float(pieces.edges[right + 1]), limits.stop, span.stop + step))
        return span

    def _snap(self, span: Span, room: Span) -> Span:
        """Move edges outwards to the boundary of the shot they lie in, if it is near and the length allows."""
        longest = min(self._options.max_seconds, self._rest) + EPSILON_SECONDS
        near = self._options.snap_seconds + EPSILON_SECONDS
        start = max(self._pieces.shot_at(span.start).start, room.start)
        if span.start - start <= near and span.stop - start <= longest:
            span = Span(start, span.stop)
        stop = min(self._pieces.shot_at(span.stop - 2 * EPSILON_SECONDS).stop, room.stop)
        if stop - span.stop <= near and stop - span.start <= longest:
            span = Span(span.start, stop)
        return span

    def _close_gaps(self, span: Span, room: Span) -> Span:
        """Reach a chosen neighbour that is nearly touched, if the budget allows."""
        near = self._options.merge_gap_seconds
        if room.start > 0 and span.start - room.start <= near and span.stop - room.start <= self._rest:
            span = Span(room.start, span.stop)
        if room.stop < self._pieces.stop and room.stop - span.stop <= near and room.stop - span.start <= self._rest:
            span = Span(span.start, room.stop)
        return span

    def _take(self, span: Span) -> None:
        """Choose a span; pieces that it covers in part are split, so that the rest stays free."""
        self._rest -= span.seconds
        for time in span:
            at = self._pieces.index_at(time)
            pieces = self._pieces.split_at(time)
            if pieces is not self._pieces:
                self._free = np.insert(self._free, at, self._free[at])
                self._pieces = pieces
        edges = self._pieces.edges
        middles = (edges[:-1] + edges[1:]) / 2
        self._free &= (middles < span.start) | (middles >= span.stop)
        self._chosen = join_touching([*self._chosen, span])

    def _lengthen(self) -> None:
        """Spend what is too short for another moment on the chosen ones, earliest first, inside their shots."""
        for span in tuple(self._chosen):
            step = min(self._rest, self._options.max_seconds - span.seconds)
            if step <= EPSILON_SECONDS or span not in self._chosen:
                continue  # Nothing to spend, or joined to a neighbour in the meantime.
            others = [other for other in self._chosen if not other.start <= span.start < other.stop]
            shot_start = self._pieces.shot_at(span.start).start
            shot_stop = self._pieces.shot_at(span.stop - 2 * EPSILON_SECONDS).stop
            low = max([shot_start, *(other.stop for other in others if other.stop <= span.start)])
            high = min([shot_stop, *(other.start for other in others if other.start >= span.stop)])
            longer = self._spread(span, Span(low, high), span.seconds + step, span.seconds + step, -1.0)
            self._rest -= longer.seconds - span.seconds
            self._chosen = join_touching([*self._chosen, longer])


def _crop(span: Span, longest: float) -> Span:
    """The middle of a span that is longer than allowed."""
    surplus = max(0.0, span.seconds - longest)
    return Span(span.start + surplus / 2, span.stop - surplus / 2)
