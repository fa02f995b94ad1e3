"""Locks between processes: of a file that is made for it, and of folders themselves, in which nothing is left then."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from highlightr.core.folders import make_folder
from highlightr.core.outputs import writing_to

with suppress(ImportError):  # Windows has no locks of folders.
    import fcntl


@contextmanager
def file_lock(path: Path, wait_seconds: float = 0.0) -> Iterator[bool]:
    """Lock the file at `path` against other processes, made if need be; the value says whether it is held.

    The system frees it when its holder ends, however it ends. The file stays: removing it would let two processes lock
    two files of one name.

    Raises:
        OutputError: the file cannot be made or locked.
    """
    make_folder(path.parent)
    with writing_to(path):
        lock = acquired(path, wait_seconds)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            lock.release()


def acquired(path: Path, wait_seconds: float) -> BaseFileLock | None:
    """A lock that is held, `None` if another process holds it all along.

    In a network folder that knows no locks it is a file beside it that its holder removes.
    """
    lock: BaseFileLock = FileLock(path, timeout=wait_seconds)
    with suppress(Timeout):
        try:
            lock.acquire()
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):
                raise
            # Of a holder that died on this machine it is taken over.
            lock = SoftFileLock(f"{path}.held", timeout=wait_seconds)
            lock.acquire()
        return lock
    return None


@contextmanager
def turn_in(folders: Iterable[Path]) -> Iterator[None]:
    """Hold an exclusive lock on each of these folders, once no other process or thread does; missing ones are skipped.

    The system frees it however its holder ends. Where it has no such locks, as in some network folders, there is no
    waiting.
    """
    with ExitStack() as held:
        # All processes take them in one order, or two could wait for each other.
        for folder in sorted({folder.resolve() for folder in folders}):
            with suppress(OSError, NameError):
                descriptor = os.open(folder, os.O_RDONLY)
                held.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
