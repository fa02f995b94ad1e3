"""What can be fitted to a user's labels: the linear CFSum with a query and without, and the full CFSum.

In: `LabelledItem`s. Out: a scorer, and its tensors for a weights file. A linear fit has one setting, its penalty,
which is chosen by holding out videos among the items that it is given.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from highlightr.core.errors import ConfigError
from highlightr.core.numeric import unit_rows
from highlightr.core.tensors import read_tensors
from highlightr.core.types import FloatArray
from highlightr.datasets import Dataset, Example
from highlightr.evaluation.ranking import average_precision
from highlightr.model_loader import label_bank, open_text_encoder
from highlightr.scorers import Scorer, ScorerContext, create_scorer
from highlightr.scorers.cfsum.config import CFSumLiteConfig
from highlightr.scorers.cfsum.linear import CFSumLinearConfig, CFSumLinearScorer
from highlightr.scorers.cfsum.lite import CFSumLiteScorer
from highlightr.training.own_data import LabelledItem, folds_of, split, videos_of
from highlightr.zoo import Preset, weights_path

_SOUND = ("yamnet", "audio_dynamics")
"""Streams that a new video may lack; its sound then counts as the average of those that were labelled."""

MOST_ROWS = 6000
"""Clips that a map without a query is fitted to; of more, every second, third, … is taken."""


def ridge_map(rows: FloatArray, targets: FloatArray, ridge: float) -> FloatArray:
    """(width, outputs) map from rows (n, width) to targets (n, outputs), both centred.

    It has the least squared error plus `ridge`, above 0, times its own squared size.
    """
    if len(rows) < rows.shape[1]:
        return np.asarray(rows.T @ np.linalg.solve(rows @ rows.T + ridge * np.eye(len(rows)), targets))
    return np.asarray(np.linalg.solve(rows.T @ rows + ridge * np.eye(rows.shape[1]), rows.T @ targets))


def moved_map(map_: FloatArray, rows: FloatArray, targets: FloatArray, ridge: float) -> FloatArray:
    """A map moved as little as it takes towards new examples: ridge regression of what it leaves over.

    Rows are centred as for the map. The larger `ridge`, the penalty on the move, the less it moves.
    """
    left = targets - rows @ map_
    return np.asarray(map_ + ridge_map(rows, left, ridge), dtype=np.float32)


@dataclass(frozen=True)
class Fitted:
    """A trained scorer and how a preset names it."""

    scorer_name: str
    config: Mapping[str, Any]
    tensors: Mapping[str, FloatArray]
    scorer: Scorer

    def scores(self, labelled: LabelledItem) -> FloatArray:
        """(num_clips,) in [0, 1]."""
        return self.scorer.score(labelled.features, labelled.query, labelled.shots).values


class Fit(ABC):
    """A way to learn from labels."""

    name: str

    @abstractmethod
    def fit(self, items: Sequence[LabelledItem]) -> Fitted:
        """Learn from all of these."""


class LinearFit(Fit):
    """A closed form with a penalty."""

    penalties: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)

    @abstractmethod
    def with_penalty(self, items: Sequence[LabelledItem], penalty: float) -> Fitted:
        """Learn from these with this penalty."""

    def fit(self, items: Sequence[LabelledItem]) -> Fitted:
        """Learn with the penalty that ranks held-out videos among these best; the largest of equals."""
        folds = folds_of(videos_of(items))
        found = {penalty: self._held_out(items, folds, penalty) for penalty in self.penalties}
        best = max(sorted(found, reverse=True), key=lambda penalty: round(found[penalty], 6))
        return self.with_penalty(items, best)

    def _held_out(self, items: Sequence[LabelledItem], folds: Sequence[set[str]], penalty: float) -> float:
        precisions = []
        for fold in folds:
            rest, held = split(items, fold)
            fitted = self.with_penalty(rest, penalty)
            precisions += [average_precision(each.positive, fitted.scores(each)) for each in held]
        return float(np.mean(precisions))


class QueryFit(LinearFit):
    """The linear CFSum that ships, its map from pictures to sentences moved towards the labelled moments."""

    name = "linear CFSum, own"

    def __init__(self, preset: Preset) -> None:
        self._choice = preset.scorers["cfsum-lite"]
        self._config = CFSumLiteConfig.from_mapping(self._choice.config)
        self._shipped = read_tensors(weights_path(str(self._choice.weights)))
        self._text = str(preset.text)

    @cached_property
    def _banks(self) -> tuple[Any, Any]:
        encoder = open_text_encoder(self._text)
        return label_bank(encoder, "imagenet"), label_bank(encoder, "yamnet")

    def with_penalty(self, items: Sequence[LabelledItem], penalty: float) -> Fitted:
        """See `LinearFit.with_penalty`."""
        own, stream = dict(self._shipped), self._config.pooled_stream
        looks = np.stack([unit_rows(each.features.streams[stream])[each.positive].mean(axis=0) for each in items])
        said = np.stack([each.query.vector for each in items if each.query is not None]) - own["text_mean"]
        own["clip_map"] = moved_map(own["clip_map"], looks - own["clip_mean"], said @ own["text_map"], penalty)
        scorer = CFSumLiteScorer(*self._banks, own, self._config, "the fit")
        return Fitted("cfsum-lite", self._choice.config, own, scorer)


class NoQueryFit(LinearFit):
    """One linear map from all streams to the labels, within videos."""

    name = "linear CFSum, own"
    penalties = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)

    def __init__(self, items: Sequence[LabelledItem]) -> None:
        widths = {name: rows.shape[1] for each in items for name, rows in each.features.streams.items()}
        everywhere = tuple(name for name in sorted(widths) if all(name in each.features.streams for each in items))
        if not everywhere:
            raise ConfigError("the labelled videos have no kind of features in common; train picture and sound apart")
        clip_seconds = items[0].features.grid.clip_seconds
        required = tuple(name for name in everywhere if name not in _SOUND)
        self._config = CFSumLinearConfig({name: widths[name] for name in everywhere}, required, clip_seconds)

    def with_penalty(self, items: Sequence[LabelledItem], penalty: float) -> Fitted:
        """See `LinearFit.with_penalty`."""
        streams = self._config.streams
        rows = {name: [unit_rows(each.features.streams[name]) for each in items] for name in streams}
        means = {name: np.concatenate(each).mean(axis=0) for name, each in rows.items()}
        videos = [np.concatenate([rows[name][i] for name in streams], axis=1) for i in range(len(items))]
        seen = np.concatenate([video - video.mean(axis=0) for video in videos])
        wanted = np.concatenate([each.item.labels - each.item.labels.mean() for each in items])[:, None]
        step = -(-len(seen) // MOST_ROWS)
        map_ = ridge_map(seen[::step], wanted[::step], penalty)[:, 0]
        ends = np.cumsum(list(streams.values()))
        tensors = {"offset": np.array([np.mean([each.item.labels.mean() for each in items])], dtype=np.float32)}
        for name, part in zip(streams, np.split(map_, ends[:-1]), strict=True):
            tensors |= {f"{name}.mean": means[name], f"{name}.weight": part.astype(np.float32)}
        scorer = CFSumLinearScorer(tensors, self._config, "the fit")
        return Fitted("cfsum-linear", self._config.to_mapping(), tensors, scorer)


class FullFit(Fit):
    """The full CFSum, trained by the config `own`."""

    name = "full CFSum, own"

    def __init__(self, device: str, pictures: str) -> None:
        self._device, self._pictures = device, pictures

    def fit(self, items: Sequence[LabelledItem]) -> Fitted:
        """Train for the config's epochs."""
        from highlightr.training.batches import Queries, SampleStore
        from highlightr.training.config import load_config
        from highlightr.training.learners import create_learner
        from highlightr.training.loop import BEST, fit

        width = items[0].features.streams[self._pictures].shape[1]
        changes: dict[str, Any] = {"scorer.config.video_streams": {self._pictures: width}}
        if items[0].query is not None:
            changes["scorer.config.text_width"] = items[0].query.tokens.shape[1]
        else:
            changes |= {"scorer.config.modalities": ["video", "audio"], "scorer.config.similarity_width": 0}
        config = load_config("own").changed(changes)
        learner = create_learner(config.scorer.name, config.scorer.config, config.seed)
        with TemporaryDirectory() as folder:
            examples = [_example(each, learner.scorer.contract.streams) for each in items]
            store = SampleStore(Dataset("own", examples), learner, Queries(None))
            fit(learner, config, store, None, Path(folder), self._device, None)
            weights = Path(folder) / BEST
            scorer = create_scorer("cfsum", config.scorer.config, ScorerContext(weights))
            return Fitted("cfsum", config.scorer.config, read_tensors(weights), scorer)


def _example(labelled: LabelledItem, names: Collection[str]) -> Example:
    """The item for the training loop: only the streams that are trained on."""
    streams = {name: rows for name, rows in labelled.features.streams.items() if name in names}
    tokens = None if labelled.query is None else labelled.query.tokens
    return Example(labelled.item, streams, labelled.item.labels, tokens)
