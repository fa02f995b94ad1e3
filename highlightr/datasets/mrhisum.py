"""Mr.HiSum: ``mr_hisum.h5`` and a split file go in, items of one-second clips come out.

Per video the file holds ``gtscore`` (num_frames,), ``change_points`` and ``gt_summary``, and ``features`` once the
YouTube-8M features were added; other streams may lie in files of their own, an array per video. The split file is
JSON: ``{"train_keys": […], "val_keys": […], "test_keys": […]}``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.core.types import TimeGrid
from highlightr.datasets.arrays import MEMBERS
from highlightr.datasets.base import Item, Layout
from highlightr.datasets.building import DatasetBuilder
from highlightr.datasets.hdf5 import first_member, member, open_hdf5, read_array
from highlightr.datasets.json_lines import read_json_value

SPLITS = ("train", "val", "test")

FRAME_SECONDS = 1.0
"""YouTube-8M features are one per second."""

LARGEST_SPLIT_BYTES = 64 * 2**20

MRHISUM = Layout(
    annotations="mr_hisum.h5",
    streams={"inception-yt8m": "mr_hisum.h5"},
    split="train",
    split_file="mr_hisum_split.json",
)
"""The release, with the YouTube-8M features added by its ``preprocess.py``."""


_NAMES = {
    "gtscore": ("gtscore", "gt_score"),
    "change_points": ("change_points",),
    "gt_summary": ("gt_summary", "gtsummary"),
}
"""Field to its names in the releases of MR.HiSum and TripleSumm."""

Array = npt.NDArray[np.float64]
Truth = tuple[Array, npt.NDArray[np.int64] | None, npt.NDArray[np.bool_] | None]
"""Frame scores (num_frames,), change points (num_shots, 2), summary (num_frames,); the last two where annotated."""


def read_truth(get: Callable[[str, int], Array | None], where: str) -> Truth:
    """Check the annotation of one video; `get` has a field's array by name and number of axes, or `None`.

    Raises:
        ConfigError: no frame scores; change points that are no spans of frames in order.
    """
    scores, points, summary = (
        get(name, ndim) for name, ndim in (("gtscore", 1), ("change_points", 2), ("gt_summary", 1))
    )
    if scores is None:
        raise ConfigError(f"{where}: no 'gtscore'")
    if points is not None and not _are_shots(points, len(scores)):
        raise ConfigError(
            f"{where}: 'change_points' must be (num_shots, 2) spans within {len(scores)} frames, in order"
        )
    shots = None if points is None else points.astype(np.int64)
    return scores, shots, None if summary is None else summary > 0


def _are_shots(shots: Array, num_frames: int) -> bool:
    if shots.shape[1] != 2:
        return False
    starts, stops = shots.T
    within = (starts >= 0) & (starts < num_frames) & (starts <= stops) & (stops <= num_frames)
    return bool(within.all() and (starts[1:] >= stops[:-1]).all())


def truth_from_group(group: Any) -> Truth:
    """The annotation of one video from its HDF5 group."""
    where = f"{group.file.filename}: {group.name}"

    def get(name: str, ndim: int) -> Array | None:
        found = first_member(group, _NAMES[name])
        return None if found is None else read_array(found, f"{where}/{name}", ndim)

    return read_truth(get, where)


def _keys(root: Path, layout: Layout) -> list[str]:
    """Names of the videos of the split."""
    if layout.split not in SPLITS or layout.split_file is None:
        raise ConfigError(f"Mr.HiSum needs a split file and a split of {', '.join(SPLITS)}, got {layout.split!r}")
    path = root / layout.split_file
    found = read_json_value(path, LARGEST_SPLIT_BYTES)
    keys = found.get(f"{layout.split}_keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ConfigError(f"{path}: {layout.split}_keys must be a list of names")
    return keys


def _item(file: Any, vid: str, path: Path) -> Item:
    group = member(file, vid)
    if not hasattr(group, "keys"):
        raise ConfigError(f"{path}: no video {vid!r}")
    scores, shots, summary = truth_from_group(group)
    if scores.min() < 0 or scores.max() > 1:
        raise ConfigError(f"{path}: {vid}: 'gtscore' must lie in [0, 1], got {scores.min():g} … {scores.max():g}")
    grid = TimeGrid(len(scores) * FRAME_SECONDS, FRAME_SECONDS)
    return Item(vid, vid, None, grid, scores.astype(np.float32), scores[:, None], "", shots, summary)


def _has_features(file: Any, vid: str) -> bool:
    try:
        group: Any = member(file, vid)
        return hasattr(group, "keys") and first_member(group, MEMBERS) is not None
    except ConfigError:  # Why it cannot be read is told where the item is made.
        return True


def add_mrhisum(builder: DatasetBuilder) -> None:
    """Mr.HiSum (Sul et al., NeurIPS 2023): how often each second was replayed, without a query.

    Raises:
        ConfigError: no annotations or split file, an unknown split, or labels without features.
    """
    layout, path = builder.layout, builder.annotations
    keys = _keys(builder.root, layout)
    with open_hdf5(path) as file:
        if layout.annotations in layout.streams.values() and not any(_has_features(file, vid) for vid in keys):
            raise ConfigError(
                f"{path} holds labels and no features for the {layout.split} split, as it is downloaded: "
                "preprocess/preprocess.py of MR.HiSum adds them from YouTube-8M"
            )
        for vid in keys:
            builder.add(vid, _item, file, vid, path)
