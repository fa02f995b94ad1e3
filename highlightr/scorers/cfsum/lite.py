"""CFSum as far as it pays on the lite features: linear interactions with the query, and attention within scenes.

In: picture features and class scores, sound class scores if there is sound, a query, shots. Out: one calibrated score
per clip in [0, 1]. Of CFSum it keeps the two interactions, text with video and text with audio, weighed and summed;
each is linear, because blocks of attention that were trained on the same clips made held-out figures worse (the
card has the rows). Only NumPy and a few megabytes, so that nothing heavy is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from highlightr.core.errors import ConfigError
from highlightr.core.large_arrays import release, spans
from highlightr.core.numeric import sigmoid, unit_rows
from highlightr.core.tensors import read_tensors
from highlightr.core.types import Features, FloatArray, Match, Query, Scores, Shot
from highlightr.scorers.base import Contract, Scorer, ScorerContext
from highlightr.scorers.cfsum.config import CFSumLiteConfig
from highlightr.scorers.cfsum.scene_attention import border_chances, border_facts, border_shapes, scene_average
from highlightr.scorers.configs import check_tensors
from highlightr.scorers.label_bank import LabelBank, LabelMatch, MatchConfig, label_reasons
from highlightr.scorers.notes import doubts
from highlightr.scorers.sounds import named_sound_heard, senses

_PICTURE_CLASSES = 1000
_LEAST_EVIDENCE = 1e-9

_LEAST_DOUBT = 0.01
"""How far below a strong match one stays whose query is not understood; one percent is seen where it is shown."""

_USUAL_SCENES = 8
"""In the videos that the chance of a match is fitted on (`research.lite`)."""

_FEWEST_SCENES, _MOST_SCENES = 4, 20
"""Counted at least and at most. A single clip gains nothing by chance, but what it lacks is also told more easily:
counted as one scene, it was believed to show half of what it does not. The largest is that of the videos that
`match_scenes` was measured on: beyond, a query for one scene of a film would seem absent."""


def _together(pooled: Mapping[str, FloatArray]) -> FloatArray:
    return np.maximum(np.sum(list(pooled.values()), axis=0, dtype=np.float32), _LEAST_EVIDENCE)


def _quantile(rows: FloatArray, share: float) -> FloatArray:
    """Of each column, as ``np.quantile`` makes it, which imports NumPy's masked arrays for it: 20 ms of a start."""
    ordered, at = np.sort(rows, axis=0), share * (len(rows) - 1)
    below, above = ordered[math.floor(at)], ordered[math.ceil(at)]
    return np.asarray(above - (above - below) * np.float32(math.ceil(at) - at), dtype=np.float32)


def scene_excess(chances: FloatArray) -> float:
    """Log of how many scenes these borders part over how many are usual: what the best of them gains by chance."""
    scenes = min(max(1 + float(chances.sum()), _FEWEST_SCENES), _MOST_SCENES)
    return math.log(scenes / _USUAL_SCENES)


class CFSumLiteScorer(Scorer):
    """Scores clips by how they answer a query, in pictures and in sound.

    log evidence = gain · cos(A clip, B query) + log of the class names' evidence (as in `zeroshot`), less a share of
    what ordinary sentences would get; for sound without the first term. The two senses are weighed and summed (CFSum
    eq. 7), sound as far as it says something, and averaged around each clip within its scene. A sigmoid brings the log
    of that to [0, 1], measured from what the query gets from ordinary footage: some sentences lie near every picture,
    some near none.

    Source: CFSum (Guo et al. 2025) for the two interactions and their weighted sum; ridge regression for the linear
    path; the share taken off is the query-bank normalisation of Bogolin et al. 2022 (QB-Norm, its inverted softmax)
    with an exponent below 1; the attention within scenes is `scene_average`.
    """

    name: ClassVar[str] = "cfsum-lite"
    config_class = CFSumLiteConfig

    def __init__(
        self,
        imagenet: LabelBank,
        audioset: LabelBank,
        tensors: Mapping[str, FloatArray],
        config: CFSumLiteConfig,
        origin: str,
    ) -> None:
        check_tensors(self.name, origin, self.tensor_shapes(config), tensors)
        self.config, self.contract = config, self._contract(config)
        self._weights = {name: np.asarray(value, dtype=np.float32) for name, value in tensors.items()}
        self._matches = {"visual": LabelMatch(imagenet, MatchConfig()), "audio": LabelMatch(audioset, MatchConfig())}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], context: ScorerContext) -> CFSumLiteScorer:
        """See `Scorer.from_config`; it runs on trained weights and label banks."""
        settings = CFSumLiteConfig.from_mapping(config)
        path = context.trained_weights(cls.name)
        imagenet, audioset = context.bank(cls.name, "imagenet"), context.bank(cls.name, "yamnet")
        return cls(imagenet, audioset, read_tensors(path), settings, str(path))

    @classmethod
    def tensor_shapes(cls, config: CFSumLiteConfig) -> Mapping[str, tuple[int, ...]]:
        """See `Scorer.tensor_shapes`: everything that was fitted."""
        text = config.text_width
        return {
            "clip_mean": (config.pooled_width,),  # Of unit picture features.
            "clip_map": (config.pooled_width, text),  # Ridge regression, pictures to the weighed text space.
            "text_mean": (text,),
            "text_map": (text, text),  # Evens out the directions in which all sentences vary.
            "common": (config.common_sentences, text),  # Unit vectors of ordinary sentences.
            "ordinary_pooled": (config.ordinary_clips, config.pooled_width),  # Picture features of ordinary footage.
            "ordinary_classes": (config.ordinary_clips, _PICTURE_CLASSES),  # Its picture class scores.
            **border_shapes(config.border_units),
        }

    @staticmethod
    def _contract(config: CFSumLiteConfig) -> Contract:
        """Pictures are required; sound may be absent."""
        return Contract(
            streams={config.pooled_stream: config.pooled_width, "imagenet": _PICTURE_CLASSES, "yamnet": 521},
            required=(config.pooled_stream, "imagenet"),
            query="required",
            text_width=config.text_width,
            clip_seconds=config.clip_seconds,
        )

    def score(self, features: Features, query: Query | None, shots: Sequence[Shot]) -> Scores:
        """See `Scorer.score`; parts ``visual`` and ``audio`` add up to `values`, and the reasons are class names.

        With them come whether the video answers the query, where its scenes begin, and what its clips look like.
        """
        query = self.needed(query)
        self.check(features, query)
        classes, weights = self._senses(features)
        chances = self.borders(features, shots)
        pooled = {kind: rows[0] for kind, rows in self._pooled(features, [query], classes, weights, chances).items()}
        together = _together(pooled)
        log_evidence = np.log(together) - self._usual([query])
        values = sigmoid(self.config.slope * log_evidence + self.config.offset)
        parts = {kind: np.asarray(values * part / together, dtype=np.float32) for kind, part in pooled.items()}
        found = {kind: self._matches[kind].evidence(classes[kind], query) for kind in parts}
        best = int(log_evidence.argmax())
        named = self._named_sound_heard(classes.get("audio"), query, best)
        match, notes = self._match(float(log_evidence[best]), chances, named), doubts(query)
        if notes:
            match = self._doubted(match)
        reasons, looks = label_reasons(found, parts), features.streams[self.config.pooled_stream]
        return Scores(features.grid, values, parts, reasons, notes, match, borders=chances, looks=looks)

    def log_evidence(self, features: Features, queries: Sequence[Query], shots: Sequence[Shot]) -> FloatArray:
        """(queries, num_clips): what scores are made of before they are calibrated.

        The log of both senses' evidence, above what each query gets from ordinary footage.
        """
        for query in queries:
            self.check(features, query)
        pooled = self._pooled(features, queries, *self._senses(features), self.borders(features, shots))
        return np.asarray(np.log(_together(pooled)) - self._usual(queries)[:, None], dtype=np.float32)

    def _senses(self, features: Features) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
        return senses(features, self._matches["audio"].bank.names, self.config.audio_share)

    def borders(self, features: Features, shots: Sequence[Shot]) -> FloatArray:
        """(num_clips - 1,) the chance that a scene begins after each clip but the last."""
        return border_chances(self._weights, border_facts(features.streams["imagenet"], features.grid, shots))

    def _named_sound_heard(self, telling: FloatArray | None, query: Query, best: int) -> float:
        """See `named_sound_heard`: as far around the best clip as sound reaches."""
        if telling is None:
            return 0.0
        bank, reach = self._matches["audio"].bank, round(self.config.audio_reach_seconds / self.config.clip_seconds)
        around = telling[max(0, best - reach) : best + reach + 1]
        return named_sound_heard(around, bank.names, bank.vectors @ query.vector)

    def _match(self, best: float, chances: FloatArray, named: float) -> Match:
        """The verdict on a query whose best clip has this log evidence, in a video with these borders.

        `named`: how clearly the sound that the query names is heard there.
        """
        config = self.config
        odds = config.match_slope * best + config.match_offset - config.match_scenes * scene_excess(chances)
        chance = float(sigmoid(np.array(odds + config.match_heard * named, dtype=np.float32)))
        if chance < config.none_below:
            return Match("none", chance)
        return Match("strong" if chance >= config.strong_from else "weak", chance)

    def _doubted(self, match: Match) -> Match:
        """The same for a query that is not understood: resembling it proves nothing, so no match is strong."""
        chance = min(match.probability, max(self.config.strong_from - _LEAST_DOUBT, 0.0))
        return Match("weak" if match.verdict == "strong" else match.verdict, chance)

    def _usual(self, queries: Sequence[Query]) -> FloatArray:
        """(queries,) log evidence that the best of ordinary footage has for each query."""
        own, vectors = self._weights, np.stack([query.vector for query in queries])
        rows = self._log_evidence("visual", own["ordinary_classes"], own["ordinary_pooled"], vectors)
        levels = _quantile(rows - self._ordinary_common, self.config.ordinary_share)
        return np.asarray(self.config.sharpness * levels, dtype=np.float32)

    @cached_property
    def _ordinary_common(self) -> FloatArray:
        """(ordinary_clips, 1): what ordinary sentences get from ordinary footage; no query and no video change it."""
        own = self._weights
        return self._common(
            self._log_evidence("visual", own["ordinary_classes"], own["ordinary_pooled"], own["common"])
        )

    def _pooled(
        self,
        features: Features,
        queries: Sequence[Query],
        classes: Mapping[str, FloatArray],
        weights: Mapping[str, FloatArray],
        chances: FloatArray,
    ) -> dict[str, FloatArray]:
        """Each sense's weighed evidence averaged within scenes, (queries, num_clips), not negative."""
        config, found = self.config, {}
        for kind, scores in classes.items():
            pictures = features.streams[config.pooled_stream] if kind == "visual" else None
            evidence = weights[kind] * np.exp(config.sharpness * self._evidence(scores, pictures, queries, kind))
            if not np.isfinite(evidence).all():
                raise ConfigError("cfsum-lite gave a value that is not finite; look for one in the features")
            reach = config.visual_reach_seconds if kind == "visual" else config.audio_reach_seconds
            found[kind] = scene_average(evidence, chances, config.scene_strength, reach / features.grid.clip_seconds)
        return found

    def _evidence(
        self, classes: FloatArray, pooled: FloatArray | None, queries: Sequence[Query], kind: str
    ) -> FloatArray:
        """(queries, num_clips) log evidence of one sense before it is averaged within scenes."""
        texts = np.concatenate([np.stack([query.vector for query in queries]), self._weights["common"]])
        count, found = len(queries), []
        for span in spans(classes):
            rows = self._log_evidence(kind, classes[span], None if pooled is None else pooled[span], texts)
            # The last columns are of ordinary sentences: what they would get is taken off.
            found.append(rows[:, :count] - self._common(rows[:, count:]))
            if pooled is not None:
                release(pooled)
        return np.concatenate(found).T

    def _log_evidence(self, kind: str, classes: FloatArray, pooled: FloatArray | None, texts: FloatArray) -> FloatArray:
        """(num_clips, texts)."""
        match = self._matches[kind]
        shares = match.shares(classes)
        found = np.log(np.maximum(shares @ match.gains(texts).T, _LEAST_EVIDENCE))
        if pooled is None:
            return np.asarray(found, dtype=np.float32)
        own = self._weights
        seen = unit_rows((unit_rows(pooled) - own["clip_mean"]) @ own["clip_map"])
        said = unit_rows((texts - own["text_mean"]) @ own["text_map"])
        return np.asarray(found + self.config.gain * (seen @ said.T), dtype=np.float32)

    def _common(self, rows: FloatArray) -> FloatArray:
        """(rows, 1): a share of the soft maximum of each row."""
        temperature, largest = self.config.common_temperature, rows.max(axis=1, keepdims=True)
        soft = np.log(np.exp(temperature * (rows - largest)).mean(axis=1, keepdims=True)) / temperature + largest
        return np.asarray(self.config.common_share * soft, dtype=np.float32)
