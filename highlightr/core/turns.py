"""Taking turns in folders: what several files have to agree in is put there by one process or thread at a time.

The lock is on the folder itself, so that nothing is left in it, and the system frees it however its holder ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

with suppress(ImportError):  # Windows has no locks of folders.
    import fcntl


@contextmanager
def turn_in(folders: Iterable[Path]) -> Iterator[None]:
    """Hold an exclusive lock on each of these folders, once no other process or thread does; missing ones are skipped.

    Where the system has no such locks, as in some network folders, there is no waiting.
    """
    with ExitStack() as held:
        # All processes take them in one order, or two could wait for each other.
        for folder in sorted({folder.resolve() for folder in folders}):
            with suppress(OSError, NameError):
                _lock(folder, held)
        yield


def _lock(folder: Path, held: ExitStack) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    held.callback(os.close, descriptor)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
