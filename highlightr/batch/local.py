"""The local engine: worker processes of this machine, each with one job at a time and its models loaded once.

In: jobs. Out: their outcomes, told to a listener. The parent never decodes. A worker that crashes, hangs or exceeds its
time loses its own video only: it is replaced, and after a crash the video is tried again in a fresh process.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from highlightr.batch.devices import Placement, place_workers
from highlightr.batch.jobs import Job, Outcome
from highlightr.batch.options import BatchOptions
from highlightr.batch.output_dir import OutputPlace
from highlightr.batch.process import Inbox, Message, WorkerProcess
from highlightr.batch.progress import Listener
from highlightr.core import errors
from highlightr.core.errors import HighlightrError

__all__ = ["run_locally"]

TICK_SECONDS = 0.25
BUSY_SECONDS = 1.0
"""How long a job that another run is at rests before it is asked for again."""

MOST_STILLBORN = 3
"""So many workers in a row that end before they could say a word: there is no use in more."""


def run_locally(jobs: Sequence[Job], place: OutputPlace, options: BatchOptions, listener: Listener) -> None:
    """Do all jobs; errors of one of them are its outcome.

    Raises:
        ConfigError, WeightsError: the device or the preset cannot be used.
        HighlightrError: no worker can be started.
    """
    placements = place_workers(options.device, options.workers)[: max(1, len(jobs))]
    pool = _Pool(jobs, placements, place, options, listener)
    try:
        pool.run()
    finally:
        pool.stop()


@dataclass
class _Try:
    job: Job
    attempt: int = 1
    seconds: float = 0.0
    """Spent in attempts before this one."""
    not_before: float = 0.0


@dataclass
class _Slot:
    """One place for a worker, and what the worker in it is doing."""

    placement: Placement
    worker: WorkerProcess | None = None
    spoke: bool = False
    doing: _Try | None = None
    began: float = 0.0
    last_sign: float = 0.0
    ended_for: str = field(default="")
    """Why we ended the worker ourselves."""


class _Pool:
    def __init__(
        self,
        jobs: Sequence[Job],
        placements: Sequence[Placement],
        place: OutputPlace,
        options: BatchOptions,
        listener: Listener,
    ) -> None:
        self._place, self._options, self._listener = place, options, listener
        self._waiting = deque(_Try(job) for job in jobs)
        self._slots = [_Slot(placement) for placement in placements]
        self._inbox: Inbox = queue.Queue()
        self._stillborn = 0

    def run(self) -> None:
        while self._waiting or any(slot.doing for slot in self._slots):
            for slot in self._slots:
                self._fill(slot)
            with suppress(queue.Empty):
                self._take(*self._inbox.get(timeout=TICK_SECONDS))
            for slot in self._slots:
                self._check_time(slot)
            self._listener.ticked()

    def stop(self) -> None:
        """End every worker, and remove what those in the middle of a job left."""
        for slot in self._slots:
            if slot.worker is not None:
                slot.worker.end()
        if any(slot.doing for slot in self._slots):
            self._place.sweep()

    def _fill(self, slot: _Slot) -> None:
        """Give the next job to a worker that has none."""
        ready = next((one for one in self._waiting if one.not_before <= time.monotonic()), None)
        if slot.doing is not None or ready is None:
            return
        if slot.worker is None:
            slot.worker = WorkerProcess(slot.placement, self._place, self._options, self._inbox)
            slot.spoke = False
        self._waiting.remove(ready)
        slot.doing, slot.ended_for = ready, ""
        slot.began = slot.last_sign = time.monotonic()
        slot.worker.give(ready.job)
        self._listener.started(ready.job, slot.placement.name, slot.worker.pid)

    def _take(self, worker: WorkerProcess, message: Message | None) -> None:
        slot = next((slot for slot in self._slots if slot.worker is worker), None)
        if slot is None:  # The last words of a worker that was replaced.
            return
        if message is None:
            self._ended(slot, worker)
            return
        slot.spoke, slot.last_sign, self._stillborn = True, time.monotonic(), 0
        if message["kind"] == "stage" and slot.doing:
            self._listener.advanced(slot.doing.job, message["stage"], message["completed"], message["total"])
        elif message["kind"] == "outcome" and slot.doing:
            self._answered(slot, Outcome.from_json(message["outcome"]))
        elif message["kind"] == "crash":
            slot.ended_for = message["error"]
        elif message["kind"] == "unusable":
            raise getattr(errors, message["error_class"], HighlightrError)(message["error"])

    def _answered(self, slot: _Slot, outcome: Outcome) -> None:
        done, slot.doing = slot.doing, None
        assert done is not None
        if outcome.state == "busy":
            self._listener.waits(done.job)
            self._waiting.append(replace(done, not_before=time.monotonic() + BUSY_SECONDS))
            return
        seconds = round(outcome.seconds + done.seconds, 3)
        self._listener.finished(replace(outcome, attempts=done.attempt, seconds=seconds))

    def _ended(self, slot: _Slot, worker: WorkerProcess) -> None:
        """A worker has ended, by itself or because we ended it."""
        why = slot.ended_for or worker.why_it_ended()
        worker.end()  # Its children may live on.
        self._stillborn += not slot.spoke
        slot.worker = None
        if self._stillborn >= MOST_STILLBORN:
            raise HighlightrError(f"no worker can be started: {why}")
        lost, slot.doing = slot.doing, None
        if lost is not None:
            self._lost(lost, why, time.monotonic() - slot.began)

    def _lost(self, lost: _Try, why: str, seconds: float) -> None:
        """A job lost its worker: it is tried again in another, or has failed."""
        spent = lost.seconds + seconds
        if lost.attempt <= self._options.retries:
            self._listener.waits(lost.job)
            self._waiting.append(_Try(lost.job, lost.attempt + 1, spent))
            return
        tries = f" (tried {lost.attempt} times)" if lost.attempt > 1 else ""
        self._fail(lost, f"{why}{tries}", spent)

    def _fail(self, lost: _Try, why: str, seconds: float) -> None:
        self._place.sweep()
        self._listener.finished(
            Outcome(lost.job, "failed", seconds=round(seconds, 3), error=why, attempts=lost.attempt)
        )

    def _check_time(self, slot: _Slot) -> None:
        """End a worker that hangs or has had its time; such a video is not tried again."""
        late, now = slot.doing, time.monotonic()
        if late is None or slot.worker is None:
            return
        limit, stall = self._options.time_limit_seconds, self._options.stall_seconds
        if limit is not None and now - slot.began > limit:
            why = f"not done within {limit:g} s; raise --time-limit, or leave this video out"
        elif now - slot.last_sign > stall:
            why = f"no progress for {stall:g} s: it hangs; leave this video out"
        else:
            return
        slot.worker.end()
        slot.worker, slot.doing = None, None
        self._fail(late, why, late.seconds + now - slot.began)
