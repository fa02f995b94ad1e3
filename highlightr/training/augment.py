"""Augmentation of one training example: arrays go in, other arrays come out, the given ones stay as they are.

Every function draws from the generator that it is given, so that an epoch can be drawn again exactly.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from highlightr.core.types import FloatArray
from highlightr.training.config import Augment

_SHORTEST = 8
"""Clips that a crop leaves at least; shorter videos are not cut."""
_SLOWEST, _FASTEST = 0.7, 1.3

UNCHANGED = ("place", "mel")
"""Inputs that are no embeddings: noise of an embedding's kind would say nothing about them."""


def chosen_rows(labels: FloatArray, longest: int, settings: Augment, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Which clips the example keeps, in order, some of them twice where it is played slower; at most `longest`."""
    rows = np.arange(len(labels))
    if rng.random() < settings.crop:
        rows = _crop(rows, labels, rng)
    if rng.random() < settings.speed:
        count = max(1, round(len(rows) * rng.uniform(_SLOWEST, _FASTEST)))
        rows = rows[((np.arange(count) + 0.5) * len(rows) / count).astype(np.int64)]
    if len(rows) > longest:
        start = rng.integers(len(rows) - longest + 1)
        rows = rows[start : start + longest]
    return rows


def _crop(rows: npt.NDArray[np.int64], labels: FloatArray, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Between half of the clips and all of them, in one piece, with a positive clip if the example has one."""
    shortest = max(_SHORTEST, len(rows) // 2)
    if len(rows) <= shortest:
        return rows
    count = int(rng.integers(shortest, len(rows) + 1))
    positives = np.concatenate(([0], np.cumsum(labels > 0)))
    held = positives[count:] - positives[:-count] if count < len(positives) else positives[-1:]
    starts = np.flatnonzero(held > 0) if positives[-1] else np.arange(len(rows) - count + 1)
    start = int(rng.choice(starts))
    return rows[start : start + count]


def dropped_tokens(tokens: FloatArray, share: float, rng: np.random.Generator) -> FloatArray:
    """(L, width) without about `share` of the rows; the first and the last stay, they mark the sentence's ends."""
    kept = rng.random(len(tokens)) >= share
    kept[[0, -1]] = True
    return tokens[kept]


def augmented(inputs: Mapping[str, FloatArray], settings: Augment, rng: np.random.Generator) -> dict[str, FloatArray]:
    """Noise on the features, and the sound left out."""
    found = dict(inputs)
    if "video" in found and "audio" in found and rng.random() < settings.drop_audio:
        del found["audio"]
    if settings.noise:
        found = {
            name: values if name in UNCHANGED else _noisy(values, settings.noise, rng) for name, values in found.items()
        }
    return found


def _noisy(values: FloatArray, scale: float, rng: np.random.Generator) -> FloatArray:
    spread = values.std(axis=1, keepdims=True)
    drawn = rng.standard_normal(values.shape, dtype=np.float32)
    return np.asarray(values + scale * spread * drawn, dtype=np.float32)
