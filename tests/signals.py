"""What a test that sends signals to a process of its own needs."""

from __future__ import annotations

import signal

__all__ = ["as_in_a_terminal"]


def as_in_a_terminal() -> None:
    """For `preexec_fn`: Ctrl-C works, although a shell that runs the tests in its background has it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
