"""From scores to the segments of the summary.

In: scores per clip, the shots, and the options. Out: `Segment`s in order of time, disjoint, within the video and
the budget, each with its mean score and the reasons of the clips it covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from highlightr.core.types import Scores, Segment, Shot
from highlightr.selection.budget import select_shots
from highlightr.selection.moments import select_moments
from highlightr.selection.options import SelectionOptions
from highlightr.selection.reasons import segment_reasons, title_of
from highlightr.selection.spans import EPSILON_SECONDS, Span, clip_overlaps, cut_into_pieces

__all__ = ["select_segments"]


def select_segments(
    scores: Scores, shots: Sequence[Shot], options: SelectionOptions | None = None
) -> tuple[Segment, ...]:
    """Choose what is kept.

    Args:
        scores: one saliency score per clip.
        shots: the shots in order of time, covering the video; empty counts as one shot.
        options: lengths, limits and mode; `None`: the defaults.

    Returns:
        At least one segment. Their lengths sum to at most the budget, except that a video no longer than
        `min_seconds` is kept whole: there is nothing to choose in it.
    """
    options = options or SelectionOptions()
    duration = scores.grid.duration_seconds
    budget = options.budget_seconds(duration)
    if duration <= max(budget, options.min_seconds) + EPSILON_SECONDS:
        return (_segment(scores, Span(0.0, duration)),)
    pieces = cut_into_pieces(scores, shots)
    choose = select_moments if options.mode == "moments" else select_shots
    return _ranked([_segment(scores, span) for span in choose(pieces, options, budget)], options)


def _ranked(segments: Sequence[Segment], options: SelectionOptions) -> tuple[Segment, ...]:
    """Numbered by score, in the order that was asked for; equal scores in order of time."""
    best_first = sorted(segments, key=lambda segment: (-segment.score, segment.start_seconds))
    numbered = [replace(segment, rank=rank) for rank, segment in enumerate(best_first, start=1)]
    if options.order == "time":
        numbered.sort(key=lambda segment: segment.start_seconds)
    return tuple(numbered)


def _segment(scores: Scores, span: Span) -> Segment:
    first, overlaps = clip_overlaps(scores.grid, span)
    values = scores.values[first : first + len(overlaps)].astype(np.float64)
    mean = float(np.dot(values, overlaps) / overlaps.sum())
    reasons = segment_reasons(scores, span)
    return Segment(span.start, span.stop, min(max(mean, 0.0), 1.0), reasons, title=title_of(reasons))
