"""TVSum and YouTube Highlights as their authors released them, on the clips that the protocols use.

TVSum: ``ydata-tvsum50.mat``, MATLAB v7.3, which is HDF5: ``tvsum50`` holds references to per-video ids, titles,
categories, lengths and frame ratings. YouTube Highlights: ``DOMAIN/VIDEO/match_label.json``, two lists: the clips as
[first frame, last frame] and their labels 1, 0, -1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.datasets.base import Item
from highlightr.datasets.building import DatasetBuilder
from highlightr.datasets.hdf5 import dataset_shape, member, open_hdf5, read_array
from highlightr.datasets.items import UMT_CLIP_SECONDS, tvsum_item, youtube_item
from highlightr.datasets.json_lines import numbers, read_json_value

LARGEST_LABEL_BYTES = 16 * 2**20

_LONGEST_TEXT = 1000
_COLUMNS = ("video", "title", "category", "length", "user_anno")
"""Of the table ``tvsum50``."""


def clip_ratings(frame_ratings: npt.NDArray[np.float64], length_seconds: float) -> npt.NDArray[np.float64]:
    """Ratings of 2 s clips from ratings of frames (num_frames, num_annotators): those at the middle of each clip.

    Annotators rated uniform shots of two seconds, so within a clip the ratings do not change, but for rounding of
    the frame rate; the middle is the safest place to read them. A last clip shorter than 2 s is left out: there are
    floor(length / 2) clips, at least 1.
    """
    num_frames = len(frame_ratings)
    num_clips = max(1, int(length_seconds / UMT_CLIP_SECONDS))
    middles = (np.arange(num_clips) + 0.5) * UMT_CLIP_SECONDS * num_frames / length_seconds
    return frame_ratings[np.minimum(middles.astype(np.int64), num_frames - 1)]


def second_ratings(frame_ratings: npt.NDArray[np.float64], length_seconds: float) -> npt.NDArray[np.float64]:
    """Ratings of seconds from ratings of frames, as DAViHD's authors make them: on the line between two frames.

    Frames, (num_frames, num_annotators), are spread evenly from second 0 to the last of floor(length), at least 1.

    Source: DAViHD, dataset/preprocess/tvsum_gtscore.py, where the length is the metadata's whole seconds.
    """
    seconds = np.arange(max(1, int(length_seconds)))
    frames = np.linspace(0, len(seconds) - 1, num=len(frame_ratings))
    return np.stack([np.interp(seconds, frames, ratings) for ratings in frame_ratings.T], axis=1)


def add_tvsum_mat(builder: DatasetBuilder, clip_seconds: float) -> None:
    """Add the videos of ``ydata-tvsum50.mat``, on clips of 2 s (`clip_ratings`) or of 1 s (`second_ratings`).

    Raises:
        ConfigError: not an HDF5 file of that layout.
    """
    path = builder.annotations
    with open_hdf5(path) as file:
        table = member(file, "tvsum50")
        columns = {name: member(table, name) for name in _COLUMNS} if hasattr(table, "keys") else {}
        counts = {getattr(column, "shape", None) or (0,) for column in columns.values()}
        if len(counts) != 1 or (0,) in counts:
            raise ConfigError(f"{path}: not ydata-tvsum50.mat: 'tvsum50' must hold {', '.join(_COLUMNS)}, equally long")
        for row in range(int(counts.pop()[0])):
            builder.add(f"{path.name}, video {row + 1}", _mat_item, file, columns, row, path, clip_seconds)


def _mat_item(file: Any, columns: dict[str, Any], row: int, path: Path, clip_seconds: float) -> Item:
    where = f"{path}, video {row + 1}"
    cells = {name: _cell(file, column, row, f"{where}: {name!r}") for name, column in columns.items()}
    texts = {name: _text(cells[name], f"{where}: {name!r}") for name in ("video", "title", "category")}
    length = float(read_array(cells["length"], f"{where}: 'length'", 2).flat[0])
    if not length > 0:
        raise ConfigError(f"{where}: 'length' must be a positive number of seconds, got {length:g}")
    # MATLAB keeps (num_frames, num_annotators) column by column; HDF5 shows it the other way round.
    frames = read_array(cells["user_anno"], f"{where}: 'user_anno'", 2).T
    ratings = (second_ratings if clip_seconds == 1 else clip_ratings)(frames, length)
    return tvsum_item(texts["video"], texts["title"], texts["category"], ratings, where, clip_seconds)


def _cell(file: Any, column: Any, row: int, what: str) -> Any:
    try:
        return file[column[row, 0]]
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise ConfigError(f"{what} is not a reference to data of the file") from error


def _text(cell: Any, what: str) -> str:
    """MATLAB text: one number per character."""
    if dataset_shape(cell, what, 2)[0] > _LONGEST_TEXT:
        raise ConfigError(f"{what} is longer than {_LONGEST_TEXT} characters")
    codes = read_array(cell, what, 2).ravel().astype(np.int64)
    if (codes < 0).any() or (codes > 0xFFFF).any():
        raise ConfigError(f"{what} is not text")
    return "".join(map(chr, codes.tolist()))


def add_match_labels(builder: DatasetBuilder) -> None:
    """Add the videos of the original folders, ``DOMAIN/VIDEO/match_label.json``, in order of name.

    A video's folder without labels is a problem on record.
    """
    for folder in sorted(folder for folder in builder.annotations.glob("*/*") if folder.is_dir()):
        builder.add(f"{folder.parent.name}/{folder.name}", _match_item, folder)


def _match_item(folder: Path) -> Item:
    path = folder / "match_label.json"
    value = read_json_value(path, LARGEST_LABEL_BYTES)
    if not isinstance(value, list) or len(value) != 2:
        raise ConfigError(f"{path}: must hold two lists, the clips and their labels")
    clips, labels = numbers(value[0], f"{path}: clips", 2), numbers(value[1], f"{path}: labels", 1)
    if clips.shape != (len(labels), 2):
        raise ConfigError(f"{path}: {len(labels)} labels, but clips of shape {clips.shape}")
    return youtube_item(folder.name, folder.parent.name, labels, str(path))
