"""Which pauses count for a moment, and how far its edges may go to reach them.

In: chosen spans, what is allowed, and what tells of speech: voice activity or a transcript. Out: the spans with their
edges in pauses where that can be, within their scenes, what is free of other moments, and the budget.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from highlightr.core.transcript import Transcript
from highlightr.core.types import Features, Scores, Signal
from highlightr.scorers.speech.fusion import SPEECH as SAID
from highlightr.selection.edges import (
    AIR_SECONDS,
    OVER_SECONDS,
    SPEECH,
    find_pauses,
    is_quiet,
    move_to_pauses,
    pauses_between,
)
from highlightr.selection.options import SHORTEST_MOMENT_SECONDS, SelectionOptions
from highlightr.selection.spans import EPSILON_SECONDS, FRAGMENT_SECONDS, Mask, Pieces, Span, clip_overlaps

LEAST_ANSWER = 0.5
"""Share of its mean score that a moment keeps when its edges move: a pause beside what was chosen is no place to go."""

LONGEST_SENTENCE_SECONDS = 15.0
"""What goes on for longer without a pause is singing or noise, and may be cut anywhere. Set by hand."""


@dataclass(frozen=True)
class Pauses:
    """Where edges may lie."""

    spans: Sequence[Span]
    """In order, disjoint."""
    speech: Signal | None
    """Probability over time; `None` where a transcript tells."""
    over_seconds: float
    """How far an edge may leave its scene."""

    def breaks_off(self, edge: float, duration: float) -> bool:
        """Whether an edge lies in speech, and that lasts no longer than a sentence."""
        after = bisect_left(self.spans, edge - EPSILON_SECONDS, key=lambda pause: pause.stop)
        start = self.spans[after - 1].stop if after else 0.0
        stop = self.spans[after].start if after < len(self.spans) else duration
        return stop > edge + EPSILON_SECONDS and stop - start <= LONGEST_SENTENCE_SECONDS

    def near(self, span: Span) -> Pauses:
        """Those that reach into a span."""
        first = bisect_left(self.spans, span.start - EPSILON_SECONDS, key=lambda pause: pause.stop)
        after = bisect_right(self.spans, span.stop + EPSILON_SECONDS, key=lambda pause: pause.start)
        return replace(self, spans=self.spans[first:after])


PausesOf = Callable[[Span], Pauses | None]
"""Those that count for a moment; `None`: its edges stay."""


def pauses_for(
    scores: Scores, features: Features | None, transcript: Transcript | None, *, answering: bool
) -> PausesOf:
    """Utterances rule the edges of what was chosen for what is said in it, or without a query; else voice activity.

    A moment that was chosen for its pictures would lose much of them if it had to begin and end with sentences.
    """
    duration, speech = scores.grid.duration_seconds, None if features is None else features.signals.get(SPEECH)
    heard = None
    if speech is not None and len(speech.times_seconds):
        heard = Pauses(find_pauses(speech, duration), speech, OVER_SECONDS)
    if transcript is None or not transcript.utterances:
        return lambda _: heard
    # Of the clip that an utterance begins in, what lies before a cut is not part of its scene.
    over = AIR_SECONDS + scores.grid.clip_seconds
    between, said = Pauses(pauses_between(transcript, duration), None, over), scores.parts.get(SAID)

    def pauses_of(span: Span) -> Pauses | None:
        first, overlaps = clip_overlaps(scores.grid, span)
        clips = slice(first, first + len(overlaps))
        leads = said is not None and float((said[clips] - scores.values[clips] / 2) @ overlaps) > 0
        return between if leads or not answering else heard

    return pauses_of


@dataclass(frozen=True)
class FreeTime:
    """Where edges may go: what the caller allows, without what other moments hold."""

    pieces: Pieces
    allowed: Mask

    def around(self, span: Span, others: Sequence[Span] = ()) -> Span:
        """The stretch around a span that is allowed and free."""
        edges, blocked = self.pieces.edges, np.flatnonzero(~self.allowed)
        starts = np.concatenate([[0.0], edges[blocked + 1], [other.stop for other in others]])
        stops = np.concatenate([[self.pieces.stop], edges[blocked], [other.start for other in others]])
        low = starts[starts <= span.start + EPSILON_SECONDS].max()
        return Span(float(low), float(stops[stops >= span.stop - EPSILON_SECONDS].min()))

    def joins(self, span: Span, later: Span) -> bool:
        """Whether all between two spans is allowed and free."""
        return self.around(span, (later,)).stop >= later.start - EPSILON_SECONDS


def without_jumps(spans: Sequence[Span], free_time: FreeTime, options: SelectionOptions, rest: float) -> list[Span]:
    """Spans in order, those of one scene or one shot joined of which margins leave no more than `merge_gap_seconds`.

    As long as `rest` lasts, the seconds that may be added; not across a wall.
    """
    pieces, joined, margin = free_time.pieces, list(spans[:1]), sum(options.margin)
    for before, span in pairwise(spans):
        gap, end = span.start - before.stop, before.stop - 2 * EPSILON_SECONDS
        is_jump = EPSILON_SECONDS < gap <= margin + min(options.merge_gap_seconds, rest) + EPSILON_SECONDS
        if is_jump and _same_scene_or_shot(pieces, end, span.start) and free_time.joins(before, span):
            joined[-1] = Span(joined[-1].start, span.stop)
            rest -= gap - margin
        else:
            joined.append(span)
    return joined


def _same_scene_or_shot(pieces: Pieces, time: float, later: float) -> bool:
    """Whether two times lie in one scene or shot, without a wall between them."""
    walled = ((pieces.walls > time) & (pieces.walls <= later + EPSILON_SECONDS)).any()
    return not walled and any(home(time) == home(later) for home in (pieces.unit_at, pieces.shot_at))


@dataclass(frozen=True)
class EdgeMover:
    """Moves edges of moments out of speech."""

    pauses_of: PausesOf
    free_time: FreeTime
    options: SelectionOptions

    def moved(self, span: Span, others: Sequence[Span], longest: float) -> tuple[Span, bool]:
        """One moment beside the others, no longer than it is or than `longest`; and whether it breaks no sentence
        off."""
        pauses = self.pauses_of(span)
        if pauses is None:
            return span, True
        pieces = self.free_time.pieces
        free, scene_at = self.free_time.around(span, others), pieces.scene_at
        # A fragment of another scene does not count; with a transcript, utterances are scenes, however short.
        inset = 2 * EPSILON_SECONDS if pauses.speech is None else min(FRAGMENT_SECONDS, span.seconds / 2)
        scene = Span(scene_at(span.start + inset).start, scene_at(span.stop - inset).stop)
        longest = max(span.seconds, min(longest, self.options.max_seconds))
        room = Span(
            min(span.start, max(free.start, scene.start - pauses.over_seconds, span.start - longest)),
            max(span.stop, min(free.stop, scene.stop + pauses.over_seconds, span.stop + longest)),
        )
        shortest = self.options.shortest_seconds(pieces.stop)
        least = min(span.seconds / 2, shortest / 2, SHORTEST_MOMENT_SECONDS[0])
        if self.options.min_seconds is not None:
            least = min(span.seconds, self.options.min_seconds)
        level = LEAST_ANSWER * pieces.mean_score(span)
        near = pauses.near(room).spans
        moved = move_to_pauses(
            span, near, pauses.speech, room, least, longest, lambda moved: pieces.mean_score(moved) >= level
        )
        return moved, pauses.speech is None or not any(pauses.breaks_off(edge, pieces.stop) for edge in moved)

    def all_moved(self, spans: Sequence[Span], budget: float) -> list[Span]:
        """The longest moment first, within what is left of the budget.

        What is then shorter than a moment and still begins or ends in speech is a scrap of a sentence: it is left out,
        unless it is the best.
        """
        spans, pieces = self._joined_in_speech(spans), self.free_time.pieces
        left, scraps = list(spans), set()
        best, shortest = max(spans, key=pieces.mean_score), self.options.shortest_seconds(pieces.stop)
        for index in sorted(range(len(spans)), key=lambda each: -spans[each].seconds):
            rest = budget - sum(each.seconds + sum(self.options.margin) for each in left)
            others = [*left[:index], *left[index + 1 :]]
            left[index], whole = self.moved(left[index], others, left[index].seconds + rest)
            if not whole and left[index].seconds < shortest:
                scraps.add(index)
        return [span for index, span in enumerate(left) if index not in scraps or spans[index] == best]

    def _joined_in_speech(self, spans: Sequence[Span]) -> list[Span]:
        """Moments that touch inside a sentence are one: their common edge is no cut, and would be moved as one."""
        longest, joined = self.options.max_seconds + EPSILON_SECONDS, [spans[0]]
        for span in spans[1:]:
            whole, pauses = Span(joined[-1].start, span.stop), self.pauses_of(span)
            touch = span.start - joined[-1].stop <= EPSILON_SECONDS and whole.seconds <= longest
            if touch and pauses is not None and not is_quiet(span.start, pauses.spans):
                joined[-1] = whole
            else:
                joined.append(span)
        return joined
