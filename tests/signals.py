"""What tests of signals, and tests that run the command line inside their own process, need."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


def as_in_a_terminal() -> None:
    """For `preexec_fn`: Ctrl-C works, although a shell that runs the tests in its background has it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def handlers_restored() -> Iterator[None]:
    """The command line ignores signals once its work is over, as its process ends then; this one goes on."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    caught = {number: signal.getsignal(number) for name in names if (number := getattr(signal, name, None)) is not None}
    try:
        yield
    finally:
        for number, handler in caught.items():
            signal.signal(number, handler)
