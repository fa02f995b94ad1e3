"""Locks between processes."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from highlightr.core.folders import make_folder
from highlightr.core.outputs import unwritable


@contextmanager
def file_lock(path: Path, wait_seconds: float = 0.0) -> Iterator[bool]:
    """Lock the file at `path` against other processes, made if need be; the value says whether it is held.

    The system frees it when its holder ends, however it ends. The file stays: removing it would let two processes lock
    two files of one name.

    Raises:
        OutputError: the file cannot be made or locked.
    """
    make_folder(path.parent)
    lock: BaseFileLock | None = None
    try:
        lock = acquired(path, wait_seconds)
    except Timeout:
        pass
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.release()


def acquired(path: Path, wait_seconds: float) -> BaseFileLock:
    """A lock that is held; in a network folder that knows no locks, a file beside it that its holder removes."""
    lock: BaseFileLock = FileLock(path, timeout=wait_seconds)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):
            raise
        # Of a holder that died on this machine it is taken over.
        lock = SoftFileLock(f"{path}.held", timeout=wait_seconds)
        lock.acquire()
    return lock
