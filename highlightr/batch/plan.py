"""From inputs and queries to jobs: every video with each of its queries, and a folder for each that is its own.

In: what was named, and a CSV or JSONL file of queries. Out: jobs. A video keeps its folder from run to run, and
the same call finds the same folders again.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from highlightr.batch.inputs import InputVideo, find_videos, is_address
from highlightr.batch.jobs import Job
from highlightr.batch.names import slug
from highlightr.batch.output_dir import OutputDir
from highlightr.core.errors import ConfigError

COLUMNS = ("video", "query")


@dataclass(frozen=True)
class _Row:
    video: str
    query: str | None
    where: str
    """File and line, for errors."""


def plan_jobs(
    inputs: Iterable[str | Path],
    output: Path,
    *,
    lists: Sequence[Path] = (),
    pattern: str | None = None,
    query: str | None = None,
    queries: Path | None = None,
    allow_remote: bool = False,
) -> tuple[Job, ...]:
    """The jobs of a batch; nothing is opened but lists.

    Args:
        inputs: files, folders, addresses, ``@FILE`` for a list; may be empty if `queries` names the videos.
        output: the batch's output folder.
        lists: text files with an input per line.
        pattern: names in folders have to match it; by default the usual suffixes of videos.
        query: for every video that `queries` does not name.
        queries: CSV with a head line, or JSONL, with `video` and `query`; a video may come several times. It is named
            by its path (relative to the file), by its path below an input folder, or by its name if only one has it.
        allow_remote: accept addresses.

    Raises:
        ConfigError: an input that is not there, a list or file of queries that cannot be understood, no video at all.
    """
    if query is not None and not query.strip():
        raise ConfigError("the query is empty; say what to look for, or leave it out")
    texts = [str(one) for one in inputs]
    rows = () if queries is None else _read_queries(queries)
    if queries is not None and not texts and not lists:
        base = queries.absolute().parent
        texts = [row.video if is_address(row.video) else str(base / row.video) for row in rows]
    known = OutputDir(output).known_folders()
    found = find_videos(texts, output, lists=lists, pattern=pattern, allow_remote=allow_remote, known=known)
    asked = _assign(rows, found, queries)
    return tuple(job for one in found for job in _jobs(one, asked.get(one.video, [query])))


def _jobs(video: InputVideo, queries: Sequence[str | None]) -> Iterator[Job]:
    """A video's jobs: one query has the video's own folder, several have one each inside it."""
    slugs: list[str] = []
    for query in queries:
        folder = video.folder
        if len(queries) > 1:
            slugs.append(slug(query or "no query", slugs))
            folder = f"{folder}/{slugs[-1]}"
        yield Job(video.video, query, folder, video.remote, title=video.name, video_folder=video.folder)


def _read_queries(path: Path) -> tuple[_Row, ...]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _json_lines(file, path) if path.suffix.lower() in (".jsonl", ".ndjson") else _csv_lines(file, path)
            return tuple(_row(values, where) for values, where in lines)
    except (OSError, UnicodeError, csv.Error) as error:
        raise ConfigError(f"cannot read the queries {path}: {getattr(error, 'strerror', None) or error}") from error


def _csv_lines(file: Iterable[str], path: Path) -> Iterator[tuple[object, str]]:
    reader = csv.DictReader(file)
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        raise ConfigError(f"{path}: the first line must name the columns {' and '.join(COLUMNS)}")
    for values in reader:
        yield values, f"{path}:{reader.line_num}"


def _json_lines(file: Iterable[str], path: Path) -> Iterator[tuple[object, str]]:
    for number, line in enumerate(file, start=1):
        if line.strip():
            try:
                yield json.loads(line), f"{path}:{number}"
            except (ValueError, RecursionError) as error:
                raise ConfigError(f"{path}:{number}: not JSON: {error}") from error


def _row(values: object, where: str) -> _Row:
    if not isinstance(values, dict) or not isinstance(values.get("video"), str) or not values["video"]:
        raise ConfigError(f"{where}: a line needs a video and a query")
    query = values.get("query")
    if query is not None and not isinstance(query, str):
        raise ConfigError(f"{where}: the query must be text, got {query!r}")
    return _Row(values["video"], query.strip() or None if query else None, where)


def _assign(rows: Iterable[_Row], found: Sequence[InputVideo], queries: Path | None) -> dict[str, list[str | None]]:
    """Video to its queries, each once."""
    by_name: dict[str, list[str]] = {}
    for one in found:
        for name in {one.name, Path(one.video).name}:
            by_name.setdefault(name, []).append(one.video)
    known = {one.video for one in found}
    asked: dict[str, list[str | None]] = {}
    for row in rows:
        assert queries is not None
        path = os.path.abspath(queries.absolute().parent / row.video)  # noqa: PTH100  (drops `..` too)
        exact = [video for video in {row.video, path} if video in known]
        matches = exact or by_name.get(row.video, [])
        if len(matches) != 1:
            what = "several videos have this name; give the path" if matches else "no input is this video"
            raise ConfigError(f"{row.where}: {row.video}: {what}")
        texts = asked.setdefault(matches[0], [])
        if row.query not in texts:
            texts.append(row.query)
    return asked
