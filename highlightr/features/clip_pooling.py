"""Putting rows on the grid: means per clip, with gaps filled from the nearest clip that has data.

In: rows with the clip each belongs to, in any batches. Out: (num_clips, width) float32, in a file where the video is
long (`highlightr.core.large_arrays`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from highlightr.core.large_arrays import ROWS, new_array, release, spans
from highlightr.core.types import FloatArray, TimeGrid


class ClipMeans:
    """Weighted mean per clip, gathered batch by batch."""

    def __init__(self, grid: TimeGrid, width: int) -> None:
        self._sums = new_array((grid.num_clips, width), np.float64 if width < 64 else np.float32)
        self._held_until = ROWS
        self._weights = np.zeros(grid.num_clips, dtype=np.float64)

    @property
    def empty(self) -> bool:
        """Whether nothing was added."""
        return not self._weights.any()

    def add(self, clips: npt.NDArray[np.int64], rows: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> None:
        """Add rows (n, width) to their `clips` (n,); `weights` (n,) say how much each counts, all alike by default."""
        rows = np.asarray(rows)
        weights = np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=np.float64)
        np.add.at(self._sums, clips, rows * weights[:, None].astype(rows.dtype))
        np.add.at(self._weights, clips, weights)
        if (reached := int(clips.max(initial=0))) >= self._held_until:
            self._held_until = reached + ROWS
            release(self._sums)

    def so_far(self) -> FloatArray:
        """(n, width) float32: the means of the clips before the last that has rows; more may be added afterwards."""
        count = int(np.flatnonzero(self._weights).max(initial=0))
        return self._means(new_array((count, self._sums.shape[1])))

    def result(self) -> FloatArray:
        """(num_clips, width) float32; a clip without rows repeats the nearest one with rows. To be called once."""
        return self._means(self._sums if self._sums.dtype == np.float32 else new_array(self._sums.shape))

    def _means(self, means: FloatArray) -> FloatArray:
        """The means of the first clips, put into `means`, with gaps filled."""
        filled = self._weights[: len(means)] > 0
        if not filled.any():
            return means[:0]
        weights = np.where(filled, self._weights[: len(means)], 1.0)[:, None]
        for stretch in spans(means):
            means[stretch] = self._sums[stretch] / weights[stretch]
            release(self._sums)
        return fill_gaps(means, filled)


class ClipBatches:
    """Runs a network over inputs of clips as batches fill, and averages its rows per clip.

    Args:
        widths: of each stream.
        forward: from (batch, ...) to (batch, width) per stream.
    """

    def __init__(
        self,
        grid: TimeGrid,
        widths: Mapping[str, int],
        forward: Callable[[npt.NDArray[Any]], Mapping[str, FloatArray]],
        batch: int,
    ) -> None:
        self._forward, self._batch = forward, batch
        self._means = {name: ClipMeans(grid, width) for name, width in widths.items()}
        self._inputs: list[npt.NDArray[Any]] = []
        self._clips: list[int] = []

    def add(self, clip: int, inputs: npt.NDArray[Any]) -> None:
        """Take an input of a clip; inputs of different shapes do not share a batch."""
        if self._inputs and self._inputs[0].shape != inputs.shape:
            self._run()
        self._inputs.append(inputs)
        self._clips.append(clip)
        if len(self._inputs) == self._batch:
            self._run()

    def finish(self) -> dict[str, FloatArray]:
        """Run what is left; the streams, none if nothing was added."""
        if self._inputs:
            self._run()
        return streams_of(self._means)

    def _run(self) -> None:
        rows = self._forward(np.stack(self._inputs))
        for name, means in self._means.items():
            means.add(np.asarray(self._clips), rows[name])
        self._inputs, self._clips = [], []


def streams_of(means: Mapping[str, ClipMeans]) -> dict[str, FloatArray]:
    """The streams that were gathered; none if one of them got no rows."""
    return {} if any(each.empty for each in means.values()) else {name: each.result() for name, each in means.items()}


def fill_gaps(rows: FloatArray, filled: npt.NDArray[np.bool_]) -> FloatArray:
    """Replace every row, (n, width) or (n,), that is not filled by the nearest filled one, in place.

    The earlier of two equally near counts; `filled` is (n,) bool, at least one true.
    """
    if filled.all():
        return rows
    known = np.flatnonzero(filled)
    wanted = np.flatnonzero(~filled)
    after = np.searchsorted(known, wanted).clip(0, len(known) - 1)
    before = (after - 1).clip(0)
    nearer = np.where(wanted - known[before] <= known[after] - wanted, before, after)
    nearer = np.where(known[after] < wanted, after, nearer)
    for stretch in spans(wanted):
        rows[wanted[stretch]] = rows[known[nearer[stretch]]]
        release(rows)
    return rows


def clip_maxima(grid: TimeGrid, clips: npt.NDArray[np.int64], values: npt.ArrayLike) -> FloatArray:
    """(num_clips,) float32: the largest of each clip's values; a clip without any repeats the nearest one's.

    `clips` (n,) has the clip of each of the values (n,), n at least 1.
    """
    maxima = np.full(grid.num_clips, -np.inf, dtype=np.float32)
    np.maximum.at(maxima, clips, np.asarray(values, dtype=np.float32))
    return fill_gaps(maxima, np.isfinite(maxima))


def overlaps(
    grid: TimeGrid, start_seconds: float, stop_seconds: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The clips that a span [start, stop) touches, and for how many seconds each; at least one clip.

    A span outside the video, or one that only its last rounding error reaches, counts for the nearest clip.
    """
    first, last = grid.clip_index([start_seconds, stop_seconds])
    clips = np.arange(first, last + 1)
    begins = np.maximum(clips * grid.clip_seconds, start_seconds)
    ends = np.minimum((clips + 1) * grid.clip_seconds, stop_seconds)
    # Shares below a millisecond are float noise at a boundary.
    seconds = np.maximum(ends - begins, 0.0)
    kept = seconds > 1e-3
    if not kept.any():
        return clips[:1], np.ones(1)
    return clips[kept], seconds[kept]
