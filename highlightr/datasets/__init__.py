"""Labelled data sets for training: a folder goes in, checked examples and a list of problems come out.

`open_dataset` opens one by name with its default layout or a given one. Torch-free.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from highlightr.core.errors import ConfigError
from highlightr.datasets import jsonl
from highlightr.datasets.base import Dataset, Example, Item, Layout, Problem
from highlightr.datasets.building import DatasetBuilder
from highlightr.datasets.extracted import PLAIN, add_extracted
from highlightr.datasets.mrhisum import MRHISUM, add_mrhisum
from highlightr.datasets.plain import plain
from highlightr.datasets.releases import RELEASES, released_layout

__all__ = ["DATASETS", "RELEASES", "Dataset", "Example", "Item", "Layout", "Problem", "open_dataset", "plain"]

DATASETS: dict[str, tuple[Callable[[DatasetBuilder], None], Layout]] = {
    "qvhighlights": (jsonl.add_qvhighlights, jsonl.QVHIGHLIGHTS),
    "tvsum": (jsonl.add_tvsum, jsonl.TVSUM),
    "youtube-highlights": (jsonl.add_youtube_highlights, jsonl.YOUTUBE_HIGHLIGHTS),
    "mrhisum": (add_mrhisum, MRHISUM),
    "charades": (jsonl.add_charades, jsonl.CHARADES),
    "plain": (add_extracted, PLAIN),
}
"""Name to what adds its items, and its default layout. The function `plain` reads what lies there before `extract`."""


def open_dataset(name: str, root: Path, layout: Layout | None = None, release: str | None = None) -> Dataset:
    """Open a data set by name.

    Args:
        name: one of `DATASETS`.
        layout: where its files lie below `root`; the data set's own if not given. Paths of that one that are not there
            are looked for where the public releases have them.
        release: one of `RELEASES`, instead of what lies in the folder.

    Raises:
        ConfigError: an unknown name; annotations that are absent; no item that can be used.
    """
    if name not in DATASETS:
        raise ConfigError(f"unknown data set {name!r}; known: {', '.join(DATASETS)}")
    add_items, default = DATASETS[name]
    found, problems = released_layout(name, Path(root), layout or default, release)
    builder = DatasetBuilder(name, Path(root), found)
    add_items(builder)
    return builder.dataset(problems)
