"""A user's labelled videos in memory: features, what the shipped scorers say, and the labels on the same clips.

In: a folder with ``moments.csv`` or ``scores.csv`` and a preset. Out: `LabelledItem`s in order, and what was left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from highlightr.core.errors import ConfigError, DecodeError, MediaError
from highlightr.core.progress import ProgressHook, silent
from highlightr.core.types import Features, FloatArray, Query, Shot
from highlightr.datasets import plain
from highlightr.datasets.base import Item
from highlightr.datasets.plain import PlainItem
from highlightr.evaluation import Case
from highlightr.features.cache import FeatureCache
from highlightr.model_loader import Models, load_models
from highlightr.pipeline import Highlighter
from highlightr.zoo import Preset

LEAST_VIDEOS = 3
"""Each video is held out once, and two others must be left to choose settings with."""

LEAVE_ONE_OUT_BELOW = 10
"""Videos from which on there are `FOLDS` folds instead."""

FOLDS = 5


@dataclass(frozen=True)
class LabelledItem:
    """One labelled query of a video, or its labels without a query."""

    item: Item
    features: Features
    shots: tuple[Shot, ...]
    query: Query | None
    rows: dict[str, FloatArray]
    """Name of a scorer that ships to its scores (num_clips,)."""

    @property
    def positive(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """(num_clips,) the clips that the labels name."""
        return self.item.ratings[:, 0] > 0

    def case(self, scores: FloatArray) -> Case:
        """The item with scores that are to be judged."""
        return Case.of(self.item, scores)


@dataclass(frozen=True)
class OwnData:
    """All that can be learned from."""

    items: tuple[LabelledItem, ...]
    notes: tuple[str, ...]

    @property
    def videos(self) -> tuple[str, ...]:
        """Files, each once, in order."""
        return tuple(sorted({each.item.group for each in self.items}))

    def of_kind(self, with_query: bool) -> tuple[LabelledItem, ...]:
        """The items with a query, or those without."""
        return tuple(each for each in self.items if (each.query is not None) == with_query)


def gather(folder: Path, preset: Preset, device: str, progress: ProgressHook | None) -> OwnData:
    """Extract, with the cache, and score every labelled video with what ships.

    Raises:
        ConfigError: no CSV, or fewer than `LEAST_VIDEOS` videos with a label that can be learned from.
    """
    found = plain(folder)
    _check_count({item.path.name for item in found.items}, folder, "named by rows that can be used")
    notes = [f"{problem.item}: {problem.reason}" for problem in found.problems]
    models = load_models(preset, device)
    cache, count = FeatureCache(), len({item.path for item in found.items})
    others = [
        (name, load_models(preset.with_scorer(name), device, with_extractors=False))
        for name in preset.scorers
        if name == "zeroshot"
    ]
    items: list[LabelledItem] = []
    by_path = groupby(sorted(found.items, key=lambda item: item.path), key=lambda item: item.path)
    for number, (path, group) in enumerate(by_path, start=1):
        told = _extract_progress(progress or silent, f"Video {number} of {count}, {path.name}")
        highlighter = Highlighter(preset, models, cache, told)
        try:
            items += _labelled(list(group), path, folder, models, highlighter, others, notes)
        except (MediaError, DecodeError) as error:
            notes.append(f"{path.name} was left out: {error}")
    data = OwnData(tuple(items), tuple(notes))
    _check_count(
        set(data.videos), folder, "left that can be read and whose labels name some of their clips and not all"
    )
    return data


def _extract_progress(progress: ProgressHook, name: str) -> ProgressHook:
    """Tell of the decoding alone, which is nearly all of the time, under the video's name."""

    def told(stage: str, completed: float, total: float) -> None:
        if stage == "extract":
            progress(name, completed, total)

    return told


def _check_count(videos: set[str], folder: Path, which: str) -> None:
    if len(videos) < LEAST_VIDEOS:
        raise ConfigError(
            f"{folder}: training needs at least {LEAST_VIDEOS} labelled videos, because each is held out once to see "
            f"whether the result is better; there are {len(videos)} {which}"
        )


def _labelled(
    group: list[PlainItem],
    path: Path,
    folder: Path,
    models: Models,
    highlighter: Highlighter,
    others: Sequence[tuple[str, Models]],
    notes: list[str],
) -> Iterator[LabelledItem]:
    shipped = models.preset
    for plain_item, analysis in zip(
        group, highlighter.analyse_queries(path, [item.query for item in group]), strict=True
    ):
        made = plain_item.on(analysis.scores.grid)
        item = Item(
            made.key, made.video, made.query, made.grid, made.labels, made.ratings, path.relative_to(folder).as_posix()
        )
        if not 0 < item.ratings.sum() < len(item.ratings):
            notes.append(f"{item.key} was left out: its labels name all of its clips, or none with 0.5 or more")
            continue
        text = plain_item.query
        rows = {shipped.scorer_name(text): analysis.scores.values}
        for name, other in others:
            if name not in rows:
                rows[name] = other.score(analysis.features, text, other.encode(text), analysis.shots).values
        yield LabelledItem(item, analysis.features, analysis.shots, models.encode(text), rows)


def folds_of(videos: Sequence[str]) -> list[set[str]]:
    """Videos that are held out together: each alone below `LEAVE_ONE_OUT_BELOW`, else `FOLDS` folds."""
    if len(videos) < LEAVE_ONE_OUT_BELOW:
        return [{video} for video in videos]
    order = np.random.default_rng(0).permutation(len(videos))
    return [{videos[i] for i in order[fold::FOLDS]} for fold in range(FOLDS)]


def split(items: Sequence[LabelledItem], held_out: set[str]) -> tuple[list[LabelledItem], list[LabelledItem]]:
    """The items of the other videos, and those of the videos held out."""
    rest = [each for each in items if each.item.group not in held_out]
    return rest, [each for each in items if each.item.group in held_out]
