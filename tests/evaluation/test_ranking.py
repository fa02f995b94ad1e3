"""Each ranking metric on lists small enough to work by hand, and against slow definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from highlightr.evaluation.ranking import (
    average_precision,
    expected_hit_at_1,
    interpolated_average_precision,
    kendall,
    ranked,
    spearman,
    trapezoid_average_precision,
)

RANKINGS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=1, max_size=12)


def test_average_precision_by_hand() -> None:
    # positives at ranks 1 and 3: (1/1 + 2/3) / 2
    assert average_precision([1, 0, 1, 0], [4, 3, 2, 1]) == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_of_ties_is_one_step() -> None:
    assert average_precision([1, 0, 0, 0], [1, 1, 1, 1]) == pytest.approx(0.25)
    assert average_precision([0, 0, 0, 1], [1, 1, 1, 1]) == pytest.approx(0.25)


def test_average_precision_without_positives_is_zero() -> None:
    assert average_precision([0, 0], [1, 2]) == 0


def slow_average_precision(labels: list[int], scores: list[int]) -> float:
    total = 0.0
    for threshold in sorted(set(scores), reverse=True):
        kept = [label for label, score in zip(labels, scores, strict=True) if score >= threshold]
        new = sum(label for label, score in zip(labels, scores, strict=True) if score == threshold)
        total += new * sum(kept) / len(kept)
    return total / sum(labels) if sum(labels) else 0.0


@given(RANKINGS)
def test_average_precision_agrees_with_its_definition(pairs: list[tuple[int, int]]) -> None:
    labels, scores = map(list, zip(*pairs, strict=True))
    assert average_precision(labels, scores) == pytest.approx(slow_average_precision(labels, scores))


def slow_interpolated(labels: list[int], scores: list[int]) -> float:
    """Precision and recall at every threshold, then the best precision at each recall reached or beyond."""
    points = {}
    for threshold in set(scores):
        kept = [label for label, score in zip(labels, scores, strict=True) if score >= threshold]
        recall = sum(kept)
        points.setdefault(recall, []).append(sum(kept) / len(kept))
    reached = [recall for recall in points if recall > 0]
    best = [max(max(points[other]) for other in reached if other >= recall) for recall in reached]
    return float(np.mean(best)) if best else 0.0


@given(RANKINGS)
def test_interpolated_average_precision_agrees_with_its_definition(pairs: list[tuple[int, int]]) -> None:
    labels, scores = map(list, zip(*pairs, strict=True))
    assert interpolated_average_precision(labels, scores) == pytest.approx(slow_interpolated(labels, scores))


def test_interpolation_lifts_a_dip() -> None:
    # precision at the positives: 1/2, 2/3; interpolated both are 2/3
    assert interpolated_average_precision([0, 1, 1], [3, 2, 1]) == pytest.approx(2 / 3)
    assert average_precision([0, 1, 1], [3, 2, 1]) == pytest.approx((1 / 2 + 2 / 3) / 2)


@pytest.mark.parametrize(
    ("labels", "expected"), [("01011", 0.405556), ("01111", 0.579167), ("11001", 0.85), ("00000", 0.0), ("11111", 1.0)]
)
def test_trapezoid_average_precision_of_published_sequences(labels: str, expected: float) -> None:
    assert trapezoid_average_precision([int(label) for label in labels]) == pytest.approx(expected, abs=5e-7)


def test_ranked_keeps_the_earlier_of_equal_scores_first() -> None:
    assert ranked([10, 20, 30], [1, 2, 1]).tolist() == [20, 10, 30]


def test_expected_hit_at_1_averages_over_ties() -> None:
    assert expected_hit_at_1([0, 1, 1, 0], [2, 2, 2, 1]) == pytest.approx(2 / 3)
    assert expected_hit_at_1([0, 1], [1, 2]) == 1


def test_correlations_agree_with_closed_forms() -> None:
    # no ties: rho = 1 - 6 sum d^2 / (n (n^2 - 1)), tau = (concordant - discordant) / pairs
    assert spearman([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert kendall([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx((5 - 1) / 6)


def test_correlation_with_a_constant_is_zero_and_warns_of_nothing() -> None:
    assert spearman([1, 1, 1], [1, 2, 3]) == kendall([1, 2, 3], [5, 5, 5]) == spearman([1], [2]) == 0


def test_kendall_handles_ties_as_tau_b() -> None:
    left, right = [1, 1, 2, 3], [1, 2, 2, 3]
    assert kendall(left, right) == pytest.approx(stats.kendalltau(left, right)[0])
