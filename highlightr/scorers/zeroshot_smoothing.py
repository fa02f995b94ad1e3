"""Smoothing of one value per clip: over neighbours in time, and over the shots they belong to.

In and out: (num_clips,) float32. A constant stays the same constant under each of these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from highlightr.timeline import FloatArray, Shot, TimeGrid

__all__ = ["moving_average", "shot_average", "shot_index"]


def moving_average(values: FloatArray, width_clips: int) -> FloatArray:
    """Mean over a centred window of `width_clips`; at the ends over the part of it that exists."""
    width = min(width_clips, 2 * len(values) - 1) | 1
    kernel = np.ones(width)
    sums = np.convolve(values, kernel)[width // 2 :][: len(values)]
    counts = np.convolve(np.ones(len(values)), kernel)[width // 2 :][: len(values)]
    return np.asarray(sums / counts, dtype=np.float32)


def shot_index(grid: TimeGrid, shots: Sequence[Shot]) -> npt.NDArray[np.int64]:
    """(num_clips,) which shot holds each clip's centre; 0 throughout if there are no shots."""
    starts = np.array([shot.start_seconds for shot in shots[1:]], dtype=np.float64)
    return np.searchsorted(starts, grid.centers(), side="right").astype(np.int64)


def shot_average(values: FloatArray, index: npt.NDArray[np.int64]) -> FloatArray:
    """Each clip gets the mean of its shot."""
    counts = np.maximum(np.bincount(index), 1)
    return np.asarray((np.bincount(index, weights=values) / counts)[index], dtype=np.float32)
