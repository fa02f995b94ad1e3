"""Parts of benchmarks.gpu_check in processes of their own, each with its share of the time that is left.

In: a video, a device, a deadline. Out: rows; one for what failed, with the last words of its process, and one for each
thing that there was no time for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.gpu_rows import Row
from highlightr.batch.process import place_workers
from highlightr.core.device import PRECISIONS
from highlightr.media import probe

LARGEST_SHARE = 0.5
"""Of the time that is left, for one part: one that hangs leaves some for the others."""

NO_TIME = "no time was left"


@dataclass(frozen=True)
class Check:
    """What all parts share."""

    video: Path
    device: str
    rounds: int
    folder: Path
    deadline: float
    """On `time.monotonic`."""
    precisions: Sequence[str] = PRECISIONS

    @property
    def left_seconds(self) -> float:
        return self.deadline - time.monotonic()

    def until(self, share: float = LARGEST_SHARE) -> float:
        """When a part that begins now has to be done, on `time.monotonic`, with this share of the time that is left."""
        return self.deadline - (1 - share) * max(0.0, self.left_seconds)

    def start(self, part: str, names: Sequence[str], rows: Path, said: IO[bytes], **how: Any) -> Process:
        """A part in a process of its own."""
        command = [sys.executable, "-m", "benchmarks.gpu_parts", part, str(self.video), str(rows)]
        command += ["--device", self.device, "--rounds", str(self.rounds), "--names", *names]
        command += ["--precisions", *self.precisions]
        return subprocess.Popen(command, stderr=said, **how)


Process = subprocess.Popen[bytes]


def part_rows(check: Check, part: str, names: Sequence[str], share: float = LARGEST_SHARE) -> Iterator[Row]:
    """The rows of a part; what a crash kept from being tried is tried in another process."""
    left, until = list(names), check.until(share)
    while left and time.monotonic() < until:
        rows, begun, ended = _one_process(check, part, left, until)
        yield from rows
        if ended is None:
            return
        yield Row(part, begun[-1] if begun else part, "not run" if ended == NO_TIME else "failed", note=ended)
        left = left[len(begun) :] if begun else []
    yield from (Row(part, name, "not run", note=NO_TIME) for name in left)


def _one_process(
    check: Check, part: str, names: Sequence[str], until: float
) -> tuple[list[Row], list[str], str | None]:
    """Its rows, what it began with, and why it ended, if it did so before its work was done."""
    path = check.folder / f"{part}.jsonl"
    path.unlink(missing_ok=True)
    with tempfile.TemporaryFile() as said, check.start(part, names, path, said) as process:
        with _killed_at(until, [process]):
            status = process.wait()
        ended = None if status == 0 else NO_TIME if time.monotonic() >= until else _last_words(said, status)
        return *_read(path), ended


@contextmanager
def _killed_at(until: float, processes: Sequence[Process]) -> Iterator[None]:
    """Processes that run no longer than this, nor than the block: the caller may be interrupted."""
    clock = threading.Timer(max(0.0, until - time.monotonic()), lambda: [each.kill() for each in processes])
    clock.start()
    try:
        yield
    finally:
        clock.cancel()
        for each in processes:
            each.kill()  # Nothing happens to one that has ended.
            each.wait()


def _read(path: Path) -> tuple[list[Row], list[str]]:
    """The rows of a process that may have ended in the middle of a line, and what it began with."""
    text = path.read_text("utf-8") if path.exists() else ""
    lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
    return [Row(**line) for line in lines if "begun" not in line], [each["begun"] for each in lines if "begun" in each]


def _last_words(said: IO[bytes], status: int) -> str:
    said.seek(0)
    lines = [line.strip() for line in said.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return f"its process ended with {status}: {lines[-1][:200] if lines else 'it said nothing'}"


def worker_rows(check: Check, preset: str) -> Iterator[Row]:
    """One worker alone and two that share the device, from file to scores."""
    seconds = probe(check.video).duration_seconds * check.rounds
    alone: float | None = None
    for count in (1, 2):
        name = f"{preset}, {count} {'worker' if count == 1 else 'workers'}"
        rows, ended = _together(check, preset, count) if check.left_seconds > 0 else ([], NO_TIME)
        if ended is not None:
            yield Row("workers", name, "not run" if ended == NO_TIME else "failed", note=ended)
            continue
        speed = count * seconds / max(row.figures["seconds"] for row in rows)
        alone = alone or speed
        sums = {key: sum(row.figures[key] for row in rows) for key in rows[0].figures if key.endswith("MiB")}
        yield Row("workers", name, "ok", {"x real time": speed, "of one worker": speed / alone, **sums})


def _together(check: Check, preset: str, count: int) -> tuple[list[Row], str | None]:
    """So many workers, which begin once all have their models open; why they failed, if one did."""
    until, processes = check.until(), list[Process]()
    paths = [check.folder / f"worker{number}of{count}.jsonl" for number in range(count)]
    with tempfile.TemporaryFile() as said, ExitStack() as stack:
        for path, placement in zip(paths, place_workers(check.device, count), strict=True):
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            environment = {**os.environ, **placement.environment}
            processes.append(stack.enter_context(check.start("worker", [preset], path, said, env=environment, **pipes)))
        stack.enter_context(_killed_at(until, processes))
        # A worker that says nothing has ended, or will be.
        ready = [each.stdout.readline() for each in processes if each.stdout is not None]
        if ready == [b"ready\n"] * count:
            for each in processes:
                assert each.stdin is not None
                each.stdin.write(b"go\n")
                each.stdin.flush()
            statuses = [each.wait() for each in processes]
            if not any(statuses):
                return [_read(path)[0][0] for path in paths], None
        ended = next((each.poll() for each in processes if each.poll()), 1)
        return [], NO_TIME if time.monotonic() >= until else _last_words(said, ended)
