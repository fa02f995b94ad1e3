"""The scorer that needs no training, with a query and without.

In: class posteriors of pictures and sounds, sound dynamics, motion and novelty on the grid. Out: one score per clip
in [0, 1]. With a query the score is absolute (how much the clip resembles the query), without one it is relative to
the video. Queries are English: the label names and the sentence encoder are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from highlightr.errors import ConfigError
from highlightr.scorers.base import Contract, Scorer
from highlightr.scorers.zeroshot_labels import Evidence, LabelBank, LabelMatch, strongest
from highlightr.scorers.zeroshot_salience import salient_sounds, standing_out
from highlightr.scorers.zeroshot_smoothing import moving_average, shot_average, shot_index
from highlightr.timeline import Features, FloatArray, Query, Reason, Scores, Shot

__all__ = ["WEAK_MATCH", "ZeroShotConfig", "ZeroShotScorer"]

WEAK_MATCH = "Weak match: nothing in this video resembles the query much."
"""Note given when the best clip stays below `ZeroShotConfig.weak_match`."""


@dataclass(frozen=True)
class ZeroShotConfig:
    """How the parts are weighed; the defaults were chosen by measurement (tests/benchmarks)."""

    top_labels: int = 50
    """Classes kept per clip."""
    posterior_power: float = 0.5
    """Exponent on the class scores; below 1 flattens them."""
    smooth_clips: int = 5
    """Width of the moving average over neighbouring clips."""
    shot_share: float = 0.5
    """How much of a clip's score is its shot's mean, in [0, 1]."""
    audio_share: float = 0.3
    """Weight of sound beside pictures when a query is given and both are there."""
    weak_match: float = 0.2
    """Best score below which the query counts as not answered."""


class ZeroShotScorer(Scorer):
    """From features (and a query) to scores, without training."""

    contract = Contract(streams={"imagenet": 1000, "yamnet": 521, "motion": 2, "novelty": 1, "audio_dynamics": 4})

    def __init__(self, imagenet: LabelBank, audioset: LabelBank, config: ZeroShotConfig | None = None) -> None:
        self.config = config or ZeroShotConfig()
        self._banks = {"visual": imagenet, "audio": audioset}

    def score(self, features: Features, query: Query | None, shots: Sequence[Shot]) -> Scores:
        """Score every clip; see `Scorer.score`.

        Returns:
            Scores whose `parts` add up to `values`: with a query ``visual`` and ``audio``, without one ``sounds``,
            ``dynamics``, ``motion`` and ``novelty``; absent modalities are absent parts.

        Raises:
            ConfigError: no stream to score from, or a stream or query of another width than the label banks.
        """
        parts, reasons = self._answer(features, query) if query is not None else self._salience(features)
        parts = {name: self._smooth(values, features, shots) for name, values in parts.items()}
        values = np.clip(np.sum(list(parts.values()), axis=0), 0, 1).astype(np.float32)
        weak = query is not None and float(values.max()) < self.config.weak_match
        return Scores(features.grid, values, parts, reasons, (WEAK_MATCH,) if weak else ())

    def _answer(self, features: Features, query: Query) -> tuple[dict[str, FloatArray], tuple[tuple[Reason, ...], ...]]:
        streams = {
            kind: features.streams[name]
            for kind, name in (("visual", "imagenet"), ("audio", "yamnet"))
            if name in features.streams
        }
        if not streams:
            raise ConfigError("the zeroshot scorer needs the stream 'imagenet' or 'yamnet' to answer a query")
        share = self.config.audio_share if len(streams) == 2 else 0.0
        weights = {"visual": 1 - share, "audio": share} if len(streams) == 2 else dict.fromkeys(streams, 1.0)
        parts, evidence = {}, {}
        for kind, class_scores in streams.items():
            match = LabelMatch(self._banks[kind], self.config.top_labels, self.config.posterior_power)
            cosine, evidence[kind] = match.similarity(class_scores, query)
            parts[kind] = np.asarray(weights[kind] * np.clip(cosine, 0, 1), dtype=np.float32)
        return parts, _merge_reasons(evidence, weights, features.grid.num_clips)

    def _salience(self, features: Features) -> tuple[dict[str, FloatArray], tuple[tuple[Reason, ...], ...]]:
        streams = features.streams
        parts: dict[str, FloatArray] = {}
        evidence: dict[str, Evidence] = {}
        if "yamnet" in streams:
            names = self._banks["audio"].names
            sounds = salient_sounds(streams["yamnet"], names)
            parts["sounds"] = sounds.max(axis=1)
            evidence["audio"] = Evidence(names, *strongest(sounds))
        if "audio_dynamics" in streams:
            parts["dynamics"] = standing_out(streams["audio_dynamics"].mean(axis=1), 1e-3)
        for name in ("motion", "novelty"):
            if name in streams:
                parts[name] = standing_out(streams[name].mean(axis=1), 1e-3)
        if not parts:
            raise ConfigError("the zeroshot scorer found no stream to score: give it motion, novelty or sound")
        parts = {name: np.asarray(values / len(parts), dtype=np.float32) for name, values in parts.items()}
        return parts, _merge_reasons(evidence, {"audio": 1.0}, features.grid.num_clips)

    def _smooth(self, values: FloatArray, features: Features, shots: Sequence[Shot]) -> FloatArray:
        pooled = shot_average(values, shot_index(features.grid, shots))
        share = self.config.shot_share
        return moving_average((1 - share) * values + share * pooled, self.config.smooth_clips)


def _merge_reasons(
    evidence: dict[str, Evidence], weights: dict[str, float], num_clips: int
) -> tuple[tuple[Reason, ...], ...]:
    """Per clip the labels of all kinds, strongest first, at most three of each kind."""
    merged: list[tuple[Reason, ...]] = []
    for clip in range(num_clips):
        found = [
            Reason(kind, item.names[label], min(1.0, float(weight) * weights[kind]))
            for kind, item in evidence.items()
            for label, weight in zip(item.labels[clip], item.weights[clip], strict=True)
            if weight > 0
        ]
        merged.append(tuple(sorted(found, key=lambda reason: -reason.weight)))
    return tuple(merged)
