"""From scores to the segments of the summary.

In: scores per clip, the shots, and the options. Out: `Segment`s in order of time, disjoint, within the video and
the budget, each with its mean score and the reasons of the clips it covers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np

from highlightr.core.checks import check_fields, check_text, plain
from highlightr.core.errors import ConfigError, NoMatchError
from highlightr.core.transcript import Transcript
from highlightr.core.types import Features, Scores, Segment, Shot
from highlightr.selection.budget import select_shots
from highlightr.selection.moments import Moments
from highlightr.selection.options import SelectionOptions
from highlightr.selection.pauses import EdgeMover, FreeTime, PausesOf, pauses_for, without_jumps
from highlightr.selection.reasons import segment_reasons, title_of
from highlightr.selection.relevance import allowed_pieces, relevant_pieces
from highlightr.selection.spans import EPSILON_SECONDS, Span, clip_overlaps, cut_into_pieces


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
        At least one segment. Their lengths sum to at most the budget; a video that it holds is kept whole.

    Raises:
        ConfigError: `range` and `exclude` leave nothing of the video.
        NoMatchError: nothing reaches `threshold`.
    """
    options = options or SelectionOptions()
    pauses_of = pauses_for(scores, features, transcript, answering=answering)
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


def given_segment(given: Segment, end_seconds: float) -> Segment:
    """A caller's segment with numbers of Python's own, clamped to the video.

    Raises:
        ConfigError: a field of another type, or a number that it cannot have.
    """
    segment = Segment(**{item.name: plain(getattr(given, item.name)) for item in fields(given)})
    check_fields(segment)
    for reason in segment.reasons:
        check_fields(reason)
    check_text("the segment's text", segment.title, *segment.quotes, *(reason.label for reason in segment.reasons))
    if not all(map(math.isfinite, (segment.score, *(reason.weight for reason in segment.reasons)))):
        raise ConfigError(f"a segment's score and its reasons' weights must be finite numbers, got {segment!r}")
    start, stop = segment.start_seconds, segment.stop_seconds
    if not start < stop:
        raise ConfigError(f"a segment must begin before it ends, got {start:g} to {stop:g}")
    return replace(segment, start_seconds=max(0.0, start), stop_seconds=min(stop, end_seconds))


def _choose(
    scores: Scores, shots: Sequence[Shot], options: SelectionOptions, pauses_of: PausesOf, *, answering: bool
) -> list[Span]:
    """The spans of the summary, in order of time."""
    duration = scores.grid.duration_seconds
    filling = not answering or options.fill or options.mode == "knapsack"
    pieces, eligible = allowed_pieces(cut_into_pieces(scores, shots), options)
    allowed = eligible.copy()
    if options.threshold is not None:
        eligible &= pieces.scores >= np.float32(options.threshold)  # As the scores are kept.
    elif not filling:
        eligible = relevant_pieces(pieces, eligible)
    if not eligible.any():
        best = math.floor(round(100 * pieces.scores[allowed].max(), 4)) / 100  # So that what is told is reached.
        raise NoMatchError(f"no moment scores {options.threshold:g}, the best {best:.2f}: lower the threshold")
    budget = options.budget_seconds(duration)
    if eligible.all() and duration <= budget + EPSILON_SECONDS:
        return [Span(0.0, duration)]
    if options.mode == "knapsack":
        if chosen := select_shots(pieces, options, budget, eligible):
            return chosen
        options = replace(options, margin=(0.0, 0.0))
    if not filling and scores.match is not None and scores.match.verdict == "none":
        options = replace(options, max_clips=1)
    options = options.with_room(duration)
    beside = allowed if options.threshold is None else eligible
    mover = EdgeMover(pauses_of, FreeTime(pieces, allowed), options)
    spans = Moments(pieces, options, budget, eligible, beside, scores, mover if filling else None).select()
    if not filling:
        spans = mover.all_moved(spans, budget)
    rest = budget - sum(span.seconds + sum(options.margin) for span in spans)
    spans = without_jumps(spans, mover.free_time, options, rest)
    return _with_margin(spans, mover.free_time, options.margin)


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
