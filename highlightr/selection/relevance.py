"""Which part of a video may be chosen: what the caller allows, with a query what answers it well enough, and once only.

In: scored pieces and options. Out: one yes or no per piece, and whether two spans look the same. Scores are compared as
log-odds, on which calibrated evidence adds up; scenes are judged first, because a viewer is shown them whole, and then
the moments of a long one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from highlightr.core.large_arrays import release
from highlightr.core.numeric import inside
from highlightr.core.types import FloatArray, Scores
from highlightr.selection.options import LEAST_SECONDS, SelectionOptions, nothing_left
from highlightr.selection.spans import EPSILON_SECONDS, Mask, Pieces, Span, clip_overlaps

RELEVANT_LOG_ODDS = 0.85
"""A scene answers a query too if its log-odds lie no further than this below the best scene's. Chosen on the tuning
half of edit_quality: from 0.6 to here half of the queries still get nothing but what they ask for, and more of it is
kept; at 1.0 they do not."""

SAME_LOOK = 0.985
"""Cosine of mean looks from which two spans are near-identical. In edit_quality's tuning half (cfsum-lite) 67 %
of 138 stretches that come again in another encoding and phase reach it, none of 2151 pairs of different clips (at
most 0.78), and 2 of 43 pairs of other stretches of one recording, which a viewer may want both: at 0.98 a wanted
one is lost in the videos with sound."""

MOMENT_LOG_ODDS = 1.5
"""Inside a scene that answers, how far below the best of the video a moment of it may lie: in a take of minutes, most
of it is something else. Likewise."""

STRETCH_SECONDS = 8.0
"""A scene is judged by its best stretch of this length."""

_LEAST_SCORE = 1e-6


def allowed_pieces(pieces: Pieces, options: SelectionOptions) -> tuple[Pieces, Mask]:
    """Pieces cut at the edges of `range` and `exclude`, and (P,) which are allowed; a `ConfigError` where none is.

    Stretches of which no moment can be made count only where there is no other; so does what reaches less far over a
    shot boundary. What is left of a clip that is no moment scores no better than what it goes on with.
    """
    for time in (time for span in (*options.range, *options.exclude) for time in span):
        if 0 < time < pieces.stop:
            pieces = pieces.split_at(time)
    middles = pieces.middles
    allowed = inside(middles, options.range or [(0.0, pieces.stop)]) & ~inside(middles, options.exclude)
    if not allowed.any():
        raise nothing_left(pieces.stop)
    runs = np.flatnonzero(np.diff(allowed, prepend=False, append=False)).reshape(-1, 2)
    scores, lengths, kept = pieces.scores.copy(), np.diff(pieces.edges), list[tuple[float, float]]()
    for run in runs:
        span = Span(*pieces.edges[run].tolist())
        # Not at the ends of the video: a last clip that is short is whole.
        cut_off = ((run[0], run[0] + 1, span.start > 0), (run[1] - 1, run[1] - 2, span.stop < pieces.stop))
        for edge, beside, is_cut_off in cut_off:
            if is_cut_off and lengths[edge] < LEAST_SECONDS - EPSILON_SECONDS and run[1] - run[0] > 1:
                scores[edge] = min(scores[edge], scores[beside])
        span = _without_slivers(pieces, span)
        if span.seconds >= LEAST_SECONDS - EPSILON_SECONDS:
            kept.append((span.start, span.stop))
    return replace(pieces, scores=scores), inside(middles, kept) if kept else allowed


def _without_slivers(pieces: Pieces, span: Span) -> Span:
    """Without the picture or two at its ends of a shot that it cuts off."""
    first, last = pieces.shot_at(span.start), pieces.shot_at(span.stop - 2 * EPSILON_SECONDS)
    if first.start < span.start - EPSILON_SECONDS and first.stop - span.start < LEAST_SECONDS - EPSILON_SECONDS:
        span = Span(first.stop, span.stop)
    if last.stop > span.stop + EPSILON_SECONDS and span.stop - last.start < LEAST_SECONDS - EPSILON_SECONDS:
        span = Span(span.start, last.start)
    return span


def relevant_pieces(pieces: Pieces, allowed: Mask) -> Mask:
    """(P,) the pieces that answer the query nearly as well as the best allowed one, in scenes that do; never none."""
    spans = [Span(*edges) for edges in pairwise(pieces.unit_edges.tolist())]
    odds = _log_odds(np.array([_best_stretch(pieces, span) for span in spans]))
    unit_odds = odds[np.searchsorted(pieces.unit_edges, pieces.middles, side="right") - 1]
    answering = allowed & (unit_odds >= unit_odds[allowed].max() - RELEVANT_LOG_ODDS)
    own_odds = _log_odds(pieces.scores)
    return np.asarray(answering & (own_odds >= own_odds[answering].max() - MOMENT_LOG_ODDS))


def _best_stretch(pieces: Pieces, scene: Span) -> float:
    """The highest mean score over `STRETCH_SECONDS` of a scene, or over all of one that is shorter."""
    length = min(STRETCH_SECONDS, scene.seconds)
    first, after = np.searchsorted(pieces.edges, [scene.start, scene.stop - length], side="right")
    starts = [scene.start, *pieces.edges[first:after].tolist()]
    return max(pieces.mean_score(Span(start, start + length)) for start in starts)


def _log_odds(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    kept = np.clip(scores, _LEAST_SCORE, 1 - _LEAST_SCORE)
    return np.asarray(np.log(kept / (1 - kept)))


def same_look(look: FloatArray | None, other: FloatArray | None) -> bool:
    """Whether two spans of these mean looks are near-identical, which are shown once; never, where one is not known."""
    return look is not None and other is not None and float(look @ other) >= SAME_LOOK


def mean_look(scores: Scores, span: Span) -> FloatArray | None:
    """(width,) unit length, or zeros: of the clips that a span covers, by how much it covers them; `None`: unknown."""
    if scores.looks is None:
        return None
    first, overlaps = clip_overlaps(scores.grid, span)
    rows = scores.looks[first : first + len(overlaps)].astype(np.float64)
    release(scores.looks)
    mean = overlaps @ (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9))
