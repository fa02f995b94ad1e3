"""A worker process of the local engine: jobs come in on stdin, what happens goes out on stdout, as lines of JSON.

It ends when stdin closes, and takes its own children along, so that no worker outlives its parent however that ended.
What libraries print cannot disturb the talk: both streams are moved to descriptors of the worker's own first.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from highlightr.batch.jobs import Job
from highlightr.batch.options import BatchOptions
from highlightr.batch.output_dir import OutputDir
from highlightr.batch.time_limit import TimeLimit
from highlightr.batch.work import JobRunner, ModelsUnusableError
from highlightr.core.allocator import share_arenas

TELL_SECONDS = 0.2
"""Progress is told at most so often."""

GRACE_SECONDS = 60.0
"""How long after the parent should have ended a hung worker it ends itself: then the parent is gone."""

Lines = queue.SimpleQueue[str]


def main() -> None:
    """Serve until stdin closes, or until something unexpected happened; the process ends with it."""
    share_arenas()
    orders, answers = _own_streams()
    lines: Lines = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders, lines), daemon=True).start()
    send = _MessageWriter(answers)
    send(kind="hello")
    try:
        _serve(json.loads(lines.get()), lines, send)
    finally:
        # Not an ordinary exit: the listening thread sits in a read that an interpreter in its shutdown trips over.
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _own_streams() -> tuple[IO[str], IO[str]]:
    """The talk with the parent, on descriptors that no child inherits; stdin is empty and stdout joins stderr."""
    orders = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return orders, answers


def _listen(orders: IO[str], lines: Lines) -> None:
    """Pass on what the parent says; when it closes the line, or dies, end at once with every child."""
    for line in orders:
        lines.put(line)
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


class _MessageWriter:
    """Sends messages; progress at most every `TELL_SECONDS`, and the beginning of each stage always."""

    def __init__(self, answers: IO[str]) -> None:
        self._answers = answers
        self._stage, self._told = "", 0.0
        self.on_progress: Callable[[], None] = lambda: None

    def __call__(self, **message: Any) -> None:
        self._answers.write(json.dumps(message) + "\n")
        self._answers.flush()

    def progress(self, stage: str, completed: float, total: float) -> None:
        """A progress hook."""
        now = time.monotonic()
        if stage == self._stage and now < self._told + TELL_SECONDS:
            return
        self._stage, self._told = stage, now
        self(kind="progress", stage=stage, completed=completed, total=total)
        self.on_progress()


def _serve(settings: Mapping[str, Any], lines: Lines, send: _MessageWriter) -> None:
    options = BatchOptions(**settings["options"])
    output_dir = OutputDir(Path(settings["output"]))
    work = JobRunner(output_dir, options, device=settings["device"], progress=send.progress)
    time_limit = TimeLimit.of(options)

    def progressed() -> None:
        time_limit.progressed()
        time_limit.end_process_when_exceeded(GRACE_SECONDS)

    send.on_progress = progressed
    while True:
        job = Job(**json.loads(lines.get()))
        time_limit.start()
        progressed()
        try:
            outcome = work(job)
        except ModelsUnusableError as error:
            cause = error.__cause__
            send(kind="unusable", error=str(cause), error_class=type(cause).__name__)
            return
        except Exception as error:  # noqa: BLE001  (whatever it was, the job failed and this process must end)
            send(kind="crash", error=" ".join(f"{type(error).__name__}: {error}".split()))
            return
        time_limit.cancel()
        send(kind="outcome", outcome=asdict(outcome))
