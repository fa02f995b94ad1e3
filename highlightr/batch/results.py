"""`results.jsonl`: one line per job, for programs; and the index page, for people. Both are made of what is known now.

In: outcomes, one at a time, from one or several runs at once. Out: the file, whose last line per job counts while a run
goes on, and which has exactly one per job afterwards.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any

from highlightr.batch.index import card, render_index
from highlightr.batch.jobs import JobResult
from highlightr.batch.output_dir import INDEX_NAME, RESULTS_NAME, STATE_FOLDER, JobRecord, OutputDir
from highlightr.batch.remote import shown_address
from highlightr.core.errors import ConfigError, OutputError, not_written
from highlightr.core.files import printable, write_whole
from highlightr.core.locks import file_lock

logger = logging.getLogger(__name__)

LOCK_SECONDS = 30.0
POSTERS = f"{STATE_FOLDER}/posters"
"""Where the pictures of the index page lie."""

_FIELDS = frozenset({"id", "folder", "state"})


class Results:
    """The lines of one output folder."""

    def __init__(self, output_dir: OutputDir) -> None:
        self._output_dir = output_dir
        self._path = output_dir.root / RESULTS_NAME
        self._known = self._read()
        self._unwritten: list[dict[str, Any]] = []
        self._records: dict[tuple[str, object], JobRecord] = {}
        """By the job's id and the key of what was made: a watch renews the page again and again."""

    def add(self, outcome: JobResult) -> None:
        """Append a line and wait until the disk has it; if it is full now, the line waits for the next one."""
        known = self._known.get(outcome.job.id, {})
        if outcome.state == "kept" and known.get("state") == "done" and known.get("key") == outcome.key:
            return
        self._unwritten.append(result_line(outcome))
        with suppress(OSError, OutputError):
            self._append()

    def close(self) -> None:
        """Leave one line per job, sorted by folder, and the index page; without summaries that a user removed since.

        Raises:
            OutputError: one of the files cannot be written.
        """
        try:
            if self._unwritten:
                self._append()
            with self._locked():
                lines = [line for line in self._read().values() if not self._removed(line)]
                ordered = sorted(lines, key=lambda line: str(line["folder"]))
                write_whole(self._path, "".join(_text(line) for line in ordered))
                cards = list(self._cards(ordered))
                write_whole(self._output_dir.root / INDEX_NAME, render_index(cards))
                shown = {each["poster"] for each in cards}
                for path in (self._output_dir.root / POSTERS).glob("*.jpg"):
                    if self._output_dir.relative(path) not in shown:
                        path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{error.filename or self._path}: {not_written(error)}, then run it again") from error

    def _append(self) -> None:
        with self._locked(), self._path.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")  # Half a line of a run that was killed; it is passed over by readers.
            file.write("".join(map(_text, self._unwritten)).encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
        self._unwritten.clear()

    def _read(self) -> dict[str, dict[str, Any]]:
        """The last line of each job by its id; what is not such a line is passed over."""
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return {}
        # A program of the user's may have added lines of its own.
        lines = [line for line in text.split("\n") if line.strip()]
        parsed = [value for line in lines if (value := _parsed(line)) is not None]
        if damaged := len(lines) - len(parsed):
            logger.warning("%s: %d damaged lines are skipped", self._path, damaged)
        return {value["id"]: value for value in parsed}

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._output_dir.root / STATE_FOLDER / "locks" / "results"
        with file_lock(lock, LOCK_SECONDS) as is_held:
            if not is_held:
                raise OutputError(f"another run has held {lock} for {LOCK_SECONDS:g} s; stop it")
            yield

    def _cards(self, lines: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        for line in lines:
            with suppress(ConfigError, TypeError, ValueError, AttributeError, OverflowError):
                record = self._record(line) if line["state"] == "done" else None
                yield card(line, record, "" if record is None else self._poster(record))

    def _poster(self, record: JobRecord) -> str:
        """Where the picture of a record lies, relative to the page; it is written there if need be.

        Raises:
            OutputError: it cannot be written.
            ValueError: the record holds none that can be understood.
        """
        picture = base64.b64decode(record.poster, validate=True)
        if not picture:
            return ""
        name = f"{POSTERS}/{hashlib.sha256(picture).hexdigest()[:24]}.jpg"
        path = self._output_dir.root / name
        if not path.exists():
            write_whole(path, picture)
        return name

    def _removed(self, line: Mapping[str, Any]) -> bool:
        """Whether a summary that was finished is there no more, nor anything that was written with it."""
        record = self._record(line) if line["state"] == "done" else None
        paths = () if record is None else self._output_dir.outputs(record.outcome.job).values()
        return record is not None and not any(path.exists() for path in paths)

    def _record(self, line: Mapping[str, Any]) -> JobRecord | None:
        mark = (line["id"], line.get("key"))
        if mark not in self._records and (record := self._output_dir.record(line["id"])) is not None:
            self._records[mark] = record
        return self._records.get(mark)


def result_line(outcome: JobResult) -> dict[str, Any]:
    """The line of one outcome. ``kept`` is how one run sees it; the job itself is ``done``."""
    job, own = outcome.job, {name: value for name, value in asdict(outcome).items() if name != "job"}
    return {
        "id": job.id,
        "folder": printable(job.folder),
        "title": printable(job.title or job.folder),
        "video": shown_address(job.video) if job.remote else printable(job.video),
        "query": job.query,
        "options": dict(job.options),
        **own,
        "state": "done" if outcome.state == "kept" else outcome.state,
        "outputs": {name: printable(path) for name, path in outcome.outputs.items()},
        "notes": list(outcome.notes),
        "error": None if outcome.error is None else printable(outcome.error),
    }


def _text(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=True) + "\n"


def _parsed(line: str) -> dict[str, Any] | None:
    """A line of this file, or `None` if it is not one that every program could read."""
    try:
        value = json.loads(line)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and all(isinstance(value.get(key), str) for key in _FIELDS) else None
