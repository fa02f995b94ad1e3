"""Named labels with a vector each, and how much of what a classifier saw or heard speaks for a query.

In: class scores (num_clips, L) of a classifier and the L label vectors of a text encoder. Out: one evidence value per
clip, and the labels that made it. Convention: label vectors and the query come from the same encoder, unit length.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from highlightr.core.checks import check_between
from highlightr.core.errors import ConfigError
from highlightr.core.large_arrays import spans
from highlightr.core.types import FloatArray, Query, Reason
from highlightr.scorers.configs import FromMapping

IndexArray = npt.NDArray[np.int64]


_LEAST_REASON = 0.01
"""Labels that contribute less are not worth naming."""

_LEAST_EVIDENCE = 1e-6
"""Evidence below this share of chance is none."""

Reasons = tuple[tuple[Reason, ...], ...]
"""Per clip, strongest first."""

_SYNONYMS = re.compile(r",(?![^(]*\))")
"""What parts them; ``Roaring cats (lions, tigers)`` is one name."""

_STEEPEST = 80.0
"""Beyond it exponentials leave single precision."""

_NEIGHBOURS = 10
"""Nearest labels that make up a label's nearness to others."""

_KEPT_LABELS = 3
"""Labels kept per clip as reasons; more would not be shown."""


_CLEARER = {
    "boxer": "boxer dog",
    "Cardigan, Cardigan Welsh corgi": "Cardigan Welsh corgi",
    "chow, chow chow": "chow chow",
    "cock": "rooster",
    "cup": "cup of punch",
    "ear, spike, capitulum": "ear of corn",
    "grille, radiator grille": "radiator grille",
    "groom, bridegroom": "bridegroom",
    "hip, rose hip, rosehip": "rose hip",
    "hog, pig, grunter, squealer, Sus scrofa": "pig",
    "jean, blue jean, denim": "jeans",
    "nipple": "bottle teat",
    "pick, plectrum, plectron": "plectrum",
    "plate": "plate of food",
    "redbone": "redbone hound",
    "bluetick": "bluetick hound",
    "rule, ruler": "ruler",
}
"""Classes of ImageNet whose first synonym means something else to a viewer who does not see the list."""


def first_name(name: str) -> str:
    """The first of a class's synonyms, which is what a viewer reads: ``German shepherd``; or a clearer one."""
    return _CLEARER.get(name) or _SYNONYMS.split(name)[0].strip() or name


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

    @cached_property
    def crowding(self) -> FloatArray:
        """(L,) mean similarity of each label to its nearest others: high where any query comes near."""
        count = min(_NEIGHBOURS, len(self.names) - 1)
        if count < 1:
            return np.zeros(len(self.names), dtype=np.float32)
        similarities = np.asarray(self.vectors @ self.vectors.T, dtype=np.float32)
        np.fill_diagonal(similarities, -np.inf)  # A label is not its own neighbour.
        nearest = np.partition(similarities, -count, axis=1)[:, -count:]
        return np.asarray(nearest.mean(axis=1), dtype=np.float32)


@dataclass(frozen=True)
class Evidence:
    """What speaks for a query (or for a highlight) in each clip."""

    values: FloatArray
    """(num_clips,) float32, not negative: the sum over all labels."""
    names: tuple[str, ...]
    labels: IndexArray
    """(num_clips, k) index into `names`, strongest first."""
    weights: FloatArray
    """(num_clips, k) float32: each label's share in `values`."""


def strongest_labels(class_scores: FloatArray, top: int, power: float) -> FloatArray:
    """Keep each clip's `top` classes of (num_clips, L), flattened by `power`, as float32 shares that add up to 1.

    The rest become 0; a power below 1 gives the second and third guess more say. A clip whose scores are all 0 keeps
    all shares 0.
    """
    scores = np.maximum(class_scores, 0, dtype=np.float32)
    kept = scores > 0
    if top < scores.shape[1]:
        kept &= scores >= np.partition(scores, -top, axis=1)[:, -top, None]
    # Few of a thousand are kept, and powers are slow.
    flattened = np.zeros_like(scores)
    flattened[kept] = scores[kept] ** power
    return np.asarray(_shares(flattened), dtype=np.float32)


def strongest(contributions: FloatArray, names: tuple[str, ...]) -> Evidence:
    """Sum up (num_clips, L) contributions, not negative, and name the largest of each clip."""
    count = min(_KEPT_LABELS, contributions.shape[1])
    found = np.argpartition(-contributions, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(contributions, found, axis=1), axis=1, kind="stable")
    labels = np.take_along_axis(found, order, axis=1)
    weights = np.take_along_axis(_shares(contributions), labels, axis=1)
    return Evidence(contributions.sum(axis=1, dtype=np.float32), names, labels, weights)


def _shares(values: FloatArray) -> FloatArray:
    total = values.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(values, total, out=np.zeros_like(values), where=total > 0), dtype=np.float32)


@dataclass(frozen=True)
class MatchConfig(FromMapping):
    """How a query meets the labels of a classifier; the defaults are those of the `lite` preset."""

    top_labels: int = 200
    """Classes kept per clip."""
    posterior_power: float = 0.4
    """Exponent on the class scores; below 1 flattens them."""
    sharpness: float = 8.0
    """How steeply evidence rises with a label's similarity to the query."""
    hub_correction: float = 0.2
    """How much of a label's nearness to other labels is taken off its similarity, in [0, 1]."""

    def __post_init__(self) -> None:
        check_between(self, 1, math.inf, "top_labels")
        check_between(self, 0, _STEEPEST, "posterior_power", "sharpness")
        check_between(self, 0, 1, "hub_correction")


@dataclass(frozen=True)
class LabelMatch:
    """How a query meets the labels of one classifier.

    Evidence of a clip is ``sum_k share_k * exp(sharpness * (cos(query, label_k) - hub_correction * crowding_k))``,
    over the clip's strongest classes.

    Source: convex combination of semantic embeddings (ConSE), Norouzi et al. 2013, eq. 3-4, where the classes'
    posteriors weigh their label vectors. Deviations, each measured by benchmarks/captioned_retrieval.py: the
    query is compared with every label *before* the combination, and the exponential lets labels near the query
    outvote the many that are merely not far; posteriors are flattened, because footage is rarely of ImageNet's
    kind and the second and third guesses tell; labels that lie near everything (hubs) count less, after
    cross-domain similarity local scaling (CSLS), Conneau et al. 2018, eq. 3, with the labels as their own crowd.
    """

    bank: LabelBank
    config: MatchConfig

    def __post_init__(self) -> None:
        # The bank keeps it: worked out now, while a video may still be read, it does not delay the first scores.
        _ = self.bank.crowding

    def shares(self, class_scores: FloatArray) -> FloatArray:
        """`strongest_labels` of these settings."""
        return strongest_labels(class_scores, self.config.top_labels, self.config.posterior_power)

    def evidence(self, class_scores: FloatArray, query: Query) -> Evidence:
        """Evidence per clip for the query; 0 where no class scores at all.

        Raises:
            ConfigError: class scores or a query of another width than the bank.
        """
        self._check(class_scores, query)
        gain = self.gain(query)
        chunks = [strongest(self.shares(class_scores[span]) * gain, ()) for span in spans(class_scores)]
        return Evidence(
            np.concatenate([chunk.values for chunk in chunks]),
            self.bank.names,
            np.concatenate([chunk.labels for chunk in chunks]),
            np.concatenate([chunk.weights for chunk in chunks]),
        )

    def gain(self, query: Query) -> FloatArray:
        """(L,) float32: evidence of a clip that shows this label alone."""
        return np.asarray(self.gains(query.vector[None])[0])

    def gains(self, vectors: FloatArray) -> FloatArray:
        """(Q, L) float32: `gain` of several queries, given by their vectors (Q, D)."""
        crowding = self.config.hub_correction * self.bank.crowding
        return np.asarray(np.exp(self.config.sharpness * (vectors @ self.bank.vectors.T - crowding)), dtype=np.float32)

    def _check(self, class_scores: FloatArray, query: Query) -> None:
        labels, width = self.bank.vectors.shape
        if class_scores.shape[1] != labels:
            raise ConfigError(f"the label bank names {labels} classes, but the stream has {class_scores.shape[1]}")
        if query.vector.shape != (width,):
            raise ConfigError(f"the query's vector must be ({width},) like the labels', got {query.vector.shape}")


def label_reasons(evidence: Mapping[str, Evidence], parts: Mapping[str, FloatArray]) -> Reasons:
    """Per clip the labels that speak most for the query, strongest first; weight is the share of all that speaks."""
    together = np.maximum(np.sum(list(parts.values()), axis=0), _LEAST_EVIDENCE)
    weights = {kind: found.weights * (parts[kind] / together)[:, None] for kind, found in evidence.items()}
    return tuple(_clip_reasons(clip, evidence, weights) for clip in range(len(together)))


def _clip_reasons(clip: int, evidence: Mapping[str, Evidence], weights: Mapping[str, FloatArray]) -> tuple[Reason, ...]:
    found = [
        Reason(kind, first_name(item.names[label]), min(1.0, float(weight)))
        for kind, item in evidence.items()
        for label, weight in zip(item.labels[clip], weights[kind][clip], strict=True)
        if weight >= _LEAST_REASON
    ]
    return tuple(sorted(found, key=lambda reason: -reason.weight))
