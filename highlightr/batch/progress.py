"""Where a batch stands: what is done, kept, failed and running, how fast it goes and how long it will take.

In: what an engine tells. Out: a `BatchProgress`, given to a hook. Times are wall seconds unless a name says otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from highlightr.batch.jobs import Job, JobResult


class JobListener(Protocol):
    """What an engine tells."""

    def started(self, job: Job, where: str, pid: int) -> None:
        """A worker took a job."""

    def progressed(self, job: Job, stage: str, completed: float, total: float) -> None:
        """A stage has done `completed` of `total`."""

    def requeued(self, job: Job) -> None:
        """A job that was started waits again."""

    def finished(self, outcome: JobResult) -> None:
        """A job is done, was kept or has failed."""

    def ticked(self) -> None:
        """Some time has passed."""


class JobFeed(Protocol):
    """What brings further jobs while others run."""

    def take(self) -> Sequence[Job]:
        """Those that are ready and were not brought yet; asked a few times a second."""


@dataclass
class RunningJob:
    """A job in the hands of a worker."""

    job: Job
    where: str
    """The worker's device."""
    pid: int
    """The worker's process, 0 where it is not known."""
    stage: str = ""
    share: float = 0.0
    """Of the stage, in [0, 1]."""
    since: float = field(default_factory=time.monotonic)


class BatchProgress:
    """Counts what happens."""

    def __init__(self, total: int, *, watching: bool = False) -> None:
        self.total, self.watching = total, watching
        """Jobs that are known of, and whether more may come."""
        self.done = self.kept = self.no_match = self.failed = 0
        self.last: JobResult | None = None
        """The outcome that was told last."""
        self.running: dict[str, RunningJob] = {}
        self.video_seconds = 0.0
        """Length of the videos that were done now."""
        self._began = time.monotonic()

    def start(self, job: Job, where: str, pid: int) -> None:
        """A worker took a job."""
        self.running[job.id] = RunningJob(job, where, pid)

    def advance(self, job: Job, stage: str, completed: float, total: float) -> None:
        """A stage of a running job went on."""
        if job.id in self.running:
            one = self.running[job.id]
            one.stage, one.share = stage, min(1.0, completed / total) if total > 0 else 0.0

    def finish(self, outcome: JobResult) -> None:
        """A job ended."""
        self.last = outcome
        self.running.pop(outcome.job.id, None)
        self.done += outcome.state == "done"
        self.kept += outcome.state == "kept"
        self.no_match += outcome.state == "no_match"
        self.failed += outcome.state == "failed"
        self.video_seconds += outcome.video_seconds if outcome.state == "done" else 0.0

    @property
    def finished(self) -> int:
        """Jobs that ended, however."""
        return self.done + self.kept + self.no_match + self.failed

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    @property
    def speed(self) -> float:
        """Seconds of video done per second."""
        return self.video_seconds / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """If the rest takes as long per job as those that were worked on; `None` before the first is done."""
        worked = self.done + self.no_match + self.failed
        return self.seconds / worked * (self.total - self.finished) if worked else None


BatchProgressHook = Callable[[BatchProgress], None]
"""Called whenever something happened, and a few times a second."""
