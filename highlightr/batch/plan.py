"""From inputs and queries to jobs: every video with each of its queries, and a folder for each that is its own.

In: what was named, and a CSV or JSONL file of queries. Out: jobs. A video keeps its folder from run to run, and
the same call finds the same folders again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from highlightr.batch.inputs import find_videos
from highlightr.batch.jobs import Job
from highlightr.batch.names import slug
from highlightr.batch.output_dir import OutputDir
from highlightr.batch.queries import QueryRow, read_queries
from highlightr.core.checks import given_list, given_path
from highlightr.core.errors import ConfigError
from highlightr.core.text import is_address
from highlightr.features.base import check_query


def plan_jobs(
    inputs: Iterable[str | Path],
    output: str | Path,
    *,
    lists: Sequence[Path] = (),
    pattern: str | None = None,
    query: str | None = None,
    queries: str | Path | None = None,
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
    none_there = False
    if queries is not None and not texts and not lists:
        base = queries.absolute().parent
        texts = [row.video if is_address(row.video) else str(base / row.video) for row in rows]
        texts = [text for text in texts if is_address(text) or os.path.exists(text)]  # noqa: PTH110  (may be no path)
        none_there = not texts and (absent_ok or bool(rows))
    known = OutputDir(output).known_folders()
    find = partial(find_videos, lists=lists, pattern=pattern, allow_remote=allow_remote, known=known)
    found = () if none_there else find(texts, output, absent_ok=absent_ok)
    asked = _assign(rows, found, queries, absent_ok=absent_ok)
    return tuple(job for one in found for job in _in_folders(asked.get(one.video, [replace(one, query=query)])))


def _in_folders(jobs: Sequence[Job]) -> Iterator[Job]:
    """A video's jobs: one has the video's own folder, several have one each inside it."""
    slugs: list[str] = []
    for number, job in enumerate(jobs):
        if len(jobs) == 1:
            yield job
            return
        words = job.query or "no query"
        if any(other.query == job.query for other in jobs[:number]):  # Its options tell it apart.
            words += "".join(f" {name} {value}" for name, value in job.options.items())
        slugs.append(slug(words, slugs))
        yield replace(job, folder=f"{job.folder}/{slugs[-1]}")


def _assign(
    rows: Iterable[QueryRow], found: Sequence[Job], queries: Path | None, *, absent_ok: bool
) -> dict[str, list[Job]]:
    """Video to the jobs that are asked of it, each once, still in the video's folder."""
    by_name: dict[str, list[Job]] = {}
    for one in found:
        for name in {one.title, Path(one.video).name}:
            by_name.setdefault(name, []).append(one)
    known = {one.video: one for one in found}
    asked: dict[str, list[Job]] = {}
    for row in rows:
        assert queries is not None
        path = os.path.abspath(queries.absolute().parent / row.video)  # noqa: PTH100  (drops `..` too)
        exact = [known[video] for video in {row.video, path} if video in known]
        matches = exact or by_name.get(row.video, [])
        if not matches and absent_ok:
            continue
        if len(matches) != 1:
            absent = "no input is this video" if os.path.exists(path) else "no such video"  # noqa: PTH110
            what = "several videos have this name; give the path" if matches else absent
            raise ConfigError(f"{row.where}: {row.video}: {what}")
        jobs, job = asked.setdefault(matches[0].video, []), replace(matches[0], query=row.query, options=row.options)
        if job not in jobs:
            jobs.append(job)
    return asked
