"""Arithmetic on arrays that several rooms need."""

from __future__ import annotations

import numpy as np

from highlightr.core.types import FloatArray


def sigmoid(logits: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x)) in [0, 1], float32, of the same shape; large values saturate instead of overflowing."""
    return np.asarray((1 + np.tanh(logits / 2)) / 2, dtype=np.float32)
