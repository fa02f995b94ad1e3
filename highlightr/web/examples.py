"""Examples that a person marks: rows of ``moments.csv`` in the studio's folder, from which `train --config own` learns.

In: a span and what it shows. Out: one more row, in a file that other programs may have written; whole or not at all.
"""

from __future__ import annotations

import csv
import io
import threading
from pathlib import Path

from highlightr.core.errors import ConfigError
from highlightr.core.files import write_whole
from highlightr.core.reading import read_at_most
from highlightr.core.tables import csv_text, path_cell, text_cell
from highlightr.datasets.plain import MOMENTS, SCORES
from highlightr.web.library import Library, Video

LARGEST_BYTES = 16 << 20
COLUMNS = ("file", "start_seconds", "stop_seconds", "query")

_WRITING = threading.Lock()


def add_example(library: Library, video: Video, start: float, stop: float, query: str | None) -> bool:
    """Append a row; whether it was new.

    Raises:
        ConfigError: the file that is there is not one that rows can be added to.
        OutputError: it cannot be written.
    """
    table = library.root / MOMENTS
    if (library.root / SCORES).exists():
        raise ConfigError(f"this folder has {SCORES}; training reads one of {MOMENTS} and {SCORES}, so none was added")
    if table.is_symlink() or (table.exists() and not table.is_file()):
        raise ConfigError(f"{MOMENTS} is a link or no file; nothing was added")
    name = video.path.relative_to(library.root).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ConfigError("the name of this video is not UTF-8, which a CSV has to be; rename it") from error
    span = {"start_seconds": f"{start:.3f}", "stop_seconds": f"{stop:.3f}"}
    values = {"file": path_cell(name), **span, "query": text_cell(query or "")}
    with _WRITING:
        text, rows = _read(table)
        row = [values.get(column, "") for column in rows[0]]
        if row in rows:
            return False
        write_whole(table, text, "" if not text or text.endswith("\n") else "\n", csv_text([row]))
    return True


def _read(table: Path) -> tuple[str, list[list[str]]]:
    """What is there, and its rows, the columns' names first; a header where nothing is."""
    try:
        content = read_at_most(table, LARGEST_BYTES)
    except FileNotFoundError:
        return csv_text([COLUMNS]), [list(COLUMNS)]
    except OSError as error:
        raise ConfigError(f"{MOMENTS} cannot be read ({error.strerror or error}); nothing was added") from error
    if content is None:
        raise ConfigError(f"{MOMENTS} is larger than {LARGEST_BYTES >> 20} MiB; nothing was added")
    try:
        text = content.decode("utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True)) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{MOMENTS} is no CSV ({error}); nothing was added") from error
    columns = rows[0]
    if not {"file", "start_seconds", "stop_seconds"} <= set(columns) or not set(columns) <= {*COLUMNS, "score"}:
        raise ConfigError(f"{MOMENTS} must have the columns {', '.join(COLUMNS)}; nothing was added")
    if "query" not in columns:
        raise ConfigError(f"{MOMENTS} has no column query; add it, and nothing is lost")
    return text, rows
