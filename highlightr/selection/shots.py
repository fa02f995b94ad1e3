"""Shot boundaries from how much the picture changes, and shots from boundary times.

In: the signal ``frame_change`` of `highlightr.media.change`, or TransNetV2's ``boundary_probability``. Out: shots in
order of time that cover ``[0, duration)``. A boundary is the time of the first frame of the new shot.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from highlightr.core.types import Features, Shot, Signal
from highlightr.media.change import CHANGE_COLUMNS, FRAME_CHANGE, LASTING_SECONDS
from highlightr.selection.options import Detector

__all__ = ["boundaries_from_change", "detect_shots", "find_shots", "shots_from_boundaries", "shots_from_probability"]

SMALLEST_CHANGE = 0.2
"""Geometric mean of the picture's and the colours' change: a cut has both, fast motion mostly the first."""

TIMES_ITS_SURROUNDINGS = 2.0
"""A cut changes the picture this much more than the frames around it do on average."""

SURROUNDINGS_SECONDS = 1.5
"""How far to each side the surroundings reach."""

FEWEST_SURROUNDINGS = 8
"""The surroundings count as at least so many frames, so that in a slide show the next picture is not all of them."""

NEIGHBOUR_SECONDS = 0.5
"""Of changes nearer than this to each other, the largest is the cut."""

REPEATED_FRAME = 0.004
"""Frames that change less repeat the one before (a low frame rate in a faster file) and say nothing about motion."""

LASTING_SHARE = 0.5
"""After a cut, the picture stays this much of the change away from what it was; after a flash it returns."""

SHORTEST_SHOT_SECONDS = 0.1
"""A boundary sooner after another is the same transition."""

LEAST_PROBABILITY = 0.5
"""TransNetV2's own threshold."""

TimeArray = npt.NDArray[np.float64]
Values = npt.NDArray[np.float64]


def find_shots(features: Features, detector: Detector) -> tuple[Shot, ...]:
    """The shots of a video by the detector whose signal was extracted."""
    if detector == "transnetv2":
        from highlightr.features.backbones.transnetv2 import BOUNDARY_PROBABILITY

        return shots_from_probability(features.signals[BOUNDARY_PROBABILITY], features.grid.duration_seconds)
    return detect_shots(features.signals[FRAME_CHANGE], features.grid.duration_seconds)


def detect_shots(change: Signal, duration_seconds: float) -> tuple[Shot, ...]:
    """Find the hard cuts of a video; dissolves and fades count only where one frame stands out.

    Args:
        change: (T, 3) rows of `highlightr.media.change.FrameChange`.
        duration_seconds: of the video.

    Source: PySceneDetect's `AdaptiveDetector` (a frame's change against the average of its neighbours). Deviations: the
    window is in seconds, repeated frames are left out of it, the change weighs colours as well as the picture, and
    a change that is undone within half a second is a flash.
    """
    return shots_from_boundaries(boundaries_from_change(change), duration_seconds)


def boundaries_from_change(change: Signal) -> list[float]:
    """Times of the first frames after cuts, in order."""
    if change.values.shape[1] != len(CHANGE_COLUMNS):
        raise ValueError(f"frame changes have the columns {CHANGE_COLUMNS}, got {change.values.shape}")
    times, rows = change.times_seconds, change.values.astype(np.float64)
    strength = np.sqrt(rows[:, 0] * rows[:, 1])
    distinct = np.flatnonzero(rows[:, 0] > REPEATED_FRAME)
    stands_out = _stands_out(times[distinct], strength[distinct])
    return [float(times[row]) for row in distinct[stands_out] if _lasts(times, rows, int(row))]


def _stands_out(times: TimeArray, strength: Values) -> npt.NDArray[np.bool_]:
    """(T,) whether each change is large, the largest beside its neighbours, and far above its surroundings."""
    low = np.searchsorted(times, times - SURROUNDINGS_SECONDS)
    high = np.searchsorted(times, times + SURROUNDINGS_SECONDS, side="right")
    sums = np.concatenate([[0.0], np.cumsum(strength)])
    others = high - low - 1
    average = (sums[high] - sums[low] - strength) / np.maximum(others, FEWEST_SURROUNDINGS)
    near = np.diff(times) < NEIGHBOUR_SECONDS
    before = np.concatenate([[0.0], np.where(near, strength[:-1], 0.0)])
    after = np.concatenate([np.where(near, strength[1:], 0.0), [0.0]])
    peak = (strength > before) & (strength >= after)
    found: npt.NDArray[np.bool_] = (strength >= SMALLEST_CHANGE) & (strength >= TIMES_ITS_SURROUNDINGS * average) & peak
    return found


def _lasts(times: TimeArray, rows: Values, row: int) -> bool:
    """Whether the picture stays changed until half a second after a cut."""
    stop = int(np.searchsorted(times, times[row] + LASTING_SECONDS - 1e-9))
    return bool(rows[row:stop, 2].min() >= LASTING_SHARE * rows[row, 0])


def shots_from_probability(probability: Signal, duration_seconds: float) -> tuple[Shot, ...]:
    """Shots from TransNetV2's signal: a boundary follows each run of frames above its threshold."""
    above = probability.values[:, 0] > LEAST_PROBABILITY
    first_after = np.flatnonzero(above[:-1] & ~above[1:]) + 1
    return shots_from_boundaries(probability.times_seconds[first_after].tolist(), duration_seconds)


def shots_from_boundaries(boundaries: Iterable[float], duration_seconds: float) -> tuple[Shot, ...]:
    """Shots between boundaries; boundaries outside the video or sooner than `SHORTEST_SHOT_SECONDS` are dropped."""
    edges = [0.0]
    for time in sorted(boundaries):
        if time - edges[-1] >= SHORTEST_SHOT_SECONDS and duration_seconds - time >= SHORTEST_SHOT_SECONDS:
            edges.append(time)
    return tuple(Shot(start, stop) for start, stop in pairwise([*edges, duration_seconds]))
