"""Our own plain format for users' data: a folder of videos and one CSV beside them.

Either ``moments.csv``, what is worth seeing, one span a row::

    file,start_seconds,stop_seconds,query,score
    match.mp4,12.5,20,a goal is scored,1

or ``scores.csv``, a curve; a score holds from its start to its stop, or without one until the next row of the file::

    file,start_seconds,stop_seconds,score
    match.mp4,0,10,0.1
    match.mp4,10,25,0.8

``query`` may be left out or empty; ``score`` in [0, 1] may be left out of moments and is then 1. Spans are half-open.
An item gives the path, and makes labels for any grid; `extracted` joins them with extracted features, for which the
videos need not be there.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from highlightr.core.errors import ConfigError
from highlightr.core.numeric import inside
from highlightr.core.tables import cell_text, table_reader
from highlightr.core.types import FloatArray, TimeGrid
from highlightr.datasets.base import Item, Problem

MOMENTS, SCORES = "moments.csv", "scores.csv"

POSITIVE = 0.5
"""Clips with this score or a higher one are what the protocol `moments` looks for."""

_REQUIRED = {MOMENTS: ("file", "start_seconds", "stop_seconds"), SCORES: ("file", "start_seconds", "score")}
_ALLOWED = ("file", "start_seconds", "stop_seconds", "score", "query")


class Span(NamedTuple):
    """What one row says of a video."""

    start_seconds: float
    stop_seconds: float
    """Half-open."""
    score: float
    """In [0, 1]."""
    where: str = ""
    """File and line."""


Row = tuple[tuple[Path, str | None], Span]
"""A video, a query or none, and what is said about it."""


@dataclass(frozen=True)
class PlainItem:
    """One video and one query (or none), with what was said about it."""

    key: str
    path: Path
    query: str | None
    spans: tuple[Span, ...]
    """In order of time."""
    is_curve: bool = False
    """Whether they are a curve, which may go on a little longer than its video."""

    def outside(self, grid: TimeGrid) -> tuple[Problem, ...]:
        """The rows that lie wholly behind the end of the video, of which they can teach nothing."""
        end = grid.duration_seconds
        late = [span for span in self.spans if span.start_seconds >= end]
        if self.is_curve and len(late) < len(self.spans):
            return ()
        name = self.path.name
        return tuple(
            Problem(span.where, f"{span.where}: begins at {span.start_seconds:g} s, and {name} ends at {end:g} s")
            for span in late
        )

    def labels(self, grid: TimeGrid) -> FloatArray:
        """(num_clips,) the highest score of the spans that hold each clip's center; 0 where none does."""
        centers = grid.centers()
        labels = np.zeros(grid.num_clips, dtype=np.float32)
        for span in self.spans:
            held = inside(centers, [(span.start_seconds, span.stop_seconds)])
            labels[held] = np.maximum(labels[held], np.float32(span.score))
        return labels

    def on(self, grid: TimeGrid) -> Item:
        """The item on a grid; positive for the protocols are clips that score `POSITIVE` or more."""
        labels = self.labels(grid)
        ratings = (labels >= POSITIVE).astype(np.float64)[:, None]
        return Item(self.key, self.path.stem, self.query, grid, labels, ratings)


@dataclass(frozen=True)
class PlainDataset:
    """What was read from a folder of the plain format."""

    items: tuple[PlainItem, ...]
    problems: tuple[Problem, ...]
    """Rows that cannot be used, and videos that no row names."""


def _row(fields: Mapping[str, str], where: str, table: Path, videos: bool) -> Row:
    """The video and query of a row of the CSV, and its span, checked."""
    if None in fields or None in fields.values():  # what csv makes of too many and of too few
        raise ConfigError(f"{where}: not as many fields as columns")
    path = _inside(table.parent, fields["file"], where, videos)
    query = cell_text((fields.get("query") or "").strip()) or None
    start = _number(fields["start_seconds"], where, "start_seconds")
    open_end = table.name == SCORES and not (fields.get("stop_seconds") or "").strip()
    stop = math.inf if open_end else _number(fields["stop_seconds"], where, "stop_seconds")
    text = fields.get("score") or ""
    score = 1.0 if table.name == MOMENTS and not text.strip() else _number(text, where, "score")
    if start < 0 or stop <= start:
        raise ConfigError(f"{where}: a span needs 0 <= start_seconds < stop_seconds")
    if not 0 <= score <= 1:
        raise ConfigError(f"{where}: score must lie in [0, 1], got {score:g}")
    return (path, query), Span(start, stop, score, where)


def _number(text: str, where: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"{where}: {name} must be a number, got {text!r}")
    return value


def _inside(folder: Path, name: str, where: str, videos: bool) -> Path:
    """The video's path; a name may hold folders, but must not lead out. Links that the user put there are followed."""
    path = folder / name
    if not name.strip() or "\0" in name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise ConfigError(f"{where}: {name!r} is not a file of this folder")
    if videos and not path.is_file():
        raise ConfigError(f"{where}: no video {name!r}")
    return path


def _rows(table: Path, videos: bool, problems: list[Problem]) -> Iterator[Row]:
    """Checked rows, the others put on record; a `ConfigError` for a file that is no CSV or lacks columns."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = table_reader(file, strict=True)
            _check_columns(table, list(reader.fieldnames or ()))
            for fields in reader:
                where = f"{table.name}, line {reader.line_num}"
                try:
                    row = _row(fields, where, table, videos)
                except ConfigError as error:
                    problems.append(Problem(where, str(error)))
                else:
                    yield row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{table}: not a readable CSV ({error})") from error


def _check_columns(table: Path, columns: list[str]) -> None:
    missing = [name for name in _REQUIRED[table.name] if name not in columns]
    unknown = [name for name in columns if name not in _ALLOWED]
    if missing or unknown:
        required, allowed = ", ".join(_REQUIRED[table.name]), ", ".join(_ALLOWED)
        raise ConfigError(f"{table}: columns must be {required} and may be {allowed}; got {columns}")


def _held(spans: list[Span]) -> tuple[Span, ...]:
    """Scores hold until they stop, or the next one starts."""
    starts = [span.start_seconds for span in spans[1:]] + [math.inf]
    held = (
        span._replace(stop_seconds=min(span.stop_seconds, after)) for span, after in zip(spans, starts, strict=True)
    )
    return tuple(span for span in held if span.stop_seconds > span.start_seconds)


def has_table(folder: Path) -> bool:
    """Whether a folder is of the plain format."""
    return any((folder / name).is_file() for name in (MOMENTS, SCORES))


def plain(folder: Path, *, videos: bool = True) -> PlainDataset:
    """Read a folder of the plain format; with `videos`, rows whose video is not in the folder are refused.

    Raises:
        ConfigError: neither or both of the CSVs, a CSV without the columns, or no row that can be used.
    """
    tables = [folder / name for name in (MOMENTS, SCORES) if (folder / name).is_file()]
    if len(tables) != 1:
        raise ConfigError(f"{folder}: needs one of {MOMENTS} and {SCORES}, found {len(tables)}")
    problems: list[Problem] = []
    spans: dict[tuple[Path, str | None], list[Span]] = {}
    for asked, span in _rows(tables[0], videos, problems):
        spans.setdefault(asked, []).append(span)
    if not spans:
        reason = problems[0].reason if problems else "it is empty"
        raise ConfigError(f"{tables[0]}: no row can be used ({len(problems)} problems; the first: {reason})")
    is_curve = tables[0].name == SCORES
    items = []
    for (path, query), given in spans.items():
        name, ordered = path.relative_to(folder).as_posix(), sorted(given)
        key = name if query is None else f"{name}#{query}"
        items.append(PlainItem(key, path, query, _held(ordered) if is_curve else tuple(ordered), is_curve))
    unnamed = _unnamed(folder, {path for path, _ in spans}) if videos else []
    return PlainDataset(tuple(items), (*problems, *unnamed))


def _unnamed(folder: Path, named: set[Path]) -> list[Problem]:
    """Files of the folder that have the suffix of a named video but no usable row."""
    suffixes = {path.suffix.lower() for path in named}
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in suffixes)
    reason = "no row of the CSV that can be used names it"
    return [Problem(path.name, reason, annotated=False) for path in files if path not in named]
