"""The scorer that needs no training, with a query and without.

In: class scores of pictures and sounds, sound dynamics, motion and novelty on the grid. Out: one score per clip in
[0, 1]. With a query the score is absolute (how much the clip resembles the query); without one it is relative to the
video. Queries are English: the label names and the sentence encoder are, and words for what neither ImageNet's 1000
classes nor AudioSet's 521 can hint at (a name, a written word, a count) find nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from highlightr.core.checks import check_between
from highlightr.core.errors import NothingToScoreError
from highlightr.core.types import Features, FloatArray, Query, Scores, Shot
from highlightr.scorers.base import Contract, Scorer, ScorerContext
from highlightr.scorers.label_bank import IndexArray, LabelBank, LabelMatch, MatchConfig, Reasons, label_reasons
from highlightr.scorers.notes import WEAK_MATCH, doubts
from highlightr.scorers.smoothing import (
    PoolingConfig,
    average_over,
    average_over_groups,
    moving_average,
    scene_indices,
    shot_index,
)
from highlightr.scorers.sounds import CLASS_STREAMS, senses
from highlightr.scorers.zeroshot.salience import salience

WEAK_MATCH_BELOW = 0.10
"""Best score under which a query counts as not answered. Measured on the captioned benchmark (592 captions, videos of
eight clips): it flags 9 % of the captions of the video's own parts and 18 % of those of another video. That is a weak
sign, because a video of eight things holds something near most sentences; so it is a note and never an error."""

_NEAREST_SHARE = 0.02
"""Share of the labels that a clip shows that is all about the query: 20 of ImageNet's, 10 of AudioSet's."""

_LEAST_EVIDENCE = 1e-6
"""Evidence below this share of chance is none."""

_MOST_STEPS = 50.0
"""Further from the middle the score is 0 or 1 anyway, and the exponential would overflow."""

_LEAST_SPAN = 1e-3
"""Keeps the scale finite where all labels are equally near."""

Parts = dict[str, FloatArray]


@dataclass(frozen=True)
class ZeroShotConfig(PoolingConfig, MatchConfig):
    """How the evidence is gathered, and what score it comes to."""

    clip_exponent: float = 0.05
    """Say of the clip itself, with its neighbours, in [0, 1]: it finds the place inside a long shot. It works as an
    exponent, because evidence is steep and one lucky clip would outweigh the scene it lies in."""
    middle_match: float = 0.3
    """Degree of match (see `_absolute`) that scores 0.5, in [0, 1]."""
    match_width: float = 0.1
    """Steepness of the score around it."""

    def __post_init__(self) -> None:
        MatchConfig.__post_init__(self)
        PoolingConfig.__post_init__(self)
        check_between(self, 0, 1, "clip_exponent", "middle_match")
        check_between(self, _LEAST_SPAN, 1000, "match_width")


class ZeroShotScorer(Scorer):
    """From features (and a query) to scores, without training."""

    name: ClassVar[str] = "zeroshot"
    config_class = ZeroShotConfig
    contract = Contract(streams={"imagenet": 1000, "yamnet": 521, "audio_dynamics": 4, "motion": 2, "novelty": 1})

    def __init__(self, imagenet: LabelBank, audioset: LabelBank, config: ZeroShotConfig | None = None) -> None:
        self.config = config or ZeroShotConfig()
        self._banks = {"visual": imagenet, "audio": audioset}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], context: ScorerContext) -> ZeroShotScorer:
        """See `Scorer.from_config`; it runs without weights, on label banks."""
        context.refuse_weights(cls.name)
        settings = ZeroShotConfig.from_mapping(config)
        return cls(context.bank(cls.name, "imagenet"), context.bank(cls.name, "yamnet"), settings)

    @classmethod
    def reads(cls, config: Mapping[str, Any], *, asked: bool) -> frozenset[str]:
        """See `Scorer.reads`; a query is answered by class scores alone."""
        return frozenset(CLASS_STREAMS.values()) if asked else super().reads(config, asked=asked)

    def score(self, features: Features, query: Query | None, shots: Sequence[Shot]) -> Scores:
        """See `Scorer.score`; without any stream to score from it refuses, too.

        `parts` add up to `values`: with a query ``visual`` and ``audio``, without one ``sounds``, ``dynamics``,
        ``motion`` and ``novelty``. A modality that the video lacks is an absent part.
        """
        if query is None:
            parts, reasons = salience(features, self._banks["audio"].names)
            index = shot_index(features.grid, shots)
            parts = {name: self._calm(values, index) for name, values in parts.items()}
            return Scores(features.grid, _total(parts), parts, reasons)
        parts, reasons = self._answer(features, query, shots)
        values = _total(parts)
        return Scores(features.grid, values, parts, reasons, self._notes(query, float(values.max())))

    def _answer(self, features: Features, query: Query, shots: Sequence[Shot]) -> tuple[Parts, Reasons]:
        """Pool each modality's evidence, add them up, and turn the sum into a score that they divide."""
        streams, weights = senses(features, self._banks["audio"].names, self.config.audio_share)
        if not streams:
            raise NothingToScoreError("the zeroshot scorer needs the stream 'imagenet' or 'yamnet' to answer a query")
        evidence = {kind: self._match(kind).evidence(scores, query) for kind, scores in streams.items()}
        seen = streams.get("visual", next(iter(streams.values())))
        scenes = scene_indices(seen, features.grid.clip_seconds, self.config.scene_seconds)
        groups = [*((1.0, index) for index in scenes), (self.config.shot_weight, shot_index(features.grid, shots))]
        pooled = {kind: self._pool(weights[kind] * found.values, groups) for kind, found in evidence.items()}
        together = np.sum(list(pooled.values()), axis=0)
        scales = [self._scale(kind, query, self._pool(weights[kind], groups)) for kind in streams]
        chance, best = np.sum([one for one, _ in scales], axis=0), np.max([one for _, one in scales], axis=0)
        values = self._absolute(together, chance, best)
        parts = {
            kind: np.asarray(values * part / np.maximum(together, 1e-9), dtype=np.float32)
            for kind, part in pooled.items()
        }
        return parts, label_reasons(evidence, parts)

    def _match(self, kind: str) -> LabelMatch:
        return LabelMatch(self._banks[kind], self.config)

    def _pool(self, values: FloatArray, groups: Sequence[tuple[float, IndexArray]]) -> FloatArray:
        """Mean over shot and scenes, bent towards the clip's own evidence (a weighted geometric mean)."""
        own = moving_average(values, self.config.smooth_clips)
        pooled = average_over_groups(values, groups)
        if pooled is None:
            return own
        exponent = self.config.clip_exponent
        return np.asarray(pooled ** (1 - exponent) * np.maximum(own, 0) ** exponent, dtype=np.float32)

    def _scale(self, kind: str, query: Query, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(num_clips,) evidence of clips that are all labels equally, and of those that are only the nearest labels."""
        gain = np.sort(self._match(kind).gain(query))
        nearest = max(1, round(_NEAREST_SHARE * len(gain)))
        return weights * gain.mean(), weights * gain[-nearest:].mean()

    def _absolute(self, evidence: FloatArray, chance: FloatArray, best: FloatArray) -> FloatArray:
        """Evidence as a score in (0, 1), by its degree of match: 0 is a clip of chance, 1 one of the nearest labels.

        Evidence is exponential in similarity, so the degree is measured on its logarithm. Without this scale scores
        of different queries could not be compared: some sentences lie near all labels, some near none.
        """
        chance = np.maximum(chance, _LEAST_EVIDENCE)
        span = np.maximum(np.log(np.maximum(best, chance) / chance), _LEAST_SPAN)
        degree = np.log(np.maximum(evidence, chance * _LEAST_EVIDENCE) / chance) / span
        steps = np.clip((self.config.middle_match - degree) / self.config.match_width, -_MOST_STEPS, _MOST_STEPS)
        score = 1 / (1 + np.exp(steps))
        return np.asarray(score, dtype=np.float32)

    def _calm(self, values: FloatArray, index: IndexArray) -> FloatArray:
        """Without a query: half the clip with its neighbours, half its shot."""
        calm = (moving_average(values, self.config.smooth_clips) + average_over(values, index)) / 2
        return np.asarray(calm, dtype=np.float32)

    def _notes(self, query: Query, best: float) -> tuple[str, ...]:
        notes = doubts(query)
        return (*notes, WEAK_MATCH) if best < WEAK_MATCH_BELOW else notes


def _total(parts: Mapping[str, FloatArray]) -> FloatArray:
    return np.asarray(np.clip(np.sum(list(parts.values()), axis=0), 0, 1), dtype=np.float32)
