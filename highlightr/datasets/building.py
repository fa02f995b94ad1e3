"""From annotations to a `Dataset`: items that can be made are kept, the others are put on record with the reason.

A reader of annotations adds item by item; then the feature files are found and their headers checked, so that a data
set of thousands of files opens in seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from highlightr.core.errors import ConfigError
from highlightr.core.types import TimeGrid
from highlightr.datasets.arrays import Source, locate
from highlightr.datasets.base import Dataset, Item, Layout, LocatedItem, Problem

NOTICED_CLIPS = 2
"""Streams are cut to the shortest in silence up to this many clips; beyond it, the cut is a problem on record."""


class DatasetBuilder:
    """A data set while its annotations are read."""

    def __init__(self, name: str, root: Path, layout: Layout) -> None:
        self.name, self.root, self.layout = name, root, layout
        self.problems: list[Problem] = []
        self._items: dict[str, Item] = {}

    @property
    def annotations(self) -> Path:
        """Where they are."""
        return self.root / self.layout.annotations

    def add(self, name: str, make: Callable[..., Item], *arguments: Any) -> None:
        """Make an item and keep it, each key once; a `ConfigError` is put on record under `name`."""
        try:
            item = make(*arguments)
        except ConfigError as error:
            self.problems.append(Problem(name, str(error)))
            return
        if item.key in self._items:
            self.problems.append(Problem(name, f"{item.key!r} was given before", annotated=False))
        else:
            self._items[item.key] = item

    def dataset(self, also: Iterable[Problem] = ()) -> Dataset:
        """Find and check the feature files of every item; `also` are further problems, told last.

        Raises:
            ConfigError: no item can be used; the message carries the first reason.
        """
        located, entries, problems = list[tuple[LocatedItem, Widths]](), list[LocatedItem](), list(self.problems)
        for item in self._items.values():
            try:
                located.append(_located_item(self.root, self.layout, item))
            except ConfigError as error:
                problems.append(Problem(item.key, str(error), about=item))
        widths = _most_common(each for _, each in located)
        for entry, own in located:
            item = entry.item
            odd = next((name for name, width in own.items() if width != widths[name]), None)
            if odd is not None:
                reason = f"{odd!r} has width {own[odd]}, other items {widths[odd]}"
                problems.append(Problem(item.key, reason, about=item))
                continue
            if len(item.labels) - entry.num_clips > NOTICED_CLIPS:
                reason = f"cut from {len(item.labels)} to {entry.num_clips} clips: a stream is shorter"
                problems.append(Problem(item.key, reason, used=True, about=item))
            entries.append(entry)
        if not entries:
            first = next((each.reason for each in problems if each.missing), "it is empty")
            raise ConfigError(
                f"{self.root}: no item of {self.name} can be used ({len(problems)} problems; the first: {first})"
            )
        return Dataset(self.name, entries, (*problems, *also), widths)


Widths = Mapping[str, int]
"""Name of a stream or signal, or `tokens`, to its width."""


def _most_common(found: Iterable[Widths]) -> Widths:
    """Of each name the width that most items have; of equals the first."""
    counts: dict[str, Counter[int]] = {}
    for widths in found:
        for name, width in widths.items():
            counts.setdefault(name, Counter())[width] += 1
    return {name: each.most_common(1)[0][0] for name, each in counts.items()}


def _located_item(root: Path, layout: Layout, item: Item) -> tuple[LocatedItem, Widths]:
    names = {"video": item.video, "key": item.key}
    found = {name: locate(root, pattern, names) for name, pattern in layout.streams.items()}
    sources = {name: source for name, source in found.items() if not source.absent()}
    shapes = {name: source.shape() for name, source in sources.items()}
    tokens = None if layout.tokens is None else locate(root, layout.tokens, names)
    located = {name: locate(root, pattern, names) for name, pattern in layout.signals.items()}
    signals = {name: source for name, source in located.items() if not source.absent()}
    checked = shapes | {name: source.shape() for name, source in signals.items()}
    if tokens is not None:
        checked["tokens"] = tokens.shape()
    num_clips = min([len(item.labels), *(_clips_covered(source, item.grid) for source in sources.values())])
    if not num_clips:
        raise ConfigError(f"{item.key!r}: no clip has both a label and features")
    return LocatedItem(item, sources, num_clips, tokens, signals), {name: width for name, (_, width) in checked.items()}


def _clips_covered(source: Source, grid: TimeGrid) -> int:
    """For how many clips, from the first on, a stream has a row."""
    times = source.times()
    if times is None:
        return source.shape()[0]
    step_seconds = float(np.median(np.diff(times))) if len(times) > 1 else grid.clip_seconds
    return int((grid.centers() < times[-1] + step_seconds).sum())
