"""Being told to stop: SIGINT (Ctrl-C), SIGTERM (a service manager, `docker stop`) and SIGHUP (a closed terminal).

The first of them becomes an exception, so that every `with` and `finally` on the way does its work; later ones change
nothing. Python drops what is raised inside a destructor or a callback from C, and would print a traceback of it, so the
signal is remembered as well, and asked for wherever progress is told. Steps that belong together are not broken off
between each other.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
"""The last does not exist everywhere."""

_SHELL_OFFSET = 128
"""A shell reports a process that a signal ended as this plus the signal's number."""


class StoppedBySignal(BaseException):
    """A signal asked the process to end; not an `Exception`, so that nothing carries on past it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = _SHELL_OFFSET + number


class _State:
    """What the handler and the main thread tell each other."""

    number: int | None = None
    """Of the signal that came."""
    deferred = 0
    """How many blocks that may not be broken off the main thread is in."""


def raise_if_stopped() -> None:
    """Leave by a `StoppedBySignal` if a signal has come and `stopped_by_signals` is in force."""
    if _State.number is not None and not _State.deferred and threading.current_thread() is threading.main_thread():
        raise StoppedBySignal(_State.number)


def is_stopping() -> bool:
    """Whether a signal has come while `stopped_by_signals` is in force."""
    return _State.number is not None


@contextmanager
def stop_deferred() -> Iterator[None]:
    """Inside the block a signal is only remembered; for a few quick steps that are done all or none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopping_already = _State.number is not None
    _State.deferred += 1
    try:
        yield
    finally:
        _State.deferred -= 1
    if not stopping_already:
        raise_if_stopped()


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Inside the block the signals raise `StoppedBySignal`, once; one that was ignored (nohup) stays ignored.

    For the main thread, which is the one that Python hands signals to, of a process that ends with the block: after it,
    and once a signal has come, all are ignored, so that they do not break off the clearing up.
    """
    known = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    handled = [number for number in known if signal.getsignal(number) != signal.SIG_IGN]

    def stop(number: int, _: FrameType | None) -> None:
        for other in handled:
            signal.signal(other, signal.SIG_IGN)
        _State.number = number
        raise_if_stopped()

    tell = sys.unraisablehook

    def tell_others(dropped: sys.UnraisableHookArgs) -> None:
        if not issubclass(dropped.exc_type, StoppedBySignal):
            tell(dropped)

    sys.unraisablehook = tell_others
    for number in handled:
        signal.signal(number, stop)
    try:
        yield
        raise_if_stopped()
    finally:
        sys.unraisablehook = tell
        for number in handled:
            signal.signal(number, signal.SIG_IGN)
