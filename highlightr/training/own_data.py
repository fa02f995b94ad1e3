"""A user's labelled videos in memory: features, what the shipped scorers say, and the labels on the same clips.

In: a folder with ``moments.csv`` or ``scores.csv`` and a preset. Out: `LabelledItem`s in order, and what was left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from highlightr.core.errors import ConfigError, MediaError
from highlightr.core.progress import ProgressHook, silent
from highlightr.core.types import Features, FloatArray, Query, Shot
from highlightr.datasets import plain
from highlightr.datasets.base import Item, Problem
from highlightr.datasets.plain import PlainItem
from highlightr.features.cache import FeatureCache
from highlightr.model_loader import Models, load_models
from highlightr.pipeline import Analysis, Highlighter
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


def analysed(
    items: Sequence[PlainItem], highlighter: Callable[[Path], Highlighter], unread: list[Problem]
) -> Iterator[tuple[PlainItem, Analysis]]:
    """Labelled items, video by video, with what a summary is made from; `unread` gets what cannot be used."""
    for path, group in groupby(sorted(items, key=lambda item: item.path), key=lambda item: item.path):
        own = list(group)
        try:
            analyses = highlighter(path).analyse_queries(path, [item.query for item in own])
        except MediaError as error:
            unread += (Problem(item.key, str(error)) for item in own)
            continue
        for item, analysis in zip(own, analyses, strict=True):
            late = item.outside(analysis.scores.grid)
            unread += late
            if len(late) < len(item.spans):
                yield item, analysis


def videos_of(items: Sequence[LabelledItem]) -> list[str]:
    """Files, each once, in order."""
    return sorted({each.item.group for each in items})


def gather(
    folder: Path, preset: Preset, device: str, progress: ProgressHook | None, notes: list[str]
) -> list[LabelledItem]:
    """Extract, with the cache, and score every labelled video with what ships; `notes` gets what was left out.

    Raises:
        ConfigError: no CSV, or fewer than `LEAST_VIDEOS` videos with a label that can be learned from.
    """
    found = plain(folder)
    _check_count({item.path.name for item in found.items}, folder, "named by rows that can be used")
    notes += map(str, found.problems)
    models, cache = load_models(preset, device), FeatureCache()
    videos = sorted({item.path for item in found.items})
    others = [
        (name, load_models(preset.with_scorer(name), device, with_extractors=False))
        for name in preset.scorers
        if name == "zeroshot"
    ]

    def highlighter(path: Path) -> Highlighter:
        name = f"Video {videos.index(path) + 1} of {len(videos)}, {path.name}"
        return Highlighter(preset, models, cache, _extract_progress(progress or silent, name))

    items, unread = [], list[Problem]()
    for plain_item, analysis in analysed(found.items, highlighter, unread):
        file = plain_item.path.relative_to(folder).as_posix()
        item = replace(plain_item.on(analysis.scores.grid), group=file)
        if 0 < item.ratings.sum() < len(item.ratings):
            items.append(_labelled(item, analysis, models, others))
        else:
            notes.append(f"{item.key} was left out: its labels name all of its clips, or none with 0.5 or more")
    notes += dict.fromkeys(f"left out: {each.reason}" for each in unread)
    which = "left that can be read and whose labels name some of their clips and not all"
    _check_count(videos_of(items), folder, which)
    return items


def _extract_progress(progress: ProgressHook, name: str) -> ProgressHook:
    """Tell of the decoding alone, which is nearly all of the time, under the video's name."""

    def told(stage: str, completed: float, total: float) -> None:
        if stage == "extract":
            progress(name, completed, total)

    return told


def _check_count(videos: Collection[str], folder: Path, which: str) -> None:
    if len(videos) < LEAST_VIDEOS:
        raise ConfigError(
            f"{folder}: training needs at least {LEAST_VIDEOS} labelled videos, because each is held out once to see "
            f"whether the result is better; there are {len(videos)} {which}"
        )


def _labelled(item: Item, analysis: Analysis, models: Models, others: Sequence[tuple[str, Models]]) -> LabelledItem:
    text = item.query
    rows = {models.preset.scorer_name(text): analysis.scores.values}
    for name, other in others:
        if name not in rows:
            rows[name] = other.score(analysis.features, text, other.encode(text), analysis.shots).values
    return LabelledItem(item, analysis.features, analysis.shots, models.encode(text), rows)


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
