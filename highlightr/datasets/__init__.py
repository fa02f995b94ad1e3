"""Labelled data sets for training: a folder goes in, checked examples and a list of problems come out.

`open_dataset` opens one by name with its default layout or a given one. Torch-free.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from highlightr.core.errors import ConfigError
from highlightr.datasets.base import Dataset, Example, Item, Layout, Problem
from highlightr.datasets.extracted import PLAIN, extracted
from highlightr.datasets.jsonl import (
    CHARADES,
    QVHIGHLIGHTS,
    TVSUM,
    YOUTUBE_HIGHLIGHTS,
    charades,
    qvhighlights,
    tvsum,
    youtube_highlights,
)
from highlightr.datasets.mrhisum import MRHISUM, mrhisum
from highlightr.datasets.plain import plain
from highlightr.datasets.releases import RELEASES, settled

__all__ = [
    "DATASETS",
    "RELEASES",
    "Dataset",
    "Example",
    "Item",
    "Layout",
    "Problem",
    "charades",
    "open_dataset",
    "plain",
]

DATASETS: dict[str, tuple[Callable[[Path, Layout], Dataset], Layout]] = {
    "qvhighlights": (qvhighlights, QVHIGHLIGHTS),
    "tvsum": (tvsum, TVSUM),
    "youtube-highlights": (youtube_highlights, YOUTUBE_HIGHLIGHTS),
    "mrhisum": (mrhisum, MRHISUM),
    "charades": (charades, CHARADES),
    "plain": (extracted, PLAIN),
}
"""Name to its function and default layout. `plain` by itself reads the plain format before features are extracted."""


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
    function, default = DATASETS[name]
    found, problems = settled(name, Path(root), layout or default, release)
    dataset = function(Path(root), found)
    return Dataset(dataset.name, dataset.entries, (*dataset.problems, *problems), dataset.widths)
