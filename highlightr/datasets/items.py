"""From what annotators wrote to items: ratings, the training target in [0, 1] and the grid that they lie on.

In: records or arrays of one video, already known to be finite numbers. Out: `Item`s, and the labels that the protocols
of `highlightr.evaluation` judge by. Nothing here knows where a data set's files lie.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.core.numeric import inside
from highlightr.core.types import TimeGrid
from highlightr.datasets.base import Item
from highlightr.datasets.json_lines import Record, numbers

Array = npt.NDArray[np.float64]
Window = tuple[float, float]
"""Start and stop in seconds, half-open."""

UMT_CLIP_SECONDS = 2.0
"""Clip length of the TVSum and YouTube Highlights protocols; nominal for the latter, whose 100-frame clips overlap."""

QVHIGHLIGHTS_CLIP_SECONDS = 2
"""Length of the clips that workers rated."""

_NUM_WORKERS = 3

_LONGEST_RATED_SECONDS = 24 * 3600
"""A duration beyond this is taken for an error before memory is set aside for it."""

_LOWEST_RATING, _HIGHEST_RATING = 1.0, 5.0
"""Scale of TVSum's annotators."""

_FULL_SALIENCY = 12.0
"""Three workers of QVHighlights at 4 each."""


def moment_labels(grid: TimeGrid, windows: Iterable[Window]) -> npt.NDArray[np.bool_]:
    """(num_clips,) whether the center of each clip lies in any window ``[start_seconds, stop_seconds)``."""
    return inside(grid.centers(), windows)


def read_windows(record: Record) -> tuple[Window, ...]:
    """``window`` [start, stop] or ``relevant_windows`` [[start, stop], …], in seconds.

    Raises:
        ConfigError: neither, or windows that do not stop after they start.
    """
    name = "relevant_windows" if record.fields.get("window") is None else "window"
    value = record.get(name)
    spans = numbers([value] if name == "window" else value, f"{record.where}: {name!r}", 2)
    if spans.shape[1] != 2 or (spans[:, 0] >= spans[:, 1]).any() or (spans < 0).any():
        raise ConfigError(f"{record.where}: {name!r} must hold [start, stop] in seconds with 0 <= start < stop")
    return tuple((float(start), float(stop)) for start, stop in spans)


def full_ratings(record: Record) -> Array:
    """(num_clips, 3) ratings of the whole video, 0 for clips outside the annotated moments.

    Raises:
        ConfigError: clips outside the video, or not three ratings for each annotated clip.
    """
    duration = record.number("duration", positive=True)
    num_clips = int(duration / QVHIGHLIGHTS_CLIP_SECONDS)
    if not 1 <= num_clips <= _LONGEST_RATED_SECONDS / QVHIGHLIGHTS_CLIP_SECONDS:
        raise ConfigError(
            f"{record.where}: 'duration' of {duration} s holds no clip of 2 s, or more than a day of them"
        )
    clips = record.vector("relevant_clip_ids")
    given = record.matrix("saliency_scores")
    if given.shape != (len(clips), _NUM_WORKERS):
        raise ConfigError(
            f"{record.where}: 'saliency_scores' must be 3 ratings for each of {len(clips)} clips, got {given.shape}"
        )
    if (clips != np.floor(clips)).any() or clips.min() < 0 or clips.max() >= num_clips:
        raise ConfigError(f"{record.where}: 'relevant_clip_ids' must be integers from 0 to {num_clips - 1}")
    ratings = np.zeros((num_clips, _NUM_WORKERS))
    ratings[clips.astype(np.int64)] = given
    return ratings


def query_of(record: Record) -> str:
    """The field ``query``; a `ConfigError` where it is not a text."""
    query = record.get("query")
    if not isinstance(query, str) or not query.strip():
        raise ConfigError(f"{record.where}: 'query' must be a text, got {query!r}")
    return query


def qvhighlights_item(record: Record) -> Item:
    """One query of QVHighlights; the target is the workers' sum over 12, 0 outside the moments (UMT).

    Raises:
        ConfigError: as `full_ratings`; no query.
    """
    ratings = full_ratings(record)
    labels = (ratings.sum(axis=1) / _FULL_SALIENCY).astype(np.float32)
    grid = TimeGrid(float(len(ratings) * QVHIGHLIGHTS_CLIP_SECONDS), float(QVHIGHLIGHTS_CLIP_SECONDS))
    return Item(record.key("qid"), record.key("vid"), query_of(record), grid, labels, ratings)


def tvsum_labels(ratings: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Target of TVSum: the mean rating, (num_clips, num_annotators) in 1 … 5, brought to [0, 1].

    Source: UMT, ``TVSum.get_saliency``: (sum - 20) / 80 for 20 annotators.
    """
    mean = ratings.mean(axis=1)
    return np.asarray((mean - _LOWEST_RATING) / (_HIGHEST_RATING - _LOWEST_RATING), dtype=np.float32)


def tvsum_item(
    vid: str,
    title: str,
    domain: str,
    ratings: npt.NDArray[np.float64],
    where: str,
    clip_seconds: float = UMT_CLIP_SECONDS,
) -> Item:
    """One video of TVSum, its title the query; a `ConfigError` for ratings outside 1 … 5."""
    if ratings.min() < _LOWEST_RATING or ratings.max() > _HIGHEST_RATING:
        raise ConfigError(f"{where}: TVSum's ratings lie in 1 … 5, got {ratings.min():g} … {ratings.max():g}")
    grid = TimeGrid(len(ratings) * clip_seconds, clip_seconds)
    return Item(vid, vid, title, grid, tvsum_labels(ratings), ratings, domain)


def tvsum_line(record: Record) -> Item:
    """One line of TVSum: ``vid``, ``query``, ``domain`` and ``label``, for each clip the ratings of all annotators."""
    ratings, domain = record.matrix("label"), str(record.fields.get("domain", ""))
    return tvsum_item(record.key("vid"), query_of(record), domain, ratings, record.where)


def youtube_labels(match: npt.ArrayLike) -> Array:
    """1 where a clip was matched (1), 0 where it was not (-1) or is doubtful (0).

    Source: UMT, ``YouTubeHighlights.get_saliency``.
    """
    return (np.asarray(match) > 0).astype(np.float64)


def youtube_item(vid: str, domain: str, match: npt.NDArray[np.float64], where: str) -> Item:
    """One video of YouTube Highlights, its domain the query; a `ConfigError` for labels other than 1, 0 and -1."""
    if not np.isin(match, (-1, 0, 1)).all():
        raise ConfigError(f"{where}: match labels are 1, 0 or -1")
    grid = TimeGrid(len(match) * UMT_CLIP_SECONDS, UMT_CLIP_SECONDS)
    return Item(vid, vid, domain, grid, youtube_labels(match).astype(np.float32), match[:, None], domain)


def youtube_line(record: Record) -> Item:
    """One line of YouTube Highlights: ``vid``, ``domain`` and ``match``, 1, 0 or -1 for each clip."""
    return youtube_item(record.key("vid"), record.key("domain"), record.vector("match"), record.where)
