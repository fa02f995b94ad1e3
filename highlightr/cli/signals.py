"""Being told to stop: SIGTERM (a service manager, `docker stop`) and SIGHUP (a closed terminal) unwind as Ctrl-C does.

Python's own answer to both is to end at once, which leaves half-filled staging folders and a running ffmpeg. Here they
become an exception, so that every `with` and `finally` on the way does its work.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = ("SIGTERM", "SIGHUP")
"""The latter does not exist everywhere."""

_SHELL_OFFSET = 128
"""A shell reports a process that a signal ended as this plus the signal's number."""


class Stopped(BaseException):
    """A signal asked the process to end; not an `Exception`, so that nothing carries on past it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = _SHELL_OFFSET + number


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Inside the block the signals raise `Stopped`, once; one that was ignored (nohup) stays ignored.

    For the main thread, which is the one that Python hands signals to.
    """
    known = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    taken = {number: signal.getsignal(number) for number in known if signal.getsignal(number) == signal.SIG_DFL}

    def stop(number: int, _: FrameType | None) -> None:
        for other in taken:  # A second one must not break off the clearing up.
            signal.signal(other, signal.SIG_IGN)
        raise Stopped(number)

    for number in taken:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, before in taken.items():
            signal.signal(number, before)
