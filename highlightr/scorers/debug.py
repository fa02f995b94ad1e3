"""The scorer for trying the pipeline: numpy only, random weights, any features, any query.

In: whatever streams a video has. Out: a score per clip that depends on every stream and on the query, and means
nothing. It is public so that the command line and tests can run offline in no time.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from highlightr.core.errors import NothingToScoreError
from highlightr.core.types import Features, FloatArray, Query, Reason, Scores, Shot
from highlightr.scorers.base import Contract, Scorer, ScorerContext
from highlightr.scorers.configs import FromMapping
from highlightr.scorers.notes import RANDOM_WEIGHTS

_MIDDLE = 0.5


@dataclass(frozen=True)
class DebugConfig(FromMapping):
    """There is nothing to set."""


class DebugScorer(Scorer):
    """score = 1/2 + Σ_stream tanh(w_stream · x) / (2 · streams); w drawn per stream name, width and query.

    `Scores.parts` are the streams and `baseline`; they sum to the score.
    """

    name: ClassVar[str] = "debug"
    config_class = DebugConfig
    contract = Contract(streams={}, query="optional")

    def __init__(self, random_seed: int = 0) -> None:
        self.random_seed = random_seed

    @classmethod
    def from_config(cls, config: Mapping[str, Any], context: ScorerContext) -> DebugScorer:
        """See `Scorer.from_config`; the seed is 0 if none is given."""
        DebugConfig.from_mapping(config)
        context.refuse_weights(cls.name)
        return cls(context.random_seed or 0)

    def score(self, features: Features, query: Query | None, shots: Sequence[Shot]) -> Scores:  # noqa: ARG002
        """Score every clip; see `Scorer.score`."""
        if not features.streams:
            raise NothingToScoreError("the debug scorer needs at least one stream, and this video gave none")
        text = "" if query is None else query.text
        share = _MIDDLE / len(features.streams)
        parts = {
            name: (share * np.tanh(rows @ self._direction(name, rows.shape[1], text))).astype(np.float32)
            for name, rows in features.streams.items()
        }
        parts["baseline"] = np.full(features.grid.num_clips, _MIDDLE, dtype=np.float32)
        values = np.clip(np.sum(list(parts.values()), axis=0), 0, 1).astype(np.float32)
        reasons = tuple((Reason("visual", "random weights", float(value)),) for value in values)
        return Scores(features.grid, values, parts, reasons, (RANDOM_WEIGHTS,))

    def _direction(self, stream: str, width: int, text: str) -> FloatArray:
        seed = [self.random_seed, zlib.crc32(f"{stream}\0{text}".encode())]
        drawn = np.random.default_rng(seed).standard_normal(width, dtype=np.float32)
        return np.asarray(drawn / np.sqrt(width), dtype=np.float32)
