"""The local engine: worker processes of this machine, each with one job at a time and its models loaded once.

In: jobs. Out: their outcomes, told to a recorder. The parent never decodes. A worker that crashes, hangs or exceeds its
time loses its own video only: it is replaced, and after a crash the video is tried again in a fresh process.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from highlightr.batch.jobs import Attempt, Job, JobResult
from highlightr.batch.options import BatchOptions
from highlightr.batch.output_dir import OutputDir
from highlightr.batch.process import Inbox, Message, Placement, WorkerProcess, place_workers
from highlightr.batch.progress import ResultRecorder
from highlightr.batch.time_limit import TimeLimit
from highlightr.batch.watch import FolderWatch
from highlightr.core import errors
from highlightr.core.config import from_plain
from highlightr.core.errors import HighlightrError

TICK_SECONDS = 0.25
MAX_STARTUP_FAILURES = 3
"""So many workers in a row that end before they could say a word: there is no use in more."""


def run_locally(
    jobs: Sequence[Job],
    output_dir: OutputDir,
    options: BatchOptions,
    recorder: ResultRecorder,
    feed: FolderWatch | None = None,
) -> None:
    """Do all jobs; errors of one of them are its outcome. With a feed, go on with what it brings until stopped.

    Raises:
        ConfigError, WeightsError: the device or the preset cannot be used.
        HighlightrError: no worker can be started.
    """
    placements = place_workers(options.device, options.workers)
    if feed is None:
        placements = placements[: max(1, len(jobs))]
    pool = _WorkerPool(jobs, placements, output_dir, options, recorder, feed)
    try:
        pool.run()
    finally:
        pool.stop()


@dataclass
class _WorkerSlot:
    """A place for a worker, and what the worker in it is doing."""

    placement: Placement
    time_limit: TimeLimit
    worker: WorkerProcess | None = None
    spoke: bool = False
    doing: Attempt | None = None
    ended_for: str = ""
    """Why we ended the worker ourselves."""


class _WorkerPool:
    def __init__(
        self,
        jobs: Sequence[Job],
        placements: Sequence[Placement],
        output_dir: OutputDir,
        options: BatchOptions,
        recorder: ResultRecorder,
        feed: FolderWatch | None,
    ) -> None:
        self._output_dir, self._options, self._recorder, self._feed = output_dir, options, recorder, feed
        self._waiting = deque(map(Attempt, jobs))
        limits = (options.time_limit_seconds, options.stall_seconds)
        self._slots = [_WorkerSlot(placement, TimeLimit(*limits)) for placement in placements]
        self._inbox: Inbox = queue.Queue()
        self._startup_failures = 0

    def run(self) -> None:
        while self._feed or self._waiting or any(slot.doing for slot in self._slots):
            if self._feed is not None:
                jobs = self._feed.take()
                self._recorder.told_of(jobs)
                self._waiting.extend(map(Attempt, jobs))
            for slot in self._slots:
                self._fill(slot)
            with suppress(queue.Empty):
                self._take(*self._inbox.get(timeout=TICK_SECONDS))
            for slot in self._slots:
                self._check_time(slot)
            self._recorder.ticked()

    def stop(self) -> None:
        """End every worker, and remove what those in the middle of a job left."""
        for slot in self._slots:
            if slot.worker is not None:
                slot.worker.end()
        if any(slot.doing for slot in self._slots):
            self._output_dir.sweep()

    def _fill(self, slot: _WorkerSlot) -> None:
        """Give the next job to a worker that has none."""
        ready = next((one for one in self._waiting if one.not_before <= time.monotonic()), None)
        if slot.doing is not None or ready is None:
            return
        if slot.worker is None:
            slot.worker = WorkerProcess(slot.placement, self._output_dir, self._options, self._inbox)
            slot.spoke = False
        self._waiting.remove(ready)
        slot.doing, slot.ended_for = ready, ""
        slot.time_limit.start()
        slot.worker.give(ready.job)
        self._recorder.progress.start(ready.job, slot.placement.name, slot.worker.pid)

    def _take(self, worker: WorkerProcess, message: Message | None) -> None:
        slot = next((slot for slot in self._slots if slot.worker is worker), None)
        if slot is None:  # The last words of a worker that was replaced.
            return
        if message is None:
            self._ended(slot, worker)
            return
        slot.spoke, self._startup_failures = True, 0
        slot.time_limit.progressed()
        if message["kind"] == "progress" and slot.doing:
            self._recorder.progress.advance(slot.doing.job, message["stage"], message["completed"], message["total"])
        elif message["kind"] == "outcome" and slot.doing:
            self._answered(slot, from_plain(JobResult, message["outcome"], "a job's result"))
        elif message["kind"] == "crash":
            slot.ended_for = message["error"]
        elif message["kind"] == "unusable":
            raise getattr(errors, message["error_class"], HighlightrError)(message["error"])

    def _answered(self, slot: _WorkerSlot, outcome: JobResult) -> None:
        done, slot.doing = slot.doing, None
        assert done is not None and slot.worker is not None
        slot.worker.forget_words()
        if outcome.state == "busy":
            self._recorder.progress.requeue(done.job)
            self._waiting.append(done.later())
            return
        seconds = round(outcome.seconds + done.seconds, 3)
        self._recorder.finished(replace(outcome, attempts=done.number, seconds=seconds))

    def _ended(self, slot: _WorkerSlot, worker: WorkerProcess) -> None:
        """A worker has ended, by itself or because we ended it; its job is tried again in another, or has failed."""
        why = slot.ended_for or worker.exit_reason()
        worker.end()  # Its children may live on.
        self._startup_failures += not slot.spoke
        slot.worker = None
        if self._startup_failures >= MAX_STARTUP_FAILURES:
            raise HighlightrError(f"no worker can be started: {why}")
        lost, slot.doing = slot.doing, None
        seconds = time.monotonic() - slot.time_limit.began
        if lost is not None and lost.number <= self._options.retries:
            self._recorder.progress.requeue(lost.job)
            self._waiting.append(lost.again(seconds))
        elif lost is not None:
            self._output_dir.sweep()
            self._recorder.finished(lost.given_up(why, seconds))

    def _check_time(self, slot: _WorkerSlot) -> None:
        """End a worker that hangs or has had its time; such a video is not tried again."""
        late = slot.doing
        if late is None or slot.worker is None or (reason := slot.time_limit.exceeded()) is None:
            return
        slot.worker.end()
        slot.worker, slot.doing = None, None
        self._output_dir.sweep()
        self._recorder.finished(late.failed(reason, time.monotonic() - slot.time_limit.began))
