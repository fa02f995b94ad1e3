"""The three variants of Mr.HiSum's metrics: the reference sequence, ties, tails, and the knapsack by brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from highlightr.evaluation.mrhisum import (
    VARIANTS,
    frame_f1,
    knapsack_summary,
    segment_average_precision,
    segment_means,
    summary_f1,
)
from highlightr.evaluation.ranking import kendall, spearman

INDEX = np.arange(37)
TRUTH = ((7 * INDEX**2 + 3 * INDEX) % 19) / 18
SCORES = ((5 * INDEX**2 + 2 * INDEX + 4) % 17) / 16


@pytest.mark.parametrize(
    ("variant", "ap50", "ap15"),
    [("mrhisum", 0.854167, 0.5), ("davihd", 0.854167, 0.166667), ("triplesumm", 0.816667, 0.7)],
)
def test_reference_sequence(variant: str, ap50: float, ap15: float) -> None:
    assert segment_average_precision(SCORES, TRUTH, 0.5, VARIANTS[variant]) == pytest.approx(ap50, abs=5e-7)
    assert segment_average_precision(SCORES, TRUTH, 0.15, VARIANTS[variant]) == pytest.approx(ap15, abs=5e-7)


def test_reference_correlations() -> None:
    assert spearman(SCORES, TRUTH) == pytest.approx(0.072881, abs=5e-7)
    assert kendall(SCORES, TRUTH) == pytest.approx(0.055831, abs=5e-7)


def test_tail_is_its_own_mean_or_padded() -> None:
    frames = [1, 1, 1, 1, 1, 2, 2]
    assert segment_means(frames, pad_tail=False).tolist() == [1, 2]
    assert segment_means(frames, pad_tail=True).tolist() == pytest.approx([1, 0.8])


def test_a_short_video_has_no_highlight_under_floor_and_one_under_the_others() -> None:
    frames = [0.1] * 5 + [0.9] * 5  # two segments: 15 % of 2 is 0.3
    assert segment_average_precision(frames, frames, 0.15, VARIANTS["mrhisum"]) == 0
    assert segment_average_precision(frames, frames, 0.15, VARIANTS["davihd"]) == 1
    assert segment_average_precision(frames, frames, 0.15, VARIANTS["triplesumm"]) == 1


def test_of_equal_segments_mrhisum_takes_the_earlier_and_davihd_the_later() -> None:
    truth = [1] * 5 + [0] * 25 + [1] * 5  # seven segments: 15 % is one
    first_wins = [0.9] * 5 + [0.5] * 25 + [0.1] * 5
    assert segment_average_precision(first_wins, truth, 0.15, VARIANTS["mrhisum"]) == 1
    assert segment_average_precision(first_wins, truth, 0.15, VARIANTS["davihd"]) == pytest.approx(1 / 7)


def test_frame_f1_by_hand() -> None:
    # the upper halves are {2, 3} and {1, 3}: one frame in common
    assert frame_f1([0.1, 0.2, 0.8, 0.9], [0.1, 0.8, 0.2, 0.9]) == pytest.approx(0.5)
    assert frame_f1([3.0], [1.0]) == pytest.approx(1)


def test_summary_f1_fills_the_shorter_side_with_zeros() -> None:
    # overlap 1, chosen 1, wanted 3: precision 1, recall 1/3
    assert summary_f1([1], [1, 0, 1, 1]) == pytest.approx(0.5)
    assert summary_f1([0, 0], [1, 1]) == 0


def test_knapsack_prefers_value_within_the_budget() -> None:
    scores = np.repeat([0.9, 0.5, 0.5], [4, 2, 2]).astype(float)
    shots = [[0, 4], [4, 6], [6, 8]]
    # half of 8 frames is 4: one shot of value 0.9, or two of 0.5 each, minus what the stop frame takes in
    assert knapsack_summary(scores, shots, 0.5).tolist() == [False] * 4 + [True] * 4
    assert not knapsack_summary(scores, shots, 0.15).any()  # one frame: no shot fits


def test_a_shot_is_valued_with_its_stop_frame() -> None:
    # the first shot's mean takes in frame 2 (0.0): 2/3 < 0.9, so the second wins
    assert knapsack_summary([1.0, 1.0, 0.0, 0.9, 0.9, 0.9], [[0, 2], [3, 5]], 0.34).tolist() == [False] * 2 + [True] * 2


@pytest.mark.parametrize("seed", range(20))
def test_knapsack_reaches_the_best_value(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bounds = np.concatenate([[0], np.cumsum(rng.integers(1, 7, size=8))])
    shots = np.stack([bounds[:-1], bounds[1:]], axis=1)
    scores = rng.random(bounds[-1]).astype(np.float32)
    room = int(len(scores) * 0.4)
    values = np.array([scores[start : stop + 1].mean() for start, stop in shots], dtype=np.float64)
    lengths = shots[:, 1] - shots[:, 0]
    picks = [np.array(pick) for pick in product([0, 1], repeat=8)]
    best = max(float(pick @ values) for pick in picks if pick @ lengths <= room)
    mask = knapsack_summary(scores, shots, 0.4)
    chosen = np.array([mask[start:stop].all() for start, stop in shots])
    assert mask.sum() <= room
    assert float(chosen @ values) == pytest.approx(best)
