"""Pictures of high dynamic range for any screen: what a cut gets from FFmpeg's filters, which PyAV lacks.

In: RGB as coded, and FFmpeg's number of its transfer. Out: BT.709.
Source: ITU-R BT.2100 (PQ, HLG), BT.2087 (primaries); the Hable curve of FFmpeg's tonemap filter (`_cut.colour`).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from highlightr.media._container.picture_format import REFERENCE_WHITE

_PQ, _HLG = 16, 18

_LARGEST = np.float32(10.0)
"""Light that becomes white; 1 is that of paper."""

_TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)


def tone_mapped(picture: npt.NDArray[np.uint8], transfer: int) -> npt.NDArray[np.uint8]:
    """(height, width, 3) uint8 of standard dynamic range; the picture itself where it has that."""
    if transfer not in (_PQ, _HLG):
        return picture
    light = np.maximum(_linear(transfer)[picture] @ _TO_BT709.T, 1e-6)
    brightest = light.max(axis=2, keepdims=True)
    light = np.clip(light * (_hable(brightest) / _hable(_LARGEST) / brightest), 0.0, 1.0)
    return np.rint(255 * light ** (1 / 2.4)).astype(np.uint8)


@cache
def _linear(transfer: int) -> npt.NDArray[np.float32]:
    """(256,) light of each code."""
    codes = np.arange(256) / 255
    if transfer == _PQ:
        root = codes ** (32 / 2523)
        light = 10_000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (8192 / 1305)
    else:
        scene = np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - 0.55991073) / 0.17883277) + 0.28466892) / 12)
        light = 1000 * scene**1.2
    return (light / REFERENCE_WHITE).astype(np.float32)


def _hable(light: Any) -> Any:
    return (light * (light * 0.15 + 0.05) + 0.004) / (light * (light * 0.15 + 0.5) + 0.06) - 0.02 / 0.3
