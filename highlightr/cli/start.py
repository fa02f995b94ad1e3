"""The entry point: sets Python and NumPy up for a short life, then imports and runs the command line.

Importing makes some 200,000 objects and next to no garbage. With Python's own settings the collector walks over them
hundreds of times, and once more at exit: a fifth of the time of a query on a video seen before. NumPy's BLAS is given
one thread: its products are small here, and more threads wait for them in a loop, on cores that decode and infer.
"""

from __future__ import annotations

import atexit
import codecs
import gc
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from highlightr.core.allocator import share_arenas
from highlightr.core.stop import StoppedBySignal, stopped_by_signals

_COLLECT_AFTER = 100_000
"""Objects made and not freed before the collector looks for cycles among them; Python's own is 700."""

_BLAS_THREADS = "OPENBLAS_NUM_THREADS"
"""Read when NumPy is imported; torch and onnxruntime have threads of their own."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        # From here on, because what is imported below takes longer than many a run.
        with stopped_by_signals(), _seldom_collecting(), _one_blas_thread():
            from highlightr.cli.app import main as run

            share_arenas()
            _open_what_is_closed()
            _print_all_letters()
            run()
    except StoppedBySignal as stopped:
        with suppress(OSError):  # The terminal may be gone.
            print(f"highlightr: ended by {stopped}; nothing half-written was left", file=sys.stderr, flush=True)
        sys.exit(stopped.exit_code)


def _open_what_is_closed() -> None:
    """Standard streams that the caller closed lead nowhere; the next file that is opened would take their place.

    FFmpeg would write its messages into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # The lowest number that is free: this one.
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def _print_all_letters() -> None:
    """Letters that the terminal's encoding lacks are printed as ``\\u201c``, which JSON reads, too."""
    codecs.register_error("highlightr-escape", _escaped)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="highlightr-escape")


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)), error.end


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER, *before[1:])
    # What lives until the end need not be searched for garbage then.
    atexit.register(gc.freeze)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Unless the user said how many."""
    if {_BLAS_THREADS, "OMP_NUM_THREADS"} & set(os.environ):
        yield
        return
    os.environ[_BLAS_THREADS] = "1"
    try:
        yield
    finally:
        os.environ.pop(_BLAS_THREADS, None)
