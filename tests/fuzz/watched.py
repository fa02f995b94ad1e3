"""A child process with bounds: one that takes too long or too much memory is ended, one that died is replaced.

In: a path. Out: an `Outcome`. Memory and time are those of the child and of every process below it (ffmpeg); time is
that of the processor, so that a busy machine changes nothing, and a child that takes none of it any more has stopped.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

CHILD = ("-m", "tests.fuzz.child")
"""What Python is started with."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_LOOK_SECONDS = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Bounds:
    """What one file may cost."""

    seconds: float = 60.0
    """Of the processor."""
    memory_bytes: int = 1 << 30
    stopped_seconds: float = 60.0
    """Of the clock, without any of the processor's."""


@dataclass(frozen=True)
class Outcome:
    """How one file ended."""

    kind: str
    """``summary`` and ``error`` are good; ``WRONG``, ``TRACEBACK``, ``HANG``, ``CRASH`` and ``MEMORY`` are not."""
    message: str
    seconds: float
    """Of the processor."""
    memory_bytes: int


class WatchedChild:
    """Runs `tests.fuzz.child`, and starts another one after each end."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def run(self, path: Path) -> Outcome:
        """Summarise one file."""
        process = self._started()
        assert process.stdin is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        return self._wait(process)

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  # Closed by `_end`.
            # A session of its own, so that its ffmpeg can be ended with it.
            self._process = subprocess.Popen(
                [sys.executable, *CHILD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                text=True,
                start_new_session=True,
                cwd=Path(__file__).resolve().parents[2],
            )
            ready = self._wait(self._process)
            if ready.kind != "ready":
                raise RuntimeError(f"the child did not start: {ready}")
        return self._process

    def _wait(self, process: subprocess.Popen[str]) -> Outcome:
        assert process.stdout is not None
        began, largest, seconds, moved = _tree(process.pid)[1], 0, 0.0, time.monotonic()
        while True:
            readable, _, _ = select.select([process.stdout], [], [], _LOOK_SECONDS)
            resident, used = _tree(process.pid)
            largest = max(largest, resident)
            if used - began > seconds:
                seconds, moved = used - began, time.monotonic()
            if readable:
                line = process.stdout.readline()
                if not line:
                    return self._fallen("CRASH", f"status {process.wait()}: {self._last_words()}", seconds, largest)
                answer = json.loads(line)
                kind, message = answer["outcome"], answer.get("message", "")
                if largest > self._bounds.memory_bytes:
                    kind = "MEMORY"
                return Outcome(kind, message, seconds, largest)
            if seconds > self._bounds.seconds or time.monotonic() - moved > self._bounds.stopped_seconds:
                return self._fallen("HANG", f"after {seconds:.0f} s of the processor", seconds, largest)
            if largest > self._bounds.memory_bytes:
                return self._fallen("MEMORY", f"{largest >> 20} MiB", seconds, largest)

    def _fallen(self, kind: str, message: str, seconds: float, largest: int) -> Outcome:
        self._end()
        return Outcome(kind, message, seconds, largest)

    def _last_words(self) -> str:
        self._said.seek(0)
        return self._said.read()[-2000:]

    def _end(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._said.close()
            self._process = None


def _tree(root: int) -> tuple[int, float]:
    """Resident bytes of a process and its descendants, and the processor's seconds that they and ended ones took."""
    total, ticks, waiting = 0, 0, [root]
    while waiting:
        pid = waiting.pop()
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except (OSError, IndexError):
            continue
    return total, ticks / _TICKS
