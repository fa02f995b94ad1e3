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
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from highlightr.batch.jobs import Job
from highlightr.batch.options import BatchOptions
from highlightr.batch.output_dir import OutputDir
from highlightr.batch.work import JobRunner, ModelsUnusableError
from highlightr.core.allocator import share_arenas

GRACE_SECONDS = 60.0
"""How long after the parent should have ended a hung worker it ends itself: then the parent is gone."""

Lines = queue.SimpleQueue[str]


def main() -> None:
    """Serve until stdin closes, or until something unexpected happened; the process ends with it."""
    share_arenas()
    orders, answers = _own_streams()
    lines: Lines = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders, lines), daemon=True).start()

    def send(**message: Any) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

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


def _serve(settings: Mapping[str, Any], lines: Lines, send: Callable[..., None]) -> None:
    def tell(stage: str, completed: float, total: float) -> None:
        send(kind="progress", stage=stage, completed=completed, total=total)

    output_dir, options = OutputDir(Path(settings["output"])), BatchOptions(**settings["options"])
    work = JobRunner(output_dir, options, settings["device"], tell, GRACE_SECONDS)
    while True:
        job = Job(**json.loads(lines.get()))
        try:
            outcome = work(job)
        except ModelsUnusableError as error:
            cause = error.__cause__
            send(kind="unusable", error=str(cause), error_class=type(cause).__name__)
            return
        except Exception as error:  # noqa: BLE001  (whatever it was, the job failed and this process must end)
            send(kind="crash", error=" ".join(f"{type(error).__name__}: {error}".split()))
            return
        send(kind="outcome", outcome=asdict(outcome))
