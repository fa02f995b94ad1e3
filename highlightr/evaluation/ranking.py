"""Metrics of one ranking: labels of clips and the scores that rank them go in, one number comes out.

Pure numpy (scipy for rank correlation), torch-free. Labels are (num_clips,) 0 or 1, scores (num_clips,) finite, higher
is better. Every function returns a fraction in [0, 1] or a correlation in [-1, 1]; percentages are made in `protocols`.
What ties do is stated in each docstring, because it moves figures.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from highlightr.core.extras import need

Array = npt.NDArray[np.float64]


def ranked(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Array:
    """Labels (num_clips,) in order of falling score; among equal scores the earlier clip comes first."""
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    return np.asarray(labels, dtype=np.float64)[order]


def _precision_steps(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Array, Array]:
    """Precision at, and number of positives in, every group of equal scores, from the highest score down."""
    scores = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-scores, kind="stable")
    last_of_group = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    hits = np.cumsum(np.asarray(labels, dtype=np.float64)[order])[last_of_group]
    return hits / (last_of_group + 1), np.diff(hits, prepend=0.0)


def average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Area under the precision-recall curve as a sum of steps, without interpolation.

    Clips with equal scores form one step, so the result does not depend on their order; 0 where no clip is positive.

    Source: the definition of scikit-learn's ``average_precision_score``, which the Mr.HiSum protocols call.
    """
    precision, new_hits = _precision_steps(labels, scores)
    total = float(new_hits.sum())
    return float((precision * new_hits).sum() / total) if total else 0.0


def interpolated_average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Mean, over the recall levels that are reached, of the best precision at that recall or a higher one.

    Clips with equal scores form one recall level, counted once however many positives it holds; 0 where no clip is
    positive, 1 where all are.

    Source: ``get_ap`` of Video2GIF's evaluation, which Moment-DETR's QVHighlights evaluator took over.
    """
    precision, new_hits = _precision_steps(labels, scores)
    if not new_hits.any():
        return 0.0
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best[new_hits > 0].mean())


def trapezoid_average_precision(ranked_labels: npt.ArrayLike) -> float:
    """Area under the precision-recall curve by the trapezoid rule, starting at precision 1 and recall 0.

    The best clip comes first. Recall counts only the positives in the list that is given: cut to the first five, it is
    the top-5 AP. 0 where the list holds no positive.

    Source: UMT (Liu et al., CVPR 2022), evaluation of TVSum and YouTube Highlights.
    """
    labels = np.asarray(ranked_labels, dtype=np.float64)
    total = float(labels.sum())
    if not total:
        return 0.0
    hits = np.cumsum(labels)
    precision = np.concatenate([[1.0], hits / np.arange(1, len(labels) + 1)])
    recall = np.concatenate([[0.0], hits / total])
    return float((np.diff(recall) * (precision[1:] + precision[:-1]) / 2).sum())


def expected_hit_at_1(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Chance that the best clip is positive when ties are broken at random: mean label of the highest scores."""
    scores = np.asarray(scores, dtype=np.float64)
    return float(np.asarray(labels, dtype=np.float64)[scores == scores.max()].mean())


def spearman(scores: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Spearman's rank correlation with mean ranks for ties; 0 where a side is constant (undefined otherwise)."""
    return _correlation("spearmanr", scores, truth)


def kendall(scores: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Kendall's tau-b; 0 where a side is constant (undefined otherwise)."""
    return _correlation("kendalltau", scores, truth)


def _correlation(name: str, scores: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    need("rank correlation", "scipy")
    from scipy import stats  # costs most of a second, and only the Mr.HiSum protocols need it

    left, right = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if len(left) < 2 or np.ptp(left) == 0 or np.ptp(right) == 0:
        return 0.0
    return float(getattr(stats, name)(left, right)[0])
