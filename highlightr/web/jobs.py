"""Work that takes long, one piece at a time: analyses and cuts wait in a queue and can be cancelled.

In: a function that takes a hook. Out: a `Job` that pages watch. A job that is cancelled leaves its work at the
next call of its hook.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from highlightr.core.errors import ConfigError, HighlightrError, shortage

logger = logging.getLogger(__name__)

MOST_WAITING = 20
MOST_REMEMBERED = 60
CLOSE_SECONDS = 20.0
"""How long closing waits for a cancelled job to leave."""

State = Literal["queued", "running", "done", "failed", "cancelled"]


class Cancelled(BaseException):
    """The job was cancelled; no `Exception`, so that nothing carries on past it."""


@dataclass
class Job:
    """One piece of work; changed by its worker, shown to pages."""

    id: int
    kind: Literal["analyse", "write"]
    video: str
    "Its identifier."
    title: str
    state: State = "queued"
    stage: str = ""
    completed: float = 0.0
    total: float = 1.0
    error: str = ""
    so_far: Mapping[str, Any] = field(default_factory=dict)
    """What is known while it runs."""
    result: Mapping[str, Any] = field(default_factory=dict)
    cancelling: bool = False

    @property
    def open(self) -> bool:
        """Whether it still waits or runs."""
        return self.state in ("queued", "running")

    def plain(self) -> dict[str, Any]:
        """As pages see it."""
        seen = {name: value for name, value in vars(self).items() if name != "cancelling"}
        return {**seen, "completed": round(self.completed, 2), "total": round(self.total, 2)}


@dataclass(frozen=True)
class JobHook:
    """What work tells its job: how far it has come, as a `ProgressHook`, and what is known already."""

    change: Callable[..., None]

    def __call__(self, stage: str, completed: float, total: float) -> None:
        """As `ProgressHook`; raises `Cancelled`."""
        self.change(stage=stage, completed=completed, total=total)

    def show(self, so_far: Mapping[str, Any]) -> None:
        """What pages can show meanwhile; raises `Cancelled`."""
        self.change(so_far=so_far)


Work = Callable[[JobHook], Mapping[str, Any]]


class JobQueue:
    """Runs jobs on one thread, in the order in which they came."""

    def __init__(self) -> None:
        self.version = 0
        """Grows whenever a page would see something new."""
        self._jobs: list[Job] = []
        self._waiting: queue.SimpleQueue[tuple[Job, Work] | None] = queue.SimpleQueue()
        # A page that outlives a restart must not take a new job for one that it knew.
        self._numbers = itertools.count(time.time_ns() // 1_000)
        self._lock = threading.Lock()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="studio-jobs", daemon=True)
        self._thread.start()

    def add(self, kind: Literal["analyse", "write"], video: str, title: str, work: Work) -> Job:
        """Queue work; the same analysis is not queued twice. A `ConfigError` where too much waits, or this closes."""
        with self._lock:
            unfinished = [job for job in self._jobs if job.open]
            same = (kind, video, title)
            for job in unfinished:
                if kind == "analyse" and (job.kind, job.video, job.title) == same and not job.cancelling:
                    return job
            if len(unfinished) >= MOST_WAITING or self._closing:
                raise ConfigError(f"{MOST_WAITING} jobs wait already; let some finish, or cancel them")
            job = Job(next(self._numbers), kind, video, title)
            self._jobs.append(job)
            finished = [each for each in self._jobs if not each.open]
            for each in finished[: max(len(self._jobs) - MOST_REMEMBERED, 0)]:
                self._jobs.remove(each)
            self._waiting.put((job, work))
            self.version += 1
            return job

    def cancel(self, job_id: int) -> None:
        """Ask a job to leave; one that has finished stays as it is. A `ConfigError` where no such job is known."""
        with self._lock:
            job = next((job for job in self._jobs if job.id == job_id), None)
            if job is None:
                raise ConfigError("this job is not known any more")
            if job.state == "queued":
                job.state = "cancelled"
            job.cancelling = True
            self.version += 1

    def plain(self) -> list[dict[str, Any]]:
        """Every job that is remembered, the oldest first."""
        with self._lock:
            return [job.plain() for job in self._jobs]

    def close(self) -> None:
        """Cancel everything and wait until the running job has left."""
        with self._lock:
            self._closing = True
            for job in self._jobs:
                job.cancelling = True
        self._waiting.put(None)
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        for job, work in iter(self._waiting.get, None):
            with self._lock:
                if job.cancelling:
                    continue
                job.state = "running"
                self.version += 1
            state, error, result = self._outcome(job, work)
            with self._lock:
                job.state, job.error, job.result, job.so_far = state, error, result, {}
                self.version += 1

    def _outcome(self, job: Job, work: Work) -> tuple[State, str, Mapping[str, Any]]:
        try:
            return "done", "", work(JobHook(partial(self._change, job)))
        except Cancelled:
            return "cancelled", "", {}
        except HighlightrError as error:
            return "failed", " ".join(str(error).split()), {}
        except OSError as error:
            why = shortage(error) or f"{error.filename or 'the system'}: {error.strerror or error}"
            return "failed", why, {}
        except MemoryError:
            return "failed", "not enough memory; close other programs, or take a smaller video", {}
        except Exception:
            # A fault of ours in one job must not end the queue for the others.
            logger.exception("%s of %s failed", job.kind, job.video)
            return "failed", "this failed in a way that was not foreseen; the terminal says more", {}

    def _change(self, job: Job, **values: Any) -> None:
        """Change what pages see of a running job; raises `Cancelled` where it is to leave."""
        with self._lock:
            if job.cancelling:
                raise Cancelled
            for name, value in values.items():
                setattr(job, name, value)
            self.version += 1
