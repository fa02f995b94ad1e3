"""Where a batch stands: what is done, kept, failed and running, how fast it goes and how long it will take.

In: what an engine tells a `ResultRecorder`. Out: a `BatchProgress`, given to a hook, and the results, written down as
they come. Times are wall seconds unless a name says otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from highlightr.batch.jobs import Job, JobResult
from highlightr.batch.output_dir import OutputDir
from highlightr.batch.results import Results
from highlightr.core.errors import OutputError
from highlightr.core.stop import raise_if_stopped

PUBLISH_SECONDS = 30.0
"""How often the index page is renewed while videos are worked on."""


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
        """A stage of a running job has done `completed` of `total`."""
        if job.id in self.running:
            one = self.running[job.id]
            one.stage, one.share = stage, min(1.0, completed / total) if total > 0 else 0.0

    def requeue(self, job: Job) -> None:
        """A job that was started waits again, or is over."""
        self.running.pop(job.id, None)

    def finish(self, outcome: JobResult) -> None:
        """A job ended."""
        self.last = outcome
        self.requeue(outcome.job)
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


class ResultRecorder:
    """Writes down what an engine tells, and shows the progress, which engines count up themselves, to its hook."""

    def __init__(self, output_dir: OutputDir, progress: BatchProgress, hook: BatchProgressHook | None) -> None:
        self._output_dir, self.progress, self._hook = output_dir, progress, hook
        self.results = Results(output_dir)
        self.outcomes: dict[str, JobResult] = {}
        self._jobs: list[Job] = []
        """Whose folders are not remembered yet."""
        self._published, self._unpublished = time.monotonic(), False

    def told_of(self, jobs: Sequence[Job]) -> None:
        """These jobs will be done. A watch remembers their folders before they are worked on.

        Until they are, the next plan could give a video that appears meanwhile the folder of one of them.
        """
        self._jobs += jobs
        if self.progress.watching and jobs:
            self.progress.total += len(jobs)
            self._remember()

    def _remember(self) -> None:
        with suppress(OutputError):  # A disk that is full now may have room when the next one is finished.
            self._output_dir.remember_folders(self._jobs)
            self._jobs.clear()

    def finished(self, outcome: JobResult) -> None:
        """A job is done, was kept or has failed."""
        self.outcomes[outcome.job.id] = outcome
        if self._jobs:
            self._remember()
        self.results.add(outcome)
        self.progress.finish(outcome)
        self._unpublished = True
        self.ticked()

    def ended(self) -> None:
        """All was done: what was made and is not there any more, as where the output folder was removed, has failed."""
        for job_id, outcome in self.outcomes.items():
            if outcome.state in ("done", "kept") and not self._output_dir.sizes(outcome.job):
                error = "its summary was removed while the batch ran; run it again"
                self.outcomes[job_id] = JobResult(outcome.job, "failed", seconds=outcome.seconds, error=error)
                self.results.add(self.outcomes[job_id])

    def ticked(self) -> None:
        """Some time has passed."""
        raise_if_stopped()
        if self.progress.watching and self._unpublished:
            self._publish()
        if self._hook is not None:
            self._hook(self.progress)

    def _publish(self) -> None:
        """Renew the index page when nothing runs, or now and then: with thousands of videos it takes a second."""
        now = time.monotonic()
        if not self.progress.running or now > self._published + PUBLISH_SECONDS:
            with suppress(OutputError):  # The next one may find room.
                self.results.close()
            self._published, self._unpublished = now, False
