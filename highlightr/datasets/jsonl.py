"""The data sets that are released as JSON Lines: QVHighlights, TVSum, YouTube Highlights, Charades-STA moments.

A folder and a `Layout` go in, a `Dataset` comes out. The default layouts are those of the public feature releases
(Moment-DETR, UMT, Lighthouse); every path can be given. Training targets are each protocol's own, in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.core.types import TimeGrid
from highlightr.datasets.base import Dataset, Item, Layout, Problem
from highlightr.datasets.building import Rejected, build, read_items
from highlightr.datasets.json_lines import Record, read_json_lines
from highlightr.evaluation.moments import moment_labels, read_windows
from highlightr.evaluation.qvhighlights import CLIP_SECONDS as QVHIGHLIGHTS_CLIP_SECONDS
from highlightr.evaluation.qvhighlights import full_ratings
from highlightr.evaluation.umt import youtube_labels

__all__ = [
    "CHARADES",
    "QVHIGHLIGHTS",
    "TVSUM",
    "YOUTUBE_HIGHLIGHTS",
    "charades",
    "qvhighlights",
    "tvsum",
    "tvsum_labels",
    "youtube_highlights",
]

UMT_CLIP_SECONDS = 2.0
"""Clip length of the TVSum and YouTube Highlights protocols; nominal for the latter, whose 100-frame clips overlap."""

CHARADES_CLIP_SECONDS = 1.0
"""One CLIP embedding per second."""

LONGEST_SECONDS = 7 * 24 * 3600
"""A duration beyond this is taken for an error before memory is set aside for it."""

QVHIGHLIGHTS = Layout(
    annotations="highlight_train_release.jsonl",
    streams={
        "slowfast": "features/slowfast_features/{video}.npz",
        "clip": "features/clip_features/{video}.npz",
        "cnn14": "features/pann_features/{video}.npy",
    },
    tokens="features/clip_text_features/qid{key}.npz",
)
"""Moment-DETR's feature release, with UMT's audio."""

TVSUM = Layout(
    annotations="tvsum_train_release.jsonl",
    streams={"i3d_rgb": "video/{video}_rgb.npy", "i3d_flow": "video/{video}_opt.npy", "cnn14": "audio/{video}.npy"},
    tokens="query/{video}.npz",
)
"""UMT's feature release."""

YOUTUBE_HIGHLIGHTS = Layout(
    annotations="youtube_highlight_train_release.jsonl", streams=TVSUM.streams, tokens=TVSUM.tokens
)
"""UMT's feature release."""

CHARADES = Layout(annotations="moments.jsonl", streams={"clip": "features/{video}.npz"})
"""CLIP ViT-B/32 at 1 fps: ``image_embeddings`` (T, 512) and ``frame_timestamps`` (T,)."""

_LOWEST_RATING, _HIGHEST_RATING = 1.0, 5.0
"""Scale of TVSum's annotators."""

_FULL_SALIENCY = 12.0
"""Three workers of QVHighlights at 4 each."""


def _query(record: Record) -> str:
    query = record.get("query")
    if not isinstance(query, str) or not query.strip():
        raise ConfigError(f"{record.where}: 'query' must be a text, got {query!r}")
    return query


def _open(name: str, root: Path, layout: Layout, make: Callable[[Record], Item]) -> Dataset:
    rejected, broken = Rejected(), list[str]()
    path = root / layout.annotations

    def records() -> Iterator[tuple[str, Callable[[], Item]]]:
        for record in read_json_lines(path, broken):
            yield f"{path.name}, line {record.line}", partial(make, record)

    items = list(read_items(records(), rejected))
    rejected.extend(Problem(path.name, reason) for reason in broken)
    return build(name, root, layout, items, rejected)


def qvhighlights(root: Path, layout: Layout = QVHIGHLIGHTS) -> Dataset:
    """QVHighlights (Lei et al., NeurIPS 2021): a query and the saliency of 2 s clips by three workers.

    The target is the workers' sum over 12, 0 outside the moments (UMT). Test lines, which have no ratings, are
    problems on record.

    Raises:
        ConfigError: no annotations, or no item that can be used.
    """

    def make(record: Record) -> Item:
        ratings = full_ratings(record)
        labels = (ratings.sum(axis=1) / _FULL_SALIENCY).astype(np.float32)
        grid = TimeGrid(float(len(ratings) * QVHIGHLIGHTS_CLIP_SECONDS), float(QVHIGHLIGHTS_CLIP_SECONDS))
        return Item(record.key("qid"), record.key("vid"), _query(record), grid, labels, ratings)

    return _open("qvhighlights", root, layout, make)


def tvsum_labels(
    ratings: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Target of TVSum: the mean rating, (num_clips, num_annotators) in 1 … 5, brought to [0, 1].

    Source: UMT, ``TVSum.get_saliency``: (sum - 20) / 80 for 20 annotators.
    """
    mean = ratings.mean(axis=1)
    return np.asarray((mean - _LOWEST_RATING) / (_HIGHEST_RATING - _LOWEST_RATING), dtype=np.float32)


def tvsum_item(vid: str, title: str, domain: str, ratings: npt.NDArray[np.float64], where: str) -> Item:
    """One video of TVSum; its title is the query.

    Raises:
        ConfigError: ratings outside 1 … 5.
    """
    if ratings.min() < _LOWEST_RATING or ratings.max() > _HIGHEST_RATING:
        raise ConfigError(f"{where}: TVSum's ratings lie in 1 … 5, got {ratings.min():g} … {ratings.max():g}")
    grid = TimeGrid(len(ratings) * UMT_CLIP_SECONDS, UMT_CLIP_SECONDS)
    return Item(vid, vid, title, grid, tvsum_labels(ratings), ratings, domain)


def tvsum(root: Path, layout: Layout = TVSUM) -> Dataset:
    """TVSum (Song et al., CVPR 2015) on 2 s clips, from JSON Lines or from the original ``ydata-tvsum50.mat``.

    In the JSON Lines ``duration`` counts clips, so the number of ratings is what makes the grid.

    Raises:
        ConfigError: no annotations, or no item that can be used.
    """
    if layout.annotations.endswith(".mat"):
        from highlightr.datasets.originals import tvsum_mat_items

        rejected = Rejected()
        return build("tvsum", root, layout, list(tvsum_mat_items(root / layout.annotations, rejected)), rejected)

    def make(record: Record) -> Item:
        ratings = record.matrix("label")
        return tvsum_item(
            record.key("vid"), _query(record), str(record.fields.get("domain", "")), ratings, record.where
        )

    return _open("tvsum", root, layout, make)


def youtube_item(vid: str, domain: str, match: npt.NDArray[np.float64], where: str) -> Item:
    """One video of YouTube Highlights; its domain is the query.

    Raises:
        ConfigError: match labels other than 1, 0 and -1.
    """
    if not np.isin(match, (-1, 0, 1)).all():
        raise ConfigError(f"{where}: match labels are 1, 0 or -1")
    grid = TimeGrid(len(match) * UMT_CLIP_SECONDS, UMT_CLIP_SECONDS)
    return Item(vid, vid, domain, grid, youtube_labels(match).astype(np.float32), match[:, None], domain)


def youtube_highlights(root: Path, layout: Layout = YOUTUBE_HIGHLIGHTS) -> Dataset:
    """YouTube Highlights (Sun et al., ECCV 2014), from JSON Lines or from the original folders.

    If `layout.annotations` is a folder, it is read as ``DOMAIN/VIDEO/match_label.json``.

    Raises:
        ConfigError: no annotations, or no item that can be used.
    """
    if (root / layout.annotations).is_dir():
        from highlightr.datasets.originals import match_label_items

        rejected = Rejected()
        items = list(match_label_items(root / layout.annotations, rejected))
        return build("youtube-highlights", root, layout, items, rejected)

    def make(record: Record) -> Item:
        return youtube_item(record.key("vid"), record.key("domain"), record.vector("match"), record.where)

    return _open("youtube-highlights", root, layout, make)


def charades(root: Path, layout: Layout = CHARADES) -> Dataset:
    """Moments in the manner of Charades-STA (Gao et al., ICCV 2017): a query and the window it describes.

    The target is 1 for clips of 1 s whose center lies in the window, as the `moments` protocol judges them.

    Raises:
        ConfigError: no annotations, or no item that can be used.
    """

    def make(record: Record) -> Item:
        duration = record.number("duration", positive=True)
        if duration > LONGEST_SECONDS:
            raise ConfigError(f"{record.where}: 'duration' of {duration:g} s is longer than a week")
        grid = TimeGrid(duration, CHARADES_CLIP_SECONDS)
        inside = moment_labels(grid, read_windows(record))
        ratings = inside.astype(np.float64)[:, None]
        return Item(record.key("qid"), record.key("vid"), _query(record), grid, inside.astype(np.float32), ratings)

    return _open("charades", root, layout, make)
