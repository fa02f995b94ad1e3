"""From inputs and queries to jobs: every video with each of its queries, and a folder for each that is its own.

In: what was named, and a CSV or JSONL file of queries. Out: jobs. A video keeps its folder from run to run, and
the same call finds the same folders again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from highlightr.batch.inputs import InputVideo, find_videos
from highlightr.batch.jobs import Job
from highlightr.batch.names import slug
from highlightr.batch.output_dir import OutputDir
from highlightr.batch.queries import QueryRow, read_queries
from highlightr.core.checks import given_list, given_path
from highlightr.core.errors import ConfigError
from highlightr.core.text import is_address
from highlightr.features.base import check_query


@dataclass(frozen=True)
class _Wish:
    """What is asked of one video."""

    query: str | None
    options: Mapping[str, Any] = field(default_factory=dict)


def plan_jobs(
    inputs: Iterable[str | Path],
    output: Path,
    *,
    lists: Sequence[Path] = (),
    pattern: str | None = None,
    query: str | None = None,
    queries: Path | None = None,
    allow_remote: bool = False,
    absent_ok: bool = False,
) -> tuple[Job, ...]:
    """The jobs of a batch; nothing is opened but lists.

    Args:
        inputs: files, folders, addresses, ``@FILE`` for a list; may be empty if `queries` names the videos.
        output: the batch's output folder.
        lists: text files with an input per line.
        pattern: names in folders have to match it; by default the usual suffixes of videos.
        query: for every video that `queries` does not name.
        queries: CSV with a head line, or JSONL, with `video`, `query` and options of its own; a video may come several
            times. It is named by its path (relative to the file), by its path below an input folder, or by its name if
            only one has it.
        allow_remote: accept addresses.
        absent_ok: videos may be there later: folders may be empty, and rows may name videos that are not there.

    Raises:
        ConfigError: an input that is not there, a list or file of queries that cannot be understood, no video at all.
    """
    if query is not None:
        check_query(query)
    texts, output = [str(one) for one in given_list("inputs", inputs, str, Path)], given_path("output", output)
    lists, queries = given_list("lists", lists, Path), None if queries is None else given_path("queries", queries)
    rows = () if queries is None else read_queries(queries)
    if queries is not None and not texts and not lists:
        base = queries.absolute().parent
        texts = [row.video if is_address(row.video) else str(base / row.video) for row in rows]
    known = OutputDir(output).known_folders()
    found = find_videos(
        texts, output, lists=lists, pattern=pattern, allow_remote=allow_remote, known=known, absent_ok=absent_ok
    )
    asked = _assign(rows, found, queries, absent_ok=absent_ok)
    return tuple(job for one in found for job in _jobs(one, asked.get(one.video, [_Wish(query)])))


def _jobs(video: InputVideo, wishes: Sequence[_Wish]) -> Iterator[Job]:
    """A video's jobs: one has the video's own folder, several have one each inside it."""
    slugs: list[str] = []
    for number, wish in enumerate(wishes):
        folder = video.folder
        if len(wishes) > 1:
            words = wish.query or "no query"
            if any(other.query == wish.query for other in wishes[:number]):  # Its options tell it apart.
                words += "".join(f" {name} {value}" for name, value in wish.options.items())
            slugs.append(slug(words, slugs))
            folder = f"{folder}/{slugs[-1]}"
        yield Job(
            video.video,
            wish.query,
            folder,
            video.remote,
            title=video.name,
            video_folder=video.folder,
            options=wish.options,
        )


def _assign(
    rows: Iterable[QueryRow], found: Sequence[InputVideo], queries: Path | None, *, absent_ok: bool
) -> dict[str, list[_Wish]]:
    """Video to what is asked of it, each once."""
    by_name: dict[str, list[str]] = {}
    for one in found:
        for name in {one.name, Path(one.video).name}:
            by_name.setdefault(name, []).append(one.video)
    known = {one.video for one in found}
    asked: dict[str, list[_Wish]] = {}
    for row in rows:
        assert queries is not None
        path = os.path.abspath(queries.absolute().parent / row.video)  # noqa: PTH100  (drops `..` too)
        exact = [video for video in {row.video, path} if video in known]
        matches = exact or by_name.get(row.video, [])
        if not matches and absent_ok:
            continue
        if len(matches) != 1:
            what = "several videos have this name; give the path" if matches else "no input is this video"
            raise ConfigError(f"{row.where}: {row.video}: {what}")
        wishes, wish = asked.setdefault(matches[0], []), _Wish(row.query, row.options)
        if wish not in wishes:
            wishes.append(wish)
    return asked
