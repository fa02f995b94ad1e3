"""CFSum without a query as far as a handful of labelled videos can carry it: one linear map per stream, summed.

In: streams on the grid. Out: one score per clip in [0, 1]. Each modality has its own map, and the sum is what eq. 7 of
CFSum leaves where there is no text. Only NumPy; ``highlightr train --config own`` fits it in closed form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from highlightr.core.errors import ConfigError
from highlightr.core.large_arrays import spans
from highlightr.core.numeric import unit_rows
from highlightr.core.tensors import read_tensors
from highlightr.core.types import Features, FloatArray, Query, Scores, Shot
from highlightr.scorers.base import Contract, Scorer, ScorerContext
from highlightr.scorers.configs import FromMapping, check_tensors
from highlightr.scorers.neural import reasons_of

_SEEN = ("visual", "looks like what was marked")
_HEARD = ("audio", "sounds like what was marked")
_FOUND = {
    "yamnet": _HEARD,
    "cnn14": _HEARD,
    "audio_dynamics": _HEARD,
    "motion": ("motion", "moves like what was marked"),
}
"""Stream to what kind of reason it is, in words; the others are pictures."""


@dataclass(frozen=True)
class CFSumLinearConfig(FromMapping):
    """Which streams are weighed."""

    streams: Mapping[str, int] = field(default_factory=dict)
    """Name to width."""
    required: tuple[str, ...] = ()
    """Those that every video must have; the others add nothing where a video lacks them."""
    clip_seconds: float = 1.0

    def __post_init__(self) -> None:
        if not self.streams or not set(self.required) <= set(self.streams):
            raise ConfigError("cfsum-linear needs streams, and its required ones among them")


class CFSumLinearScorer(Scorer):
    """Score = offset + sum over streams of (unit features - mean) · weight, brought to [0, 1] by clipping.

    Source: CFSum (Guo et al. 2025), eq. 7-8, with linear maps for its networks and without text.
    """

    name: ClassVar[str] = "cfsum-linear"
    config_class = CFSumLinearConfig

    def __init__(self, tensors: Mapping[str, FloatArray], config: CFSumLinearConfig, origin: str) -> None:
        check_tensors(self.name, origin, self.tensor_shapes(config), tensors)
        self.config, self._tensors = config, tensors
        self.contract = self._contract(config)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], context: ScorerContext) -> CFSumLinearScorer:
        """See `Scorer.from_config`; it runs on trained weights."""
        path = context.trained_weights(cls.name)
        return cls(read_tensors(path), CFSumLinearConfig.from_mapping(config), str(path))

    @classmethod
    def tensor_shapes(cls, config: CFSumLinearConfig) -> dict[str, tuple[int, ...]]:
        """See `Scorer.tensor_shapes`."""
        shapes: dict[str, tuple[int, ...]] = {"offset": (1,)}
        for name, width in config.streams.items():
            shapes |= {f"{name}.mean": (width,), f"{name}.weight": (width,)}
        return shapes

    @staticmethod
    def _contract(config: CFSumLinearConfig) -> Contract:
        return Contract(config.streams, {}, tuple(config.required), "ignored", None, config.clip_seconds)

    def score(self, features: Features, query: Query | None, shots: Sequence[Shot]) -> Scores:  # noqa: ARG002
        """See `Scorer.score`; parts are the streams' terms and `bias`, whose sum is the score before clipping."""
        self.check(features)
        kept = {name: self._term(name, features) for name in self.config.streams if name in features.streams}
        total = np.sum(list(kept.values()), axis=0) + self._tensors["offset"][0]
        if not np.isfinite(total).all():
            raise ConfigError("cfsum-linear gave a value that is not finite; look for one in the features")
        reasons = reasons_of({name: (*_FOUND.get(name, _SEEN), part) for name, part in kept.items()})
        bias = np.full(features.grid.num_clips, self._tensors["offset"][0], dtype=np.float32)
        return Scores(features.grid, np.clip(total, 0, 1).astype(np.float32), kept | {"bias": bias}, reasons)

    def _term(self, name: str, features: Features) -> FloatArray:
        mean, weight = self._tensors[f"{name}.mean"], self._tensors[f"{name}.weight"]
        rows = features.streams[name]
        terms = [(unit_rows(rows[span]) - mean) @ weight for span in spans(rows)]
        return np.asarray(np.concatenate(terms), dtype=np.float32)
