"""Where workers run, and one as its parent sees it: started, spoken to, listened to, and ended with all its children.

In: jobs. Out: messages in a queue that all workers share, each with the worker it came from; `None` when it has ended.
There is one process per GPU, or as many as keep a CPU's cores busy. A GPU is given by the environment, so that every
library in the worker sees that one device and no other.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from highlightr.batch.jobs import Job
from highlightr.batch.options import BatchOptions
from highlightr.batch.output_dir import OutputDir
from highlightr.core.device import core_count, cuda_device_count, resolve_device

CORES_PER_WORKER = 2
"""Decoding and the models of one video keep about two cores busy."""


@dataclass(frozen=True)
class Placement:
    """Where one worker runs."""

    device: str
    """``cpu``, or ``cuda``, which is the only device that this worker sees."""
    name: str
    """For people: ``cpu``, ``cuda:1``."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What is added to the worker's environment."""


def place_workers(device: str, workers: int | None) -> tuple[Placement, ...]:
    """A placement per worker, by default one per GPU or per two cores; more workers than GPUs share them in turn.

    Raises:
        ConfigError: an unknown device, or CUDA on a machine that has none.
    """
    if resolve_device(device) == "cpu":
        count = workers or max(1, core_count() // CORES_PER_WORKER)
        threads = str(max(1, core_count() // count))
        # Each library would start a thread per core in every worker; a caller's own setting stays.
        own = {} if count == 1 or "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": threads}
        return tuple(Placement("cpu", "cpu", own) for _ in range(count))
    # What `CUDA_VISIBLE_DEVICES` calls each device; the driver counts only those that it names.
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    names = named[: cuda_device_count()] or [str(index) for index in range(cuda_device_count())]
    chosen = [(index % len(names)) for index in range(workers or len(names))]
    return tuple(Placement("cuda", f"cuda:{index}", {"CUDA_VISIBLE_DEVICES": names[index]}) for index in chosen)


# The parent's own search path, so that the worker runs the same highlightr however that was found; the folder in which
# the user happens to be is not added to it.
_PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from highlightr.batch.worker import main; main()"

EXIT_WAIT_SECONDS = 10.0

Message = Mapping[str, Any]
Inbox = queue.Queue[tuple["WorkerProcess", Message | None]]


class WorkerProcess:
    """A running worker."""

    def __init__(self, placement: Placement, output_dir: OutputDir, options: BatchOptions, inbox: Inbox) -> None:
        self._stderr: IO[bytes] = tempfile.TemporaryFile("a+b")  # noqa: SIM115  (lives as long as the worker)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            encoding="utf-8",
            env={**os.environ, **placement.environment},
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(inbox,), daemon=True).start()
        self._send({"output": str(output_dir.root), "options": asdict(options), "device": placement.device})

    @property
    def pid(self) -> int:
        """Of the process, and of the group of all its children."""
        return self._process.pid

    def give(self, job: Job) -> None:
        """Hand over a job; a worker that has ended meanwhile is told of by its inbox."""
        self._send(asdict(job))

    def forget_words(self) -> None:
        """Drop what stderr holds of a job that is over: it does not say why a later one ends.

        Not when a job is given, because a worker that failed while it started has said why by then.
        """
        self._stderr.truncate(0)

    def end(self) -> None:
        """Kill the worker and its children, and wait for it a while: one that sits in a dead disk cannot end."""
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(EXIT_WAIT_SECONDS)
        with suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._stderr.close()

    def exit_reason(self) -> str:
        """How the process ended, in words; it has ended or is about to."""
        code = self._process.wait()
        self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - 4096))
        lines = [line.strip() for line in self._stderr.read().decode("utf-8", "replace").splitlines() if line.strip()]
        last = f": {lines[-1][:200]}" if lines else ""
        if code >= 0:
            return f"the worker process ended with status {code}{last}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "unknown"
        return f"the worker process was ended by signal {-code} ({name}){last}"

    def _send(self, message: Message) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def _listen(self, inbox: Inbox) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as answers:
            for line in answers:
                with suppress(ValueError):  # A worker that is killed may leave half a line.
                    inbox.put((self, json.loads(line)))
        inbox.put((self, None))
