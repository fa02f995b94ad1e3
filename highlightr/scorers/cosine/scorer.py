"""CLIP used as CLIP: the query is compared with the pictures themselves.

In: picture features and a query from one model of pictures and words, class scores of sound (and of pictures, for
reasons), shots. Out: one score per clip in (0, 1): the odds, by the model's own scale, that the clip shows the query
rather than an ordinary text. Nothing here was fitted, and the scores are not calibrated: a note says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from highlightr.core.checks import check_between
from highlightr.core.errors import ConfigError
from highlightr.core.large_arrays import all_finite, spans
from highlightr.core.numeric import sigmoid, unit_rows
from highlightr.core.types import Features, FloatArray, Query, Scores, Shot
from highlightr.scorers.base import Contract, Scorer, ScorerContext
from highlightr.scorers.configs import LARGEST_WIDTH
from highlightr.scorers.label_bank import LabelBank, LabelMatch, MatchConfig, Reasons, label_reasons
from highlightr.scorers.notes import UNCALIBRATED
from highlightr.scorers.smoothing import PoolingConfig, average_over_groups, moving_average, scene_indices, shot_index
from highlightr.scorers.sounds import CLASS_STREAMS

_LARGEST_LOGIT = 80.0
"""Its sigmoid is 1 in single precision."""


@dataclass(frozen=True)
class CosineConfig(PoolingConfig):
    """Widths, and how evidence is pooled; the pooling is `zeroshot`'s, which was tuned on other features."""

    image_stream: str = "clip"
    image_width: int = 512
    """Of the picture features, and of the query's vector."""
    clip_share: float = 0.05
    """Weight of the clip itself, with its neighbours, beside its shot and scenes, in [0, 1]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_between(self, 1, LARGEST_WIDTH, "image_width")
        check_between(self, 0, 1, "clip_share")


class CosineScorer(Scorer):
    """Scores clips by the cosine of picture and query.

    log odds = scale * cos(picture, query) - log mean over ordinary texts of exp(scale * cos(picture, text)), averaged
    within shots and scenes, with sound's where there is sound, then a sigmoid. The scale is the model's own; ordinary
    texts are the names of ImageNet's classes for pictures, of AudioSet's for sounds. A sound is where its classes'
    names lie in the space, each weighed by how sure YAMNet is of it.

    Source: A. Radford et al., ICML 2021, section 3.1.2 (cosine, scale); the ordinary texts are the query bank of
    Bogolin et al. 2022 (QB-Norm); sounds by Norouzi et al. 2013 (ConSE), eq. 3.
    """

    name: ClassVar[str] = "cosine"
    config_class = CosineConfig

    def __init__(self, imagenet: LabelBank, audioset: LabelBank, scale: float, config: CosineConfig) -> None:
        self.config, self._scale = config, scale
        self.contract = self._contract(config)
        self._banks = {"visual": imagenet, "audio": audioset}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], context: ScorerContext) -> CosineScorer:
        """See `Scorer.from_config`; it has no weights of its own."""
        settings = CosineConfig.from_mapping(config)
        context.refuse_weights(cls.name)
        imagenet, audioset = context.bank(cls.name, "imagenet"), context.bank(cls.name, "yamnet")
        scale = None if context.logit_scale is None else context.logit_scale()
        if scale is None:
            raise ConfigError("cosine needs a text encoder that was trained with pictures: text: clip-prompted")
        return cls(imagenet, audioset, scale, settings)

    @staticmethod
    def _contract(config: CosineConfig) -> Contract:
        """Pictures are required; the class scores are for sound and for reasons."""
        return Contract(
            streams={config.image_stream: config.image_width, "imagenet": 1000, "yamnet": 521},
            required=(config.image_stream,),
            query="required",
            text_width=config.image_width,
        )

    def score(self, features: Features, query: Query | None, shots: Sequence[Shot]) -> Scores:
        """See `Scorer.score`; parts ``visual`` and ``audio`` add up to `values`, and the reasons are class names."""
        query = self.needed(query)
        self.check(features, query)
        if not all_finite(features.streams[self.config.image_stream]):
            raise ConfigError("cosine gave a value that is not finite; look for one in the features")
        audio = self.config.audio_share if "yamnet" in features.streams else 0.0
        weights = {"visual": 1 - audio, "audio": audio}
        pooled = {
            kind: weights[kind] * self._pooled(values, features, shots)
            for kind, values in self._log_odds(features, query).items()
        }
        values = sigmoid(np.clip(np.sum(list(pooled.values()), axis=0), -_LARGEST_LOGIT, _LARGEST_LOGIT))
        parts = _shares(values, pooled)
        return Scores(features.grid, values, parts, self._reasons(features, query, parts), (UNCALIBRATED,))

    def _log_odds(self, features: Features, query: Query) -> dict[str, FloatArray]:
        """(num_clips,) per sense, not pooled."""
        found = {}
        for kind, stream in {"visual": self.config.image_stream, "audio": "yamnet"}.items():
            if stream in features.streams:
                rows = features.streams[stream]
                stretches = [self._against_ordinary(kind, rows[span], query) for span in spans(rows)]
                found[kind] = np.concatenate(stretches)
        return found

    def _against_ordinary(self, kind: str, rows: FloatArray, query: Query) -> FloatArray:
        bank = self._banks[kind]
        # Of sounds, the classes' shares times where their names lie.
        units = unit_rows(rows if kind == "visual" else rows @ bank.vectors)
        common = self._scale * (units @ bank.vectors.T)
        largest = common.max(axis=1)
        ordinary = np.log(np.exp(common - largest[:, None]).mean(axis=1)) + largest
        return np.asarray(self._scale * (units @ query.vector) - ordinary, dtype=np.float32)

    def _pooled(self, values: FloatArray, features: Features, shots: Sequence[Shot]) -> FloatArray:
        """Mean over shot and scenes, with a little of the clip itself."""
        config, grid = self.config, features.grid
        own = moving_average(values, config.smooth_clips)
        groups = [(config.shot_weight, shot_index(grid, shots))]
        # Scenes are told by what pictures show; without class scores the shots stand alone.
        if "imagenet" in features.streams:
            scenes = scene_indices(features.streams["imagenet"], grid.clip_seconds, config.scene_seconds)
            groups += [(1.0, index) for index in scenes]
        together = average_over_groups(values, groups)
        if together is None:
            return own
        return np.asarray((1 - config.clip_share) * together + config.clip_share * own, dtype=np.float32)

    def _reasons(self, features: Features, query: Query, parts: Mapping[str, FloatArray]) -> Reasons:
        evidence = {
            kind: LabelMatch(self._banks[kind], MatchConfig()).evidence(features.streams[stream], query)
            for kind, stream in CLASS_STREAMS.items()
            if stream in features.streams and kind in parts
        }
        return label_reasons(evidence, parts) if evidence else ()


def _shares(values: FloatArray, log_odds: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """The score divided among the senses in proportion to the odds that each gives."""
    largest = np.max(list(log_odds.values()), axis=0)
    odds = {kind: np.exp(each - largest) for kind, each in log_odds.items()}
    total = np.sum(list(odds.values()), axis=0)
    return {kind: np.asarray(values * each / total, dtype=np.float32) for kind, each in odds.items()}
