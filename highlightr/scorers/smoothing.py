"""Evidence is pooled over what belongs together: neighbours in time, shots, and scenes of several shots.

In and out: (num_clips,) float32. A constant stays the same constant under each of these. Scenes are found in what
the clips look (or sound) like, by joining neighbours that are most alike, again and again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from highlightr.core.checks import check_between
from highlightr.core.errors import ConfigError
from highlightr.core.large_arrays import spans
from highlightr.core.types import FloatArray, Shot, TimeGrid
from highlightr.scorers.configs import FromMapping

_WINDOW_CLIPS = 2048
"""Scenes are found in stretches of this many clips; what is joined across their edges does not matter at hours."""

_LEAST_SCORE = 1e-6
"""Class scores below this are all the same: absent."""

_SHORTEST_SCENE_SECONDS = 0.01


@dataclass(frozen=True)
class PoolingConfig(FromMapping):
    """How evidence for a query is pooled; defaults were chosen on the tuning half of benchmarks/captioned_retrieval."""

    audio_share: float = 0.35
    """Weight of what is heard beside what is seen, where both are there, in [0, 1]."""
    scene_seconds: tuple[float, ...] = (8.0, 12.0, 16.0)
    """Mean lengths of the scenes that evidence is pooled over, each with weight 1."""
    shot_weight: float = 0.5
    """Weight of the mean over the shot."""
    smooth_clips: int = 3
    """Clips averaged around each, for what the clip itself has a say in."""

    def __post_init__(self) -> None:
        check_between(self, 0, 1, "audio_share")
        check_between(self, 0, 1000, "shot_weight")
        check_between(self, 1, math.inf, "smooth_clips")
        if not all(_SHORTEST_SCENE_SECONDS <= each < math.inf for each in self.scene_seconds):
            raise ConfigError(
                f"scene_seconds must be numbers of at least {_SHORTEST_SCENE_SECONDS}, got {self.scene_seconds}"
            )


def moving_average(values: FloatArray, width_clips: int) -> FloatArray:
    """Mean over a centred window of `width_clips` (made odd); at the ends over the part of it that exists."""
    width = min(width_clips, 2 * len(values) - 1) | 1
    kernel = np.ones(width)
    sums = np.convolve(values, kernel)[width // 2 :][: len(values)]
    counts = np.convolve(np.ones(len(values)), kernel)[width // 2 :][: len(values)]
    return np.asarray(sums / counts, dtype=np.float32)


def shot_index(grid: TimeGrid, shots: Sequence[Shot]) -> npt.NDArray[np.int64]:
    """(num_clips,) which shot holds each clip's centre; 0 throughout if there are no shots."""
    starts = np.array([shot.start_seconds for shot in shots[1:]], dtype=np.float64)
    return np.searchsorted(starts, grid.centers(), side="right").astype(np.int64)


def average_over(values: FloatArray, index: npt.NDArray[np.int64]) -> FloatArray:
    """Each clip gets the mean of the clips that share its index."""
    counts = np.maximum(np.bincount(index), 1)
    return np.asarray((np.bincount(index, weights=values) / counts)[index], dtype=np.float32)


def average_over_groups(values: FloatArray, groups: Sequence[tuple[float, npt.NDArray[np.int64]]]) -> FloatArray | None:
    """The weighted mean of `average_over` each (weight, index); `None` where nothing has a weight."""
    total = sum(weight for weight, _ in groups)
    parts = [weight / total * average_over(values, index) for weight, index in groups] if total else []
    return np.asarray(np.sum(parts, axis=0)) if parts else None


def scene_indices(
    class_scores: FloatArray, clip_seconds: float, scene_seconds: Sequence[float]
) -> list[npt.NDArray[np.int64]]:
    """Divide the video into scenes at several scales, by the mean length of a scene at each.

    Clips alike have alike class scores (num_clips, L). For each scale (num_clips,) int64: which scene each clip is in,
    counted from 0, never falling.
    """
    num_clips = class_scores.shape[0]
    splits = [np.zeros(num_clips, dtype=np.bool_) for _ in scene_seconds]
    for span in spans(class_scores, _WINDOW_CLIPS):
        first, steps = span.start, join_steps(clip_looks(class_scores[span]))
        length = len(steps) + 1
        for split, seconds in zip(splits, scene_seconds, strict=True):
            scenes = min(length, max(1, round(length * clip_seconds / seconds)))
            split[first] = first > 0
            split[first + 1 : first + length] = steps >= length - scenes
    return [np.cumsum(split) for split in splits]


def clip_looks(class_scores: FloatArray, mean: FloatArray | None = None) -> FloatArray:
    """(num_clips, L) float32 unit vectors of what each clip looks like, less what all clips have in common.

    They are log scores without each clip's mean, which is what the classifier's logits are; `mean` (L,) is what the
    whole video has in common, by default the clips given.
    """
    looks = _logits(class_scores)
    looks -= looks.mean(axis=0) if mean is None else mean
    looks /= np.maximum(np.sqrt(np.einsum("ij,ij->i", looks, looks)), 1e-6)[:, None]
    return looks


def mean_look(class_scores: FloatArray) -> FloatArray:
    """(L,) float32: what all clips of a video have in common; stretch by stretch, as ten hours take 140 MiB at once."""
    stretches = spans(class_scores, _WINDOW_CLIPS)
    sums = [_logits(class_scores[stretch]).sum(axis=0, dtype=np.float64) for stretch in stretches]
    return np.asarray(np.sum(sums, axis=0) / len(class_scores), dtype=np.float32)


def _logits(class_scores: FloatArray) -> FloatArray:
    logits = np.maximum(class_scores, _LEAST_SCORE, dtype=np.float32)
    np.log(logits, out=logits)
    logits -= logits.mean(axis=1, keepdims=True)
    return logits


def join_steps(looks: FloatArray) -> npt.NDArray[np.int64]:
    """Join neighbouring clips, rows of `looks` (T, D), bottom-up, always the two whose union adds least variance.

    (T - 1,) int64: the step, from 0, at which the border after each clip vanished. Keeping the borders that vanish at
    step T - n or later leaves n scenes.

    Source: Ward 1963, with joins allowed between neighbours in time only.
    """
    sums, sizes = looks.astype(np.float64), np.ones(len(looks))
    left, right = np.arange(len(looks)) - 1, np.arange(len(looks)) + 1
    costs = 0.5 * ((sums[1:] - sums[:-1]) ** 2).sum(axis=1)
    steps = np.zeros(len(looks) - 1, dtype=np.int64)
    # Border b lies between clips b and b + 1. A scene lives at its first clip; `left` and `right` link first clips.
    border_after = np.arange(len(looks))
    for step in range(len(steps)):
        border = int(np.argmin(costs))
        steps[border], costs[border] = step, np.inf
        second = border + 1
        first = int(left[second])
        sums[first] += sums[second]
        sizes[first] += sizes[second]
        border_after[first] = border_after[second]
        right[first] = right[second]
        if right[first] < len(looks):
            left[right[first]] = first
            costs[border_after[first]] = _join_cost(sums, sizes, first, int(right[first]))
        if left[first] >= 0:
            costs[first - 1] = _join_cost(sums, sizes, int(left[first]), first)
    return steps


def _join_cost(sums: npt.NDArray[np.float64], sizes: npt.NDArray[np.float64], first: int, second: int) -> float:
    """How much the sum of squares grows when two scenes become one."""
    apart = sums[first] / sizes[first] - sums[second] / sizes[second]
    return float(sizes[first] * sizes[second] / (sizes[first] + sizes[second]) * (apart @ apart))
