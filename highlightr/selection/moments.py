"""The strongest moments first: peaks of the scores, grown to a watchable length.

In: scored pieces of the video, which of them may be chosen, and a budget. Out: spans in order of time that do not
overlap and together stay within the budget. A moment grows inside its scene as long as the scores hold up, its edges
move to near shot boundaries, and moments of one scene that nearly touch are joined.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, partial

import numpy as np

from highlightr.core.numeric import inside
from highlightr.core.types import Scores
from highlightr.selection.options import SHORTEST_MOMENT_SECONDS, SelectionOptions
from highlightr.selection.pauses import EdgeMover, FreeTime, without_jumps
from highlightr.selection.relevance import mean_look, same_look
from highlightr.selection.spans import EPSILON_SECONDS, FRAGMENT_SECONDS, Mask, Pieces, Span, join_touching

HALF_PROMINENCE = 0.5
"""A moment reaches as far as scores stay above this part of the way from the video's median to the peak."""

_TRIES = 50
"""So many moments in a row that would break a sentence off: what is left of the budget holds no sentence."""


class Moments:
    """One selection: what was chosen, what is still free, what is left of the budget.

    Args:
        eligible: (P,) pieces that may be chosen.
        allowed: (P,) pieces that a moment may hold besides, where it would be too short to be followed.
        scores: a moment that looks like a better one elsewhere is left out, unless only such are left to fill with.
        mover: fill the budget, with whole sentences as far as there are such; `None`: it is a ceiling, and edges stay
            where scores no longer hold up.
    """

    def __init__(
        self,
        pieces: Pieces,
        options: SelectionOptions,
        budget: float,
        eligible: Mask,
        allowed: Mask,
        scores: Scores,
        mover: EdgeMover | None,
    ) -> None:
        self._pieces, self._look, self._mover = pieces, cache(partial(mean_look, scores)), mover
        self._may_repeat = self._may_break_off = False
        self._repeats: list[Span] = []
        self._broken_off: list[Span] = []
        self._options = options
        self._margin = sum(options.margin)
        self._shortest = min(options.shortest_seconds(pieces.stop), budget)
        asked = options.min_seconds is not None
        self._least = self._shortest if asked else min(self._shortest, SHORTEST_MOMENT_SECONDS[0])
        """An answer that is shorter may reach into the rest of its scene."""
        self._budget = budget
        self._floor = float(np.median(pieces.scores))
        self._free, self._allowed = eligible.copy(), allowed.copy()
        self._wanted = FreeTime(pieces, allowed)
        self._chosen: list[Span] = []

    def select(self) -> list[Span]:
        """Take peaks from the highest down until the budget is spent or nothing eligible is left; ties in order of
        time.

        Returns:
            Spans in order of time. Up to the shortest moment's length may stay unspent where only a fragment of another
            shot would fit, and more where only part of a sentence would: a clean ending is worth more than the last
            second.
        """
        self._choose()
        if self._mover is not None:
            self._may_repeat = True
            self._free_again(self._repeats)
            self._choose()
            self._may_break_off = True
            self._free_again(self._broken_off)
            self._choose()
            self._lengthen()
        return self._chosen

    @property
    def _rest(self) -> float:
        """What is left of the budget."""
        return self._budget - sum(span.seconds + self._margin for span in self._chosen)

    @property
    def _longest(self) -> float:
        return min(self._options.max_seconds, self._rest - self._margin)

    def _has_room(self) -> bool:
        """Whether another moment is free and fits."""
        limit = math.inf if self._options.max_clips is None else self._options.max_clips
        fits = self._longest >= self._shortest - EPSILON_SECONDS
        return fits and len(self._chosen) < limit and bool(self._free.any())

    def _choose(self) -> None:
        """Run until the budget does not hold another moment."""
        tries = _TRIES
        while tries and self._has_room():
            peak = self._peak()
            piece = Span(*self._pieces.edges[peak : peak + 2].tolist())
            scene = self._pieces.scene_at(piece.start)
            answer = _both(scene, FreeTime(self._pieces, self._free).around(piece))
            room = answer if answer.seconds >= self._least else self._more_room(scene, piece)
            span = self._without_fragments(self._snap(self._grow(peak, room), room), peak)
            if self._is_repeat(span):
                self._repeats.append(answer)
                self._free &= ~self._within(answer)
                continue
            moved, whole = self._moved(span, self._chosen, self._rest - self._margin)
            if whole or not self._chosen or (self._may_break_off and moved.seconds >= self._shortest - EPSILON_SECONDS):
                self._take(moved)
                self._close_gaps(moved)
                tries = _TRIES
            else:
                self._broken_off.append(span)
                tries -= 1
            self._free &= ~self._within(span)  # What was given up is no moment of its own.

    def _peak(self) -> int:
        """The highest free piece, the earliest of equals; not the sliver of a clip before the rest of its own shot."""
        scores = np.where(self._free, self._pieces.scores, -1.0)
        peak = int(np.argmax(scores))
        lengths = np.diff(self._pieces.edges[peak : peak + 3])
        ties = peak + 1 < len(scores) and scores[peak + 1] == scores[peak]
        return peak + 1 if ties and lengths[1] > lengths[0] + EPSILON_SECONDS else peak

    def _moved(self, span: Span, others: Sequence[Span], longest: float) -> tuple[Span, bool]:
        """With its edges in pauses; and whether it breaks no sentence off."""
        return (span, True) if self._mover is None else self._mover.moved(span, others, longest)

    def _free_again(self, left_out: Sequence[Span]) -> None:
        """Free what was left out until now."""
        for span in left_out:
            self._free |= self._within(span)
        for span in self._chosen:
            self._free &= ~self._within(span)

    def _is_repeat(self, span: Span) -> bool:
        """Whether a chosen moment of another scene, which this one does not touch, looks the same."""
        near, home = self._options.merge_gap_seconds, self._pieces.unit_at(span.start)
        return not self._may_repeat and any(
            max(span.start - other.stop, other.start - span.stop) > near
            and self._pieces.unit_at(other.start) != home
            and same_look(self._look(span), self._look(other))
            for other in self._chosen
        )

    def _within(self, span: Span) -> Mask:
        """(P,) pieces whose middle lies in a span."""
        return inside(self._pieces.middles, [(span.start, span.stop)])

    def _more_room(self, scene: Span, peak: Span) -> Span:
        """For an answer too short to be followed: the rest of its scene, and of a neighbour if that is short, too,
        as far as the caller allows it.
        """
        enough = _both(scene, self._wanted.around(peak)).seconds >= self._least
        wide = scene if enough else self._pieces.with_neighbour(scene)
        return _both(wide, FreeTime(self._pieces, self._allowed).around(peak))

    def _grow(self, peak: int, room: Span) -> Span:
        """From the peak's piece outwards: to the shortest length at any price, further while scores hold up."""
        pieces, longest = self._pieces, self._longest
        span = _crop(Span(float(pieces.edges[peak]), float(pieces.edges[peak + 1])), longest)
        level = min(pieces.scores[peak], self._floor + HALF_PROMINENCE * (pieces.scores[peak] - self._floor))
        shot = pieces.shot_at(span.start)
        inside = Span(max(room.start, shot.start), min(room.stop, shot.stop))
        span = self._spread(span, inside, self._shortest, longest, -1.0)
        span = self._spread(span, room, self._shortest, longest, -1.0)  # A shot too short to stand alone.
        unit = pieces.unit_at(span.start)
        holding = Span(max(room.start, unit.start), min(room.stop, unit.stop))
        return self._spread(span, holding, longest, longest, level)

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
        longest, near = self._longest + EPSILON_SECONDS, self._options.snap_seconds + EPSILON_SECONDS
        start = max(self._pieces.shot_at(span.start).start, room.start)
        if span.start - start <= near and span.stop - start <= longest:
            span = Span(start, span.stop)
        stop = min(self._pieces.shot_at(span.stop - 2 * EPSILON_SECONDS).stop, room.stop)
        if stop - span.stop <= near and stop - span.start <= longest:
            span = Span(span.start, stop)
        return span

    def _without_fragments(self, span: Span, peak: int) -> Span:
        """Leave out the little that reaches over a shot boundary, unless the peak lies in it or the rest is short."""
        if self._options.snap_seconds == 0:
            return span
        middle = float(self._pieces.edges[peak] + self._pieces.edges[peak + 1]) / 2
        first = self._pieces.shot_at(span.start)
        if first.stop <= middle and first.stop - span.start < FRAGMENT_SECONDS < first.seconds:
            span = Span(first.stop, span.stop) if span.stop - first.stop >= self._shortest else span
        last = self._pieces.shot_at(span.stop - 2 * EPSILON_SECONDS)
        if last.start > middle and span.stop - last.start < FRAGMENT_SECONDS < last.seconds:
            span = Span(span.start, last.start) if last.start - span.start >= self._shortest else span
        return span

    def _close_gaps(self, span: Span) -> None:
        """Join a span with its neighbours where it nearly touches them, as far as the budget allows."""
        near = self._options.merge_gap_seconds + self._margin
        around = [each for each in self._chosen if each.start <= span.stop + near and each.stop >= span.start - near]
        for each in without_jumps(around, FreeTime(self._pieces, self._allowed), self._options, self._rest):
            if each not in around:
                self._take(each)

    def _take(self, span: Span) -> None:
        """Choose a span; pieces that it covers in part are split, so that the rest stays free."""
        for time in span:
            at = self._pieces.index_at(time)
            pieces = self._pieces.split_at(time)
            if pieces is not self._pieces:
                self._free = np.insert(self._free, at, self._free[at])
                self._allowed = np.insert(self._allowed, at, self._allowed[at])
                self._pieces = pieces
        self._free &= ~self._within(span)
        self._allowed &= ~self._within(span)
        self._chosen = join_touching([*self._chosen, span], self._pieces.walls)

    def _lengthen(self) -> None:
        """Spend what is too short for another moment on the chosen ones, earliest first, inside their shots."""
        for span in tuple(self._chosen):
            step = min(self._rest, self._options.max_seconds - span.seconds)
            if step <= EPSILON_SECONDS or span not in self._chosen:
                continue  # Nothing to spend, or joined to a neighbour in the meantime.
            free = FreeTime(self._pieces, self._free).around(span)
            start, stop = self._pieces.shot_at(span.start), self._pieces.shot_at(span.stop - 2 * EPSILON_SECONDS)
            limits = Span(max(free.start, start.start), min(free.stop, stop.stop))
            longer = self._spread(span, limits, span.seconds + step, span.seconds + step, -1.0)
            others = [other for other in self._chosen if other != span]
            moved, whole = self._moved(longer, others, span.seconds + step)
            if whole and _both(moved, span) == span:
                self._take(moved)


def _both(one: Span, other: Span) -> Span:
    """What two spans that overlap share."""
    return Span(max(one.start, other.start), min(one.stop, other.stop))


def _crop(span: Span, longest: float) -> Span:
    """The middle of a span that is longer than allowed."""
    surplus = max(0.0, span.seconds - longest)
    return Span(span.start + surplus / 2, span.stop - surplus / 2)
