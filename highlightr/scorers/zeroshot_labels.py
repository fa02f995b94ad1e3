"""Named labels with a vector each, and how a clip's class scores become a point among them.

In: class scores (num_clips, L) of a classifier and the L label vectors of a text encoder. Out: one similarity
per clip to a query. Convention: label vectors and the query come from the same encoder and have unit length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from highlightr.errors import ConfigError
from highlightr.timeline import FloatArray, Query

__all__ = ["Evidence", "LabelBank", "LabelMatch", "strongest", "strongest_labels"]

IndexArray = npt.NDArray[np.int64]

_CHUNK_CLIPS = 4096
"""Clips handled at once: 4096 x 1000 float32 is 16 MiB, whatever the length of the video."""

_KEPT_LABELS = 3
"""Labels kept per clip as evidence; more would not be shown."""

_NO_LENGTH = 1e-6
"""A mixture shorter than this has no direction: its clip matches nothing."""


@dataclass(frozen=True)
class LabelBank:
    """The classes of one classifier, in the order of its outputs."""

    names: tuple[str, ...]
    """L names a viewer understands."""
    vectors: FloatArray
    """(L, D) float32, unit length: each name in the query encoder's space."""

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.vectors.shape[0] != len(self.names):
            raise ConfigError(
                f"a label bank needs one vector per name, got {len(self.names)} names and vectors {self.vectors.shape}"
            )

    def __repr__(self) -> str:
        return f"LabelBank({len(self.names)} labels, vectors {self.vectors.shape})"


def strongest_labels(class_scores: FloatArray, top: int, power: float) -> FloatArray:
    """Keep each clip's `top` classes, flattened by `power`, as shares that add up to 1.

    Args:
        class_scores: (num_clips, L), not negative.
        top: classes kept per clip; the rest become 0.
        power: exponent in (0, 1]; below 1 gives the second and third guess more say.

    Returns:
        (num_clips, L) float32; a clip whose scores are all 0 keeps all shares 0.
    """
    scores = np.maximum(class_scores, 0).astype(np.float32)
    if top < scores.shape[1]:
        threshold = np.partition(scores, -top, axis=1)[:, -top, None]
        scores = np.where(scores >= threshold, scores, 0)
    shares = scores**power
    total = shares.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(shares, total, out=np.zeros_like(shares), where=total > 0), dtype=np.float32)


def strongest(contributions: FloatArray) -> tuple[IndexArray, FloatArray]:
    """Indices and values, each (num_clips, k), of the largest contributions per clip, largest first."""
    order = np.argsort(-contributions, axis=1, kind="stable")[:, :_KEPT_LABELS]
    return order, np.take_along_axis(contributions, order, axis=1)


@dataclass(frozen=True)
class Evidence:
    """The labels that speak most for each clip, strongest first."""

    names: tuple[str, ...]
    labels: IndexArray
    """(num_clips, k) index into `names`."""
    weights: FloatArray
    """(num_clips, k) float32; 0 or less is no evidence."""


@dataclass(frozen=True)
class LabelMatch:
    """How a query meets the labels of one classifier.

    Source: convex combination of semantic embeddings (ConSE), Norouzi et al. 2013, eq. 3-4: a clip's point is the
    mean of its top classes' label vectors, weighted by their posteriors, and is compared by cosine. Deviations:
    posteriors to the power 0.5 (measured better for footage, whose classes are rarely ImageNet's), and the mean
    label vector is taken off first, because every mixture of many labels lies near it.
    """

    bank: LabelBank
    top: int
    power: float

    def similarity(self, class_scores: FloatArray, query: Query) -> tuple[FloatArray, Evidence]:
        """Compare every clip with the query.

        Returns:
            (num_clips,) float32 cosine in [-1, 1] (0 where no class scores at all), and the labels that made it.
        """
        chunks = [
            self._chunk(class_scores[first : first + _CHUNK_CLIPS], query)
            for first in range(0, class_scores.shape[0], _CHUNK_CLIPS)
        ]
        cosines, labels, weights = (np.concatenate(column) for column in zip(*chunks, strict=True))
        return cosines, Evidence(self.bank.names, labels, weights)

    def _chunk(self, class_scores: FloatArray, query: Query) -> tuple[FloatArray, IndexArray, FloatArray]:
        shares = strongest_labels(class_scores, self.top, self.power)
        centred = self.bank.vectors - self.bank.vectors.mean(axis=0)
        length = np.linalg.norm(shares @ centred, axis=1, keepdims=True)
        shares = np.divide(shares, length, out=np.zeros_like(shares), where=length > _NO_LENGTH)
        contributions = np.asarray(shares * (centred @ query.vector), dtype=np.float32)
        return contributions.sum(axis=1), *strongest(contributions)
