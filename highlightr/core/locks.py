"""Locks between processes that the system frees when their holder ends, however it ends.

In: a file that stands for what is guarded. Out: whether this process holds it. The file stays: removing it would let
two processes lock two files of one name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["claimed", "try_lock"]


def try_lock(descriptor: int) -> bool:
    """Lock an open file for this process without waiting; whether that succeeded. Closing the file frees it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Try to lock the file at `path`, made if need be; the value says whether it is held inside the block.

    Raises:
        OSError: the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        yield try_lock(file.fileno())
