"""What a thumbnail looks like, and how much two of them differ: in pixels, in colours, in structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from highlightr.core.types import FloatArray
from highlightr.media.sampling import Thumbnail

_LEVELS_PER_CHANNEL = 4
_BINS = _LEVELS_PER_CHANNEL**3

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

FLAT_CONTRAST = 4.0
"""Standard deviation of the luma, in levels of 255, below which a picture counts as having no structure."""

_REACH = (6, 12)
"""How far `moved` looks, in rows and columns of a thumbnail: a quarter of the picture."""


@dataclass(frozen=True)
class Look:
    """A picture, taken apart for comparisons."""

    row: int
    """Which frame it is."""
    time_seconds: float
    pixels: npt.NDArray[np.int16]
    """(pixels * 3,) levels of 0 to 255."""
    colours: npt.NDArray[np.float64]
    """(64,) shares of the picture per coarse colour, summing to 1."""
    structure: FloatArray
    """(height, width) luma without its mean, of length 1, or less where the picture is nearly flat."""

    contrast: float
    """Standard deviation of the luma, in levels of 255."""

    @property
    def flat(self) -> bool:
        """Whether nothing can be seen in it, as in the middle of a fade."""
        return self.contrast < FLAT_CONTRAST / 2


def look_at(thumbnail: Thumbnail, row: int) -> Look:
    """Take a thumbnail apart."""
    pixels = thumbnail.image.reshape(-1, 3)
    levels = pixels >> 6
    codes = levels[:, 0] * 16 + levels[:, 1] * 4 + levels[:, 2]
    luma = thumbnail.image @ _LUMA
    luma -= luma.mean()
    contrast = float(np.sqrt(np.vdot(luma, luma) / luma.size))
    length = max(contrast, FLAT_CONTRAST) * luma.size**0.5
    shares = np.bincount(codes, minlength=_BINS) / len(codes)
    return Look(row, thumbnail.time_seconds, pixels.astype(np.int16).ravel(), shares, luma / length, contrast)


def difference(one: Look, other: Look) -> tuple[float, float, float]:
    """How much two pictures differ, each in [0, 1].

    Returns:
        Mean absolute difference of pixels in full scales; half the L1 distance of colours; 1 less the correlation of
        structures, at most 1 (half the squared distance of the two, which also holds where one is flat).
    """
    picture = float(np.abs(one.pixels - other.pixels).mean()) / 255
    colours = float(np.abs(one.colours - other.colours).sum()) / 2
    apart = one.structure - other.structure
    return picture, min(1.0, colours), min(1.0, float(np.vdot(apart, apart)) / 2)


def moved(one: Look, other: Look) -> bool:
    """Whether the camera alone explains how two pictures differ: moved over each other, half the difference is gone."""
    down, right = _REACH
    height, width = one.structure.shape
    if height <= 2 * down or width <= 2 * right:
        return False
    middle = other.structure[down : height - down, right : width - right]
    apart = np.square(sliding_window_view(one.structure, middle.shape) - middle).mean(axis=(2, 3))
    return bool(apart.min() < 0.5 * apart[down, right])
