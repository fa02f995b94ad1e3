"""How much moves in a clip, and how new it looks.

In: a thumbnail of every frame. Out: `motion`, (num_clips, 2), columns as in `MOTION_COLUMNS`; `novelty`,
(num_clips, 1) in [0, 1]; and the signal `frame_change`, one row per frame, from which shots are found too.
No model. Memory is half a second of thumbnails and one coarse picture per clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.types import FloatArray, Signal, TimeGrid
from highlightr.features.base import Extracted, Extraction, Extractor
from highlightr.features.clip_pooling import ClipMeans, clip_maxima, fill_gaps
from highlightr.media.change import CHANGE_COLUMNS, FRAME_CHANGE, FrameChange
from highlightr.media.sampling import Thumbnail, ThumbnailRequest

MOTION_COLUMNS = ("mean", "peak")
"""Columns of `motion`: mean and largest change of the picture inside a clip, cuts left out, in full scales per
second: 1 is a picture whose every pixel goes from black to white within a second."""

MEMORY_SECONDS = 10.0
"""`novelty` compares a clip with this much of the video before it."""

_PATCHES = (3, 4)
"""Rows and columns of the coarse picture that a clip is remembered by."""

_CUT_COLOURS = 0.25
_CUT_PICTURE = 0.06
"""A frame that changes at least this much in both ways starts a new shot; its change is no motion."""

_SHORTEST_FRAME_SECONDS = 1 / 120
_BATCH = 64


class Motion(Extractor):
    """Motion and novelty per clip, and the change from frame to frame."""

    name: ClassVar[str] = "motion"
    streams: ClassVar[Mapping[str, int]] = {"motion": len(MOTION_COLUMNS), "novelty": 1}
    signals: ClassVar[Mapping[str, int]] = {FRAME_CHANGE: len(CHANGE_COLUMNS)}
    looks_suffice: ClassVar[bool] = True
    request = ThumbnailRequest()

    def start(self, grid: TimeGrid) -> Extraction[Thumbnail]:
        """Open the state for one video."""
        return _Extraction(grid)


class _Extraction(Extraction[Thumbnail]):
    def __init__(self, grid: TimeGrid) -> None:
        self._grid = grid
        self._change = FrameChange()
        self._looks = ClipMeans(grid, _PATCHES[0] * _PATCHES[1] * 3)
        self._batch: list[Thumbnail] = []

    def push(self, item: Thumbnail) -> None:
        self._change.push(item)
        self._batch.append(item)
        if len(self._batch) == _BATCH:
            self._look()

    def finish(self) -> Extracted:
        """Return the streams and the signal; nothing if no thumbnail came."""
        if self._batch:
            self._look()
        if self._looks.empty:
            return Extracted()
        signal = self._change.signal()
        streams = {"motion": _motion(self._grid, signal), "novelty": _novelty(self._grid, self._looks.result())}
        return Extracted(streams=streams, signals={FRAME_CHANGE: signal})

    def _look(self) -> None:
        """Add the batch's coarse pictures, scaled to [0, 1], to their clips."""
        images = np.stack([item.image for item in self._batch])
        rows, columns = (size // parts for size, parts in zip(images.shape[1:3], _PATCHES, strict=True))
        whole = images[:, : rows * _PATCHES[0], : columns * _PATCHES[1]]
        patches = whole.reshape(len(images), _PATCHES[0], rows, _PATCHES[1], columns, 3).mean(axis=(2, 4)) / 255
        times = [item.time_seconds for item in self._batch]
        self._looks.add(self._grid.clip_index(times), patches.reshape(len(images), -1))
        self._batch = []


def _motion(grid: TimeGrid, signal: Signal) -> FloatArray:
    """(num_clips, 2) float32: mean and peak of the change per second, without cuts."""
    picture, colours = (signal.values[:, CHANGE_COLUMNS.index(name)] for name in ("picture", "colours"))
    seconds = np.diff(signal.times_seconds, prepend=signal.times_seconds[0])
    speed = picture / np.maximum(seconds, _SHORTEST_FRAME_SECONDS)
    # The first frame has nothing before it, and a cut's change belongs to no shot.
    told = ~((picture >= _CUT_PICTURE) & (colours >= _CUT_COLOURS))
    told[0] = len(told) == 1
    if not told.any():
        return np.zeros((grid.num_clips, len(MOTION_COLUMNS)), dtype=np.float32)
    clips = grid.clip_index(signal.times_seconds[told])
    means = ClipMeans(grid, 1)
    means.add(clips, speed[told][:, None])
    return np.stack([means.result()[:, 0], clip_maxima(grid, clips, speed[told])], axis=1)


def _novelty(grid: TimeGrid, looks: FloatArray) -> FloatArray:
    """(num_clips, 1) float32 in [0, 1]: distance from each clip's look to the nearest in the ten seconds before it.

    The nearest, not their mean: a look that was just there is not new, whatever was in between. The first clip has
    no past and is as new as the one after it.
    """
    reach = max(1, round(MEMORY_SECONDS / grid.clip_seconds))
    nearest = np.full(grid.num_clips, np.inf, dtype=np.float32)
    for back in range(1, min(reach, grid.num_clips - 1) + 1):
        distance = np.abs(looks[back:] - looks[:-back]).mean(axis=1)
        nearest[back:] = np.minimum(nearest[back:], distance)
    known: npt.NDArray[np.bool_] = np.isfinite(nearest)
    return fill_gaps(nearest, known)[:, None] if known.any() else np.zeros((grid.num_clips, 1), dtype=np.float32)
