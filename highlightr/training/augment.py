"""Augmentation of one training example: a sample goes in, another comes out, the given one stays as it is.

Every function draws from the generator that it is given, so that an epoch can be drawn again exactly.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from highlightr.core.types import FloatArray
from highlightr.training.config import Augment
from highlightr.training.learners import Sample

_SLOWEST, _FASTEST = 0.7, 1.3

UNCHANGED = ("place", "mel")
"""Inputs that are no embeddings: noise of an embedding's kind would say nothing about them."""


def augmented(sample: Sample, settings: Augment, longest: int, rng: np.random.Generator) -> Sample:
    """The sample as an epoch sees it, with at most `longest` clips."""
    rows = chosen_rows(len(sample.labels), longest, settings.speed, rng)
    inputs = {name: values[rows] for name, values in sample.inputs.items()}
    if settings.noise:
        inputs |= {name: noisy(inputs[name], settings.noise, rng) for name in inputs if name not in UNCHANGED}
    tokens = sample.tokens
    if tokens is not None and settings.token_drop:
        tokens = dropped_tokens(tokens, settings.token_drop, rng)
    return replace(sample, inputs=inputs, tokens=tokens, labels=sample.labels[rows])


def chosen_rows(num_clips: int, longest: int, speed: float, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Which clips the example keeps, in order, some of them twice where it is played slower; at most `longest`."""
    rows = np.arange(num_clips)
    if rng.random() < speed:
        count = max(1, round(len(rows) * rng.uniform(_SLOWEST, _FASTEST)))
        rows = rows[((np.arange(count) + 0.5) * len(rows) / count).astype(np.int64)]
    if len(rows) > longest:
        start = rng.integers(len(rows) - longest + 1)
        rows = rows[start : start + longest]
    return rows


def dropped_tokens(tokens: FloatArray, share: float, rng: np.random.Generator) -> FloatArray:
    """(L, width) without about `share` of the rows; the first and the last stay, they mark the sentence's ends."""
    kept = rng.random(len(tokens)) >= share
    kept[[0, -1]] = True
    return tokens[kept]


def noisy(values: FloatArray, scale: float, rng: np.random.Generator) -> FloatArray:
    """(num_clips, width) with Gaussian noise, `scale` times as wide as each row's own spread."""
    spread = values.std(axis=1, keepdims=True)
    drawn = rng.standard_normal(values.shape, dtype=np.float32)
    return np.asarray(values + scale * spread * drawn, dtype=np.float32)
