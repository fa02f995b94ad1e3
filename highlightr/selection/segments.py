"""From scores to the segments of the summary.

In: scores per clip, the shots, and the options. Out: `Segment`s in order of time, disjoint, within the video and
the budget, each with its mean score and the reasons of the clips it covers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from highlightr.core.errors import ConfigError, NoMatchError
from highlightr.core.transcript import Transcript
from highlightr.core.types import Features, Scores, Segment, Shot, Signal
from highlightr.scorers.speech.fusion import SPEECH as SAID
from highlightr.selection.budget import select_shots
from highlightr.selection.edges import (
    AIR_SECONDS,
    OVER_SECONDS,
    SPEECH,
    find_pauses,
    in_pauses,
    is_quiet,
    move_to_pauses,
    pauses_between,
)
from highlightr.selection.moments import FRAGMENT_SECONDS, select_moments
from highlightr.selection.options import SHORTEST_MOMENT_SECONDS, SelectionOptions
from highlightr.selection.reasons import segment_reasons, title_of
from highlightr.selection.relevance import allowed_pieces, relevant_pieces
from highlightr.selection.spans import EPSILON_SECONDS, Mask, Pieces, Span, clip_overlaps, cut_into_pieces

LEAST_ANSWER = 0.5
"""Share of its mean score that a moment keeps when its edges move: a pause beside what was chosen is no place to go."""


def select_segments(
    scores: Scores,
    shots: Sequence[Shot],
    options: SelectionOptions | None = None,
    features: Features | None = None,
    *,
    answering: bool = False,
    transcript: Transcript | None = None,
) -> tuple[Segment, ...]:
    """Choose what is kept.

    Args:
        shots: the shots in order of time, covering the video; empty counts as one shot.
        features: of the video; edges move to pauses where it tells who speaks.
        answering: the scores answer a query, so the budget is a ceiling; otherwise it is filled.
        transcript: edges move to the ends of its utterances; `None`: to pauses in the sound.

    Returns:
        At least one segment. Their lengths sum to at most the budget, except that a video no longer than the shortest
        moment is kept whole: there is nothing to choose in it.

    Raises:
        ConfigError: `range` and `exclude` leave nothing of the video.
        NoMatchError: nothing reaches `threshold`.
    """
    options = options or SelectionOptions()
    pauses_of = _pauses(scores, features, transcript, answering=answering)
    spans = _choose(scores, shots, options, pauses_of, answering=answering)
    segments = ranked([_segment(scores, span) for span in spans])
    return segments if options.order == "time" else tuple(sorted(segments, key=lambda segment: segment.rank))


def segments_of(scores: Scores, spans: Sequence[Span]) -> tuple[Segment, ...]:
    """Spans chosen by the caller, as segments in their order: with the score, reasons, rank and title that each has.

    Raises:
        ConfigError: a span that is empty or does not lie within the video.
    """
    duration = scores.grid.duration_seconds
    for number, span in enumerate(spans, start=1):
        if not 0 <= span.start < span.stop <= duration + EPSILON_SECONDS:
            raise ConfigError(
                f"segment {number} must begin before it ends, within the video (0 to {duration:g} s); "
                f"got {span.start:g} to {span.stop:g}"
            )
    return ranked([_segment(scores, span) for span in spans])


@dataclass(frozen=True)
class Pauses:
    """Where edges may lie."""

    spans: Sequence[Span]
    speech: Signal | None
    """Probability over time; `None` where a transcript tells."""
    over_seconds: float
    """How far an edge may leave its scene."""


PausesOf = Callable[[Span], Pauses | None]
"""Those that count for a moment; `None`: its edges stay."""


def _pauses(scores: Scores, features: Features | None, transcript: Transcript | None, *, answering: bool) -> PausesOf:
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


def _choose(
    scores: Scores, shots: Sequence[Shot], options: SelectionOptions, pauses_of: PausesOf, *, answering: bool
) -> list[Span]:
    """The spans of the summary, in order of time."""
    duration = scores.grid.duration_seconds
    filling = not answering or options.fill or options.mode == "knapsack"
    pieces, eligible = allowed_pieces(cut_into_pieces(scores, shots), options)
    allowed = eligible.copy()
    if options.threshold is not None:
        eligible &= pieces.scores >= options.threshold
    elif not filling:
        eligible = relevant_pieces(pieces, eligible)
    if not eligible.any():
        raise NoMatchError(
            f"no moment scores {options.threshold:g}, the best {scores.values.max():.2f}: lower the threshold"
        )
    budget = options.budget_seconds(duration)
    if eligible.all() and duration <= max(budget, options.shortest_seconds(duration)) + EPSILON_SECONDS:
        return [Span(0.0, duration)]
    if options.mode == "knapsack":
        if chosen := select_shots(pieces, options, budget, eligible):
            return chosen
        options = replace(options, margin=(0.0, 0.0))
    if not filling and scores.match is not None and scores.match.verdict == "none":
        options = replace(options, max_clips=1)
    options = options.with_room(duration)
    beside = allowed if options.threshold is None else eligible
    spans = select_moments(pieces, options, budget, eligible, beside, scores, fill=filling)
    free_time = FreeTime(pieces, allowed)
    return _with_margin(_in_pauses(spans, pauses_of, free_time, options, budget), free_time, options.margin)


@dataclass(frozen=True)
class FreeTime:
    """Where edges may go: what the caller allows, without what other moments hold."""

    pieces: Pieces
    allowed: Mask

    def around(self, span: Span, others: Sequence[Span]) -> Span:
        """The stretch around a span that is allowed and free."""
        edges = self.pieces.edges
        blocked = np.flatnonzero(~self.allowed)
        starts = [0.0, *(edges[blocked + 1]).tolist(), *(other.stop for other in others)]
        stops = [self.pieces.stop, *(edges[blocked]).tolist(), *(other.start for other in others)]
        low = max(time for time in starts if time <= span.start + EPSILON_SECONDS)
        high = min(time for time in stops if time >= span.stop - EPSILON_SECONDS)
        return Span(low, high)


def _in_pauses(
    spans: Sequence[Span], pauses_of: PausesOf, free_time: FreeTime, options: SelectionOptions, budget: float
) -> list[Span]:
    """Move edges out of speech, the longest moment first, within what is left of the budget.

    What is then shorter than a moment and still begins or ends in speech is a scrap of a sentence: it is left out,
    unless it is the best.
    """
    spans = _joined_in_speech(spans, pauses_of, options.max_seconds)
    moved, scraps = list(spans), set()
    best, shortest = max(spans, key=free_time.pieces.mean_score), options.shortest_seconds(free_time.pieces.stop)
    for index in sorted(range(len(spans)), key=lambda each: -spans[each].seconds):
        pauses = pauses_of(moved[index])
        if pauses is None:
            continue
        moved[index] = span = _moved(moved, index, pauses, free_time, options, budget)
        if pauses.speech is not None and span.seconds < shortest and not in_pauses(span, pauses.spans):
            scraps.add(index)
    return [span for index, span in enumerate(moved) if index not in scraps or spans[index] == best]


def _joined_in_speech(spans: Sequence[Span], pauses_of: PausesOf, longest: float) -> list[Span]:
    """Moments that touch inside a sentence are one: their common edge is no cut, and would be moved apart for one."""
    joined = [spans[0]]
    for span in spans[1:]:
        whole, pauses = Span(joined[-1].start, span.stop), pauses_of(span)
        touch = span.start - joined[-1].stop <= EPSILON_SECONDS and whole.seconds <= longest + EPSILON_SECONDS
        if touch and pauses is not None and not is_quiet(span.start, pauses.spans):
            joined[-1] = whole
        else:
            joined.append(span)
    return joined


def _moved(
    spans: Sequence[Span], index: int, pauses: Pauses, free_time: FreeTime, options: SelectionOptions, budget: float
) -> Span:
    """One of the spans with its edges in pauses."""
    span, others = spans[index], [*spans[:index], *spans[index + 1 :]]
    rest = budget - sum(each.seconds + sum(options.margin) for each in spans)
    free, scene_at = free_time.around(span, others), free_time.pieces.scene_at
    # A fragment of another scene does not count; with a transcript, utterances are scenes, however short.
    inset = 2 * EPSILON_SECONDS if pauses.speech is None else min(FRAGMENT_SECONDS, span.seconds / 2)
    scene = Span(scene_at(span.start + inset).start, scene_at(span.stop - inset).stop)
    longest = span.seconds + max(0.0, min(rest, options.max_seconds - span.seconds))
    room = Span(
        min(span.start, max(free.start, scene.start - pauses.over_seconds, span.start - longest)),
        max(span.stop, min(free.stop, scene.stop + pauses.over_seconds, span.stop + longest)),
    )
    least = min(span.seconds / 2, options.shortest_seconds(free_time.pieces.stop) / 2, SHORTEST_MOMENT_SECONDS[0])
    score_of = free_time.pieces.mean_score
    level = LEAST_ANSWER * score_of(span)
    return move_to_pauses(
        span, pauses.spans, pauses.speech, room, least, longest, lambda moved: score_of(moved) >= level
    )


def _with_margin(spans: Sequence[Span], free_time: FreeTime, margin: tuple[float, float]) -> list[Span]:
    """Lengthen each span by the margin, as far as there is room."""
    longer: list[Span] = []
    for index, span in enumerate(spans):
        free = free_time.around(span, [*longer, *spans[index + 1 :]])
        longer.append(Span(max(free.start, span.start - margin[0]), min(free.stop, span.stop + margin[1])))
    return longer


def ranked(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """The segments in their order, numbered by score; equal scores in order of time."""
    best_first = sorted(range(len(segments)), key=lambda index: (-segments[index].score, segments[index].start_seconds))
    ranks = {index: rank for rank, index in enumerate(best_first, start=1)}
    return tuple(replace(segment, rank=ranks[index]) for index, segment in enumerate(segments))


def mean_score(scores: Scores, span: Span) -> float:
    """Of the clips that a span covers, weighted by overlap, in [0, 1]."""
    first, overlaps = clip_overlaps(scores.grid, span)
    values = scores.values[first : first + len(overlaps)].astype(np.float64)
    return min(max(float(np.dot(values, overlaps) / overlaps.sum()), 0.0), 1.0)


def _segment(scores: Scores, span: Span) -> Segment:
    reasons = segment_reasons(scores, span)
    return Segment(span.start, span.stop, mean_score(scores, span), reasons, title=title_of(reasons))
