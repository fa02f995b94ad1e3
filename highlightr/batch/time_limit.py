"""How long one video may take, the same for every engine: a limit on the whole, and one on silence.

In: when work began and when it last told of progress. Out: whether its time is up, and why; or the end of the process
itself, where the one who watches it may be gone.
"""

from __future__ import annotations

import faulthandler
import time
from dataclasses import dataclass


@dataclass
class TimeLimit:
    """The clock of one job."""

    limit_seconds: float | None
    """Longest time for the whole job; `None`: none."""
    stall_seconds: float
    """Longest time without progress."""
    began: float = 0.0
    """When the job began, by `time.monotonic`."""
    last_progress: float = 0.0
    """When it last told of progress."""

    def start(self) -> None:
        """A job begins now."""
        self.began = self.last_progress = time.monotonic()

    def progressed(self) -> None:
        """It goes on."""
        self.last_progress = time.monotonic()

    def exceeded(self) -> str | None:
        """Why the job has to end now, in words for a person; `None` while its time is not up."""
        now = time.monotonic()
        if self.limit_seconds is not None and now - self.began > self.limit_seconds:
            return f"not done within {self.limit_seconds:g} s; raise --time-limit, or leave this video out"
        if now - self.last_progress > self.stall_seconds:
            return f"no progress for {self.stall_seconds:g} s: it hangs; leave this video out"
        return None

    def end_process_when_exceeded(self, grace_seconds: float = 0.0) -> None:
        """End this process when the time is up, even if a library holds the interpreter's lock by then.

        Call it again after each sign of progress; `cancel` once the job is over.
        """
        left = self.last_progress + self.stall_seconds - time.monotonic()
        if self.limit_seconds is not None:
            left = min(left, self.began + self.limit_seconds - time.monotonic())
        faulthandler.dump_traceback_later(max(left + grace_seconds, 0.01), exit=True, file=2)

    @staticmethod
    def cancel() -> None:
        """The process need not end any more."""
        faulthandler.cancel_dump_traceback_later()
