"""How long one video may take, the same for every engine: a limit on the whole, and one on silence.

In: when work began and when it last told of progress. Out: whether its time is up, and why; or the end of the process
itself, where the one who watches it may be gone.
"""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class TimeLimit:
    """The clock of one job."""

    limit_seconds: float | None
    """Longest time for the whole job; `None`: none."""
    stall_seconds: float
    """Longest time without progress."""
    grace_seconds: float = 0.0
    """How much longer this process lives, if it is to end itself: the one who watches it ends it first."""
    began: float = 0.0
    """When the job began, by `time.monotonic`."""
    last_progress: float = 0.0
    """When it last told of progress."""
    _ends_itself: bool = False

    def start(self) -> None:
        """A job begins now."""
        self.began = time.monotonic()
        self.progressed()

    def progressed(self) -> None:
        """It goes on."""
        self.last_progress = time.monotonic()
        if self._ends_itself:
            left = self.stall_seconds
            if self.limit_seconds is not None:
                left = min(left, self.began + self.limit_seconds - self.last_progress)
            faulthandler.dump_traceback_later(max(left + self.grace_seconds, 0.01), exit=True, file=2)

    def exceeded(self) -> str | None:
        """Why the job has to end now, in words for a person; `None` while its time is not up."""
        now = time.monotonic()
        if self.limit_seconds is not None and now - self.began > self.limit_seconds:
            return f"not done within {self.limit_seconds:g} s; raise --time-limit, or leave this video out"
        if now - self.last_progress > self.stall_seconds:
            return f"no progress for {self.stall_seconds:g} s: it hangs; leave this video out"
        return None

    @contextmanager
    def ending_this_process(self) -> Iterator[None]:
        """A job begins; this process ends when its time is up, even if a library holds the interpreter's lock then."""
        self._ends_itself = True
        self.start()
        try:
            yield
        finally:
            self._ends_itself = False
            faulthandler.cancel_dump_traceback_later()
