"""TVSum and YouTube Highlights metrics worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from highlightr.datasets.items import youtube_labels
from highlightr.evaluation.umt import above_lower_median, tvsum_top5_ap, youtube_ap


def test_median_of_an_even_number_is_the_lower_middle() -> None:
    # the middle ratings are 2 and 2.4; taking the upper one would leave 2.4 out
    assert above_lower_median(np.array([5.0, 1.0, 2.4, 2.0])).tolist() == [1, 0, 1, 0]
    assert above_lower_median(np.array([1.0, 2.0, 3.0])).tolist() == [0, 0, 1]


def test_youtube_reference() -> None:
    match = np.array([1, 0, -1, 1, 0, 1, -1, 0])
    scores = np.array([0.9, 0.8, 0.1, 0.7, 0.6, 0.2, 0.3, 0.5])
    assert youtube_ap(scores, match) == pytest.approx(0.65476, abs=5e-6)


def test_youtube_counts_only_matched_clips() -> None:
    assert youtube_labels([1, 0, -1]).tolist() == [1, 0, 0]
    assert youtube_ap(np.array([1.0, 2.0]), np.array([-1, 0])) == 0


@pytest.mark.parametrize(("top", "expected"), [("01011", 0.405556), ("01111", 0.579167), ("11001", 0.85)])
def test_tvsum_ranks_five_clips_and_asks_each_annotator(top: str, expected: float) -> None:
    # eleven clips, the first five ranked first; positives outside them do not count in recall
    labels = np.array([int(label) for label in top] + [0] * 6, dtype=float)
    other = np.array([0] * 10 + [1], dtype=float)
    scores = -np.arange(11.0)
    ap = tvsum_top5_ap(scores, np.stack([1 + labels, 1 + other], axis=1))
    assert ap == pytest.approx(expected / 2, abs=5e-7)


def test_tvsum_takes_the_median_before_it_cuts_to_the_scores() -> None:
    # over all four ratings the lower median is 1, so 2 is positive; over the first two it would be 2
    ratings = np.array([[2.0], [3.0], [1.0], [1.0]])
    assert tvsum_top5_ap(np.array([0.9, 0.1]), ratings) == pytest.approx(1)
