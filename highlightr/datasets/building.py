"""From annotations to a `Dataset`: items that can be made are kept, the others are put on record with the reason.

`read_items` runs an annotation reader item by item; `build` finds the feature files and checks their headers, so that a
data set of thousands of files opens in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from highlightr.core.errors import ConfigError
from highlightr.core.types import TimeGrid
from highlightr.datasets.arrays import Source, locate
from highlightr.datasets.base import Dataset, Item, Layout, LocatedItem, Problem

NOTICED_CLIPS = 2
"""Streams are cut to the shortest in silence up to this many clips; beyond it, the cut is a problem on record."""


class Rejected(list[Problem]):
    """Problems while annotations are read: a place to put a ConfigError instead of stopping at it."""

    def try_item(self, name: str, make: Callable[[], Item]) -> Item | None:
        """The item, or `None` and one more problem."""
        try:
            return make()
        except ConfigError as error:
            self.append(Problem(name, str(error)))
            return None


def read_items(records: Iterable[tuple[str, Callable[[], Item]]], rejected: Rejected) -> Iterator[Item]:
    """Items that could be made, each key once; the others are put on record."""
    seen: set[str] = set()
    for name, make in records:
        item = rejected.try_item(name, make)
        if item is None:
            continue
        if item.key in seen:
            rejected.append(Problem(name, f"{item.key!r} was given before", annotated=False))
            continue
        seen.add(item.key)
        yield item


def build(name: str, root: Path, layout: Layout, items: Iterable[Item], rejected: Rejected) -> Dataset:
    """Find and check the feature files of every item.

    Raises:
        ConfigError: no item can be used; the message carries the first reason.
    """
    widths: dict[str, int] = {}
    entries = []
    for item in items:
        try:
            entry = _located_item(root, layout, item, widths)
        except ConfigError as error:
            rejected.append(Problem(item.key, str(error), about=item))
            continue
        if len(item.labels) - entry.num_clips > NOTICED_CLIPS:
            reason = f"cut from {len(item.labels)} to {entry.num_clips} clips: a stream is shorter"
            rejected.append(Problem(item.key, reason, used=True, about=item))
        entries.append(entry)
    if not entries:
        first = next((each for each in rejected if each.missing), None)
        reason = first.reason if first else "it is empty"
        raise ConfigError(f"{root}: no item of {name} can be used ({len(rejected)} problems; the first: {reason})")
    return Dataset(name, entries, rejected, widths)


def _located_item(root: Path, layout: Layout, item: Item, widths: dict[str, int]) -> LocatedItem:
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
    for name, (_, width) in checked.items():
        if width != widths.get(name, width):
            raise ConfigError(f"{name!r} has width {width}, other items {widths[name]}")
    widths |= {name: width for name, (_, width) in checked.items()}
    num_clips = min([len(item.labels), *(_clips_covered(source, item.grid) for source in sources.values())])
    if not num_clips:
        raise ConfigError(f"{item.key!r}: no clip has both a label and features")
    return LocatedItem(item, sources, num_clips, tokens, signals)


def _clips_covered(source: Source, grid: TimeGrid) -> int:
    """For how many clips, from the first on, a stream has a row."""
    times = source.times()
    if times is None:
        return source.shape()[0]
    step_seconds = float(np.median(np.diff(times))) if len(times) > 1 else grid.clip_seconds
    return int((grid.centers() < times[-1] + step_seconds).sum())
