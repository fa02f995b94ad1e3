"""Arithmetic on arrays that several rooms need."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from highlightr.core.types import FloatArray


def unit_rows(values: npt.NDArray[np.floating]) -> FloatArray:
    """Rows (..., width) of unit length, float32; a row of zeros stays."""
    lengths = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.asarray(values / np.maximum(lengths, 1e-9), dtype=np.float32)


def sigmoid(logits: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x)) in [0, 1], float32, of the same shape; large values saturate instead of overflowing."""
    return np.asarray((1 + np.tanh(logits / 2)) / 2, dtype=np.float32)


def inside(times: npt.ArrayLike, spans: Iterable[tuple[float, float]]) -> npt.NDArray[np.bool_]:
    """(T,) whether each of some times lies in any of some spans, which are half-open."""
    values = np.asarray(times, dtype=np.float64)
    found = np.zeros(values.shape, dtype=np.bool_)
    for start, stop in spans:
        found |= (values >= start) & (values < stop)
    return found
