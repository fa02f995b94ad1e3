"""A BERT encoder in NumPy, which answers a single sentence before a runtime for networks would have been loaded.

In: (batch, length) token ids and mask. Out: (batch, length, width) float32 rows of the last layer. The weights are
those of a checkpoint under BERT's published names; they are read where they lie, so a mapped file costs no copy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from highlightr.core.types import FloatArray

__all__ = ["BertEncoder", "erf"]

_MASKED = np.float32(-1e9)
"""Added to the attention to padding: no weight is left after the softmax, and no row of only -inf can arise."""

_ERF = tuple(map(np.float32, (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)))
_ERF_SCALE = np.float32(0.3275911)


class BertEncoder:
    """Embeddings and post-norm encoder layers, without BERT's pooler.

    Source: J. Devlin et al., BERT (2019).
    """

    def __init__(
        self, tensors: Mapping[str, npt.NDArray[Any]], *, layers: int, heads: int, norm_epsilon: float
    ) -> None:
        """Take the tensors by their published names, such as ``encoder.layer.0.output.dense.weight``."""
        self._tensors = tensors
        self._layers, self._heads, self._epsilon = layers, heads, np.float32(norm_epsilon)

    def __call__(self, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> FloatArray:
        """Encode.

        Args:
            ids: (batch, length).
            mask: (batch, length), 1 where a token is and 0 where padding is.

        Returns:
            (batch, length, width) float32; rows of padding are meaningless.
        """
        batch, length = ids.shape
        words, places, segments = (
            self._tensors[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        rows = self._norm((words[ids] + places[:length] + segments[0]).reshape(batch * length, -1), "embeddings")
        bias = (1 - mask[:, None, None, :].astype(np.float32)) * _MASKED  # (batch, 1, 1, length)
        for layer in range(self._layers):
            rows = self._layer(rows, bias, f"encoder.layer.{layer}")
        return np.ascontiguousarray(rows).reshape(batch, length, -1)

    def _layer(self, rows: FloatArray, bias: FloatArray, at: str) -> FloatArray:
        attended = self._attend(rows, bias, f"{at}.attention.self")
        rows = self._norm(rows + self._linear(attended, f"{at}.attention.output.dense"), f"{at}.attention.output")
        inner = _gelu(self._linear(rows, f"{at}.intermediate.dense"))
        return self._norm(rows + self._linear(inner, f"{at}.output.dense"), f"{at}.output")

    def _attend(self, rows: FloatArray, bias: FloatArray, at: str) -> FloatArray:
        """(batch * length, width) rows to the same of what each attends to."""
        shape = (len(bias), bias.shape[-1], self._heads, -1)
        query, key, value = (
            self._linear(rows, f"{at}.{name}").reshape(shape).swapaxes(1, 2) for name in ("query", "key", "value")
        )
        logits = query @ key.swapaxes(-1, -2) / np.float32(math.sqrt(query.shape[-1])) + bias
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))  # (batch, heads, length, length)
        weights /= weights.sum(axis=-1, keepdims=True)
        attended: FloatArray = (weights @ value).swapaxes(1, 2).reshape(rows.shape)
        return attended

    def _linear(self, rows: FloatArray, at: str) -> FloatArray:
        # Weights to the left: for the few rows of a sentence BLAS then reads them once and packs less, twice as fast.
        weighed = (self._tensors[f"{at}.weight"] @ rows.T).T
        made: FloatArray = np.add(weighed, self._tensors[f"{at}.bias"], order="C")
        return made

    def _norm(self, rows: FloatArray, at: str) -> FloatArray:
        rows = rows - rows.mean(axis=-1, keepdims=True)
        deviations = np.sqrt(np.square(rows).mean(axis=-1, keepdims=True) + self._epsilon)
        scale, shift = (self._tensors[f"{at}.LayerNorm.{name}"] for name in ("weight", "bias"))
        made: FloatArray = rows / deviations * scale + shift
        return made


def _gelu(values: FloatArray) -> FloatArray:
    made: FloatArray = values * np.float32(0.5) * (1 + erf(values * np.float32(math.sqrt(0.5))))
    return made


def erf(values: FloatArray) -> FloatArray:
    """The error function in single precision, within 5e-7.

    Source: M. Abramowitz, I. Stegun, Handbook of Mathematical Functions (1964), 7.1.26, which is within 1.5e-7 before
    rounding. NumPy has none, and importing SciPy's takes longer than encoding a query.
    """
    sizes = np.abs(values)
    part = 1 / (1 + _ERF_SCALE * sizes)
    sums = np.zeros_like(part)
    for coefficient in _ERF:
        sums = (sums + coefficient) * part
    made: FloatArray = np.copysign(1 - sums * np.exp(-sizes * sizes), values)
    return made
