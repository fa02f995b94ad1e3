"""The file of queries: CSV with a head line, or JSON Lines; a video, a query and options of its own per row.

In: a path. Out: a `QueryRow` per line. Every other column has the name of an option of a summary, as in Python
(`duration`, `ratio`, `max_clips`); an empty cell leaves it to the batch. What is wrong is said with file, line and
column before any work.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from highlightr.core.checks import kinds_of
from highlightr.core.errors import ConfigError
from highlightr.core.tables import table_reader
from highlightr.options import ALIASES, PLACES, SummarizeOptions
from highlightr.selection.options import SelectionOptions

COLUMNS = ("video", "query")

_KINDS: Mapping[str, Any] = {
    name: kind
    for options in (SummarizeOptions, SelectionOptions)
    for name, kind in get_type_hints(options).items()
    if name not in (*PLACES, "selection")
}
"""Option to its annotation."""

OPTION_COLUMNS = (*ALIASES, *_KINDS)
"""Names of columns that are options."""

_LISTED = ("range", "exclude")
"""Options of which a cell may hold several, with semicolons between."""

_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


@dataclass(frozen=True)
class QueryRow:
    """One line of the file."""

    video: str
    query: str | None
    where: str
    """File and line, for errors."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of this summary alone, in JSON types; accepted one by one and together."""


def read_queries(path: Path) -> tuple[QueryRow, ...]:
    """Every row of the file; a `ConfigError` names what is not understood."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _json_lines(file, path) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv_lines(file, path)
            return tuple(_row(values, where) for values, where in lines)
    except (OSError, UnicodeError, csv.Error) as error:
        raise ConfigError(f"cannot read the queries {path}: {getattr(error, 'strerror', None) or error}") from error


def _csv_lines(file: Iterable[str], path: Path) -> Iterator[tuple[object, str]]:
    reader = table_reader(file)
    names = [name.strip() for name in reader.fieldnames or ()]
    if not set(COLUMNS) <= set(names):
        raise ConfigError(f"{path}: the first line must name the columns {' and '.join(COLUMNS)}")
    if len(set(names)) < len(names):
        raise ConfigError(f"{path}:1: column {max(names, key=names.count)}: it is there twice")
    reader.fieldnames = names
    for name in names:
        _refuse_unknown(name, f"{path}:1")
    for cells in reader:
        where = f"{path}:{reader.line_num}"
        if None in cells:
            raise ConfigError(f'{where}: it has more than {len(names)} cells; put text with commas into "quotes"')
        yield {name: _value(name, cell, where) for name, cell in cells.items() if cell or name in COLUMNS}, where


def _value(name: str, cell: str, where: str) -> Any:
    """A cell as its column's type; texts that people write, such as spans, are read by the options themselves."""
    if name in COLUMNS:
        return cell
    option, text = ALIASES.get(name, name), cell.strip()
    if option in _LISTED:
        return [span.strip() for span in text.split(";") if span.strip()]
    kinds = kinds_of(_KINDS[option])
    kind = kinds[0]
    if kind is bool and text.lower() not in _WORDS:
        raise ConfigError(f"{where}: column {name}: must be yes or no, got {cell!r}")
    if kind not in (bool, int, float) or len(kinds) > 1:
        return text
    try:
        return _WORDS[text.lower()] if kind is bool else kind(text)
    except ValueError as error:
        wanted = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{where}: column {name}: must be {wanted}, got {cell!r}") from error


def _json_lines(file: Iterable[str], path: Path) -> Iterator[tuple[object, str]]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            try:
                yield json.loads(line), f"{path}:{number}"
            except (ValueError, RecursionError) as error:
                raise ConfigError(f"{path}:{number}: not JSON: {error}") from error


def _row(values: object, where: str) -> QueryRow:
    if not isinstance(values, dict) or not isinstance(values.get("video"), str) or not values["video"]:
        raise ConfigError(f"{where}: a line needs a video and a query")
    query = values.get("query")
    if query is not None and not isinstance(query, str):
        raise ConfigError(f"{where}: column query: the query must be text, got {query!r}")
    options = {name: value for name, value in values.items() if name not in COLUMNS and value is not None}
    _check(options, where)
    return QueryRow(values["video"], query.strip() or None if query else None, where, options)


def _check(options: Mapping[str, Any], where: str) -> None:
    """Each value alone, so that its column can be named, then all together."""
    for name, value in options.items():
        _refuse_unknown(name, where)
        try:
            SummarizeOptions.from_keywords(**{name: value})
        except ConfigError as error:
            raise ConfigError(f"{where}: column {name}: {error}") from error
    try:
        SummarizeOptions.from_keywords(**options)
    except ConfigError as error:
        raise ConfigError(f"{where}: columns {', '.join(options)}: {error}") from error


def _refuse_unknown(name: str, where: str) -> None:
    if name not in COLUMNS and name not in OPTION_COLUMNS:
        known = ", ".join((*COLUMNS, *OPTION_COLUMNS))
        raise ConfigError(f"{where}: column {name}: no such column; there are {known}")
