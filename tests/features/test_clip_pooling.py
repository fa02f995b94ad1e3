from __future__ import annotations

import numpy as np
import pytest

from highlightr.core.types import TimeGrid
from highlightr.features.clip_pooling import ClipMeans, clip_maxima, fill_gaps, overlaps

GRID = TimeGrid(4.5, 1.0)


def test_means_are_weighted_and_gaps_repeat_the_nearest() -> None:
    means = ClipMeans(GRID, 1)
    assert means.empty
    means.add(np.array([0, 0]), [[1.0], [4.0]], [2.0, 1.0])
    means.add(np.array([3]), [[8.0]])
    assert not means.empty
    assert means.result()[:, 0].tolist() == [2.0, 2.0, 8.0, 8.0, 8.0]
    assert means.result().dtype == np.float32


def test_maxima_and_their_gaps() -> None:
    maxima = clip_maxima(GRID, np.array([1, 1, 4]), [3.0, 7.0, -2.0])
    assert maxima.tolist() == [7.0, 7.0, 7.0, -2.0, -2.0]


@pytest.mark.parametrize(
    ("filled", "expected"),
    [([1, 0, 0, 0, 1], [0, 0, 0, 4, 4]), ([0, 0, 1, 0, 0], [2, 2, 2, 2, 2]), ([1, 1, 1, 1, 1], [0, 1, 2, 3, 4])],
)
def test_the_earlier_of_two_equally_near_fills_a_gap(filled: list[int], expected: list[int]) -> None:
    rows = np.arange(5, dtype=np.float32)
    assert fill_gaps(rows, np.array(filled, dtype=bool)).tolist() == expected


@pytest.mark.parametrize(
    ("start", "stop", "clips", "seconds"),
    [
        (0.48, 1.44, [0, 1], [0.52, 0.44]),
        (1.0, 2.0, [1], [1.0]),
        (0.5, 3.0, [0, 1, 2], [0.5, 1.0, 1.0]),
        (4.4, 5.36, [4], [0.6]),
        (9.0, 9.5, [4], [1.0]),
    ],
)
def test_overlaps(start: float, stop: float, clips: list[int], seconds: list[float]) -> None:
    found, shares = overlaps(GRID, start, stop)
    assert found.tolist() == clips
    np.testing.assert_allclose(shares, seconds)
