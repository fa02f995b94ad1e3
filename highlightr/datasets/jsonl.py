"""The data sets that are released as JSON Lines: QVHighlights, TVSum, YouTube Highlights, Charades-STA moments.

A builder that knows the folder and its `Layout` goes in, items are added. The default layouts are those of the public
feature releases (Moment-DETR, UMT, Lighthouse); every path can be given. Training targets are each protocol's own, in
[0, 1]. All raise a `ConfigError` where there are no annotations.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from highlightr.core.errors import ConfigError
from highlightr.core.types import TimeGrid
from highlightr.datasets.base import Item, Layout, Problem
from highlightr.datasets.building import DatasetBuilder
from highlightr.datasets.items import (
    UMT_CLIP_SECONDS,
    moment_labels,
    query_of,
    qvhighlights_item,
    read_windows,
    tvsum_line,
    youtube_line,
)
from highlightr.datasets.json_lines import Record, read_json_lines
from highlightr.datasets.originals import add_match_labels, add_tvsum_mat
from highlightr.datasets.umt import add_umt_items

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


def _add_lines(builder: DatasetBuilder, make: Callable[[Record], Item]) -> None:
    path, broken = builder.annotations, list[str]()
    for record in read_json_lines(path, broken):
        builder.add(f"{path.name}, line {record.line}", make, record)
    builder.problems += (Problem(path.name, reason) for reason in broken)


def add_qvhighlights(builder: DatasetBuilder) -> None:
    """QVHighlights (Lei et al., NeurIPS 2021): a query and the saliency of 2 s clips by three workers.

    The target is the workers' sum over 12, 0 outside the moments (UMT). Test lines, which have no ratings, are
    problems on record.
    """
    _add_lines(builder, qvhighlights_item)


def add_tvsum(builder: DatasetBuilder) -> None:
    """TVSum (Song et al., CVPR 2015) on 2 s clips: JSON Lines, UMT's ``tvsum_anno.json`` or the original ``.mat``.

    `layout.clip_seconds` 1 reads the original on clips of 1 s. In the JSON Lines ``duration`` counts clips, so the
    number of ratings is what makes the grid.
    """
    annotations, clip_seconds = builder.layout.annotations, builder.layout.clip_seconds or UMT_CLIP_SECONDS
    if annotations.endswith(".json"):
        add_umt_items(builder)
    elif not annotations.endswith(".mat"):
        _add_lines(builder, tvsum_line)
    elif clip_seconds in (1, UMT_CLIP_SECONDS):
        add_tvsum_mat(builder, clip_seconds)
    else:
        raise ConfigError(f"TVSum is read on clips of 1 s or 2 s, got layout.clip_seconds {clip_seconds:g}")


def add_youtube_highlights(builder: DatasetBuilder) -> None:
    """YouTube Highlights (Sun et al., ECCV 2014), from JSON Lines, UMT's ``youtube_anno.json`` or the original folders.

    If `layout.annotations` is a folder, it is read as ``DOMAIN/VIDEO/match_label.json``.
    """
    if builder.layout.annotations.endswith(".json"):
        add_umt_items(builder)
    elif builder.annotations.is_dir():
        add_match_labels(builder)
    else:
        _add_lines(builder, youtube_line)


def add_charades(builder: DatasetBuilder) -> None:
    """Moments in the manner of Charades-STA (Gao et al., ICCV 2017): a query and the window it describes.

    The target is 1 for clips of 1 s whose center lies in the window, as the `moments` protocol judges them.
    """
    _add_lines(builder, _charades_line)


def _charades_line(record: Record) -> Item:
    duration = record.number("duration", positive=True)
    if duration > LONGEST_SECONDS:
        raise ConfigError(f"{record.where}: 'duration' of {duration:g} s is longer than a week")
    grid, windows = TimeGrid(duration, CHARADES_CLIP_SECONDS), read_windows(record)
    if late := [start for start, _ in windows if start >= duration]:
        raise ConfigError(
            f"{record.where}: a window begins at {late[0]:g} s, and {record.key('vid')} ends at {duration:g} s"
        )
    inside = moment_labels(grid, windows)
    ratings = inside.astype(np.float64)[:, None]
    return Item(record.key("qid"), record.key("vid"), query_of(record), grid, inside.astype(np.float32), ratings)
