"""How much the picture changes from frame to frame, measured on thumbnails.

In: `Thumbnail` items in order of time. Out: the signal ``frame_change``, (T, 3) float32 in [0, 1], one row per frame,
columns as in `CHANGE_COLUMNS`. Memory is half a second of thumbnails, the rows aside. Shot boundaries are found in
it (`highlightr.selection.shots`), and its first column is the motion of the picture.
"""

from __future__ import annotations

from array import array
from collections import deque

import numpy as np
import numpy.typing as npt

from highlightr.core.types import Signal
from highlightr.media.sampling import Thumbnail

__all__ = ["CHANGE_COLUMNS", "FRAME_CHANGE", "FrameChange"]

FRAME_CHANGE = "frame_change"
"""Name of the signal."""

CHANGE_COLUMNS = ("picture", "colours", "lasting")
"""``picture``: mean absolute difference to the previous frame; ``colours``: how much of the picture changed its
colour, wherever it is (half the L1 distance of 64-bin RGB histograms), which motion hardly touches; ``lasting``: mean
absolute difference to the frame half a second earlier, which a flash leaves small."""

LASTING_SECONDS = 0.5

_ROUNDING_SECONDS = 1e-6

_LEVELS_PER_CHANNEL = 4
_BINS = _LEVELS_PER_CHANNEL**3

Picture = npt.NDArray[np.int16]


class FrameChange:
    """The measurement of one video: push every thumbnail, then ask for the signal."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, Picture]] = deque()
        self._colours: npt.NDArray[np.float64] | None = None
        # Not lists: of ten hours those would take a hundred MiB.
        self._times, self._rows = array("d"), array("f")

    def push(self, thumbnail: Thumbnail) -> None:
        """Measure the next frame; the first one changes nothing and gets a row of zeros."""
        picture = thumbnail.image.astype(np.int16)
        colours = _histogram(thumbnail.image)
        self._drop_old(thumbnail.time_seconds)
        row = (0.0, 0.0, 0.0)
        if self._recent and self._colours is not None:
            before, earlier = self._recent[-1][1], self._recent[0][1]
            row = (_difference(picture, before), _distance(colours, self._colours), _difference(picture, earlier))
        self._rows.extend(row)
        self._times.append(thumbnail.time_seconds)
        self._colours = colours
        self._recent.append((thumbnail.time_seconds, picture))

    def signal(self) -> Signal:
        """All rows so far: times (T,) float64, values (T, 3) float32 in [0, 1]."""
        values = np.array(self._rows, dtype=np.float32).reshape(-1, len(CHANGE_COLUMNS))
        return Signal(np.array(self._times, dtype=np.float64), values)

    def _drop_old(self, now: float) -> None:
        """Keep the latest frame that is at least half a second old, and everything after it."""
        while len(self._recent) > 1 and self._recent[1][0] <= now - LASTING_SECONDS + _ROUNDING_SECONDS:
            self._recent.popleft()


def _difference(one: Picture, other: Picture) -> float:
    return float(np.abs(one - other).mean()) / 255


def _distance(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    return float(np.abs(one - other).sum()) / 2


def _histogram(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """(64,) shares of the picture per coarse colour, summing to 1."""
    levels = (image >> 6).reshape(-1, 3)
    codes = levels[:, 0] * 16 + levels[:, 1] * 4 + levels[:, 2]
    return np.bincount(codes, minlength=_BINS) / len(codes)
