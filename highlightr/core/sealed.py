"""Sealed files: a payload followed by its SHA-256, so that a damaged one is noticed and can be made again.

In: a path and a payload, or what writes it. Out: the payload, or `None`. What lies in a folder of them is listed, dated
and removed here.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from highlightr.core.errors import OutputError
from highlightr.core.files import remove_abandoned, whole_file, write_whole
from highlightr.core.folders import make_folder
from highlightr.core.outputs import writing_to

logger = logging.getLogger(__name__)

_SEAL_BYTES = hashlib.sha256().digest_size
_BLOCK_BYTES = 2**20


def read_sealed(path: Path) -> bytes | None:
    """The payload of a sealed file, or `None` if the file is absent, unreadable or damaged."""
    with open_sealed(path) as file:
        return None if file is None else file.read()[:-_SEAL_BYTES]


def is_sealed(path: Path) -> bool:
    """Whether a sealed file is there and whole, told without holding it in memory."""
    with open_sealed(path) as file:
        return file is not None


def _is_whole(file: BinaryIO) -> bool:
    digest = hashlib.sha256()
    left = os.fstat(file.fileno()).st_size - _SEAL_BYTES
    while left > 0 and (block := file.read(min(left, _BLOCK_BYTES))):
        digest.update(block)
        left -= len(block)
    return left == 0 and file.read() == digest.digest()


@contextmanager
def open_sealed(path: Path) -> Iterator[BinaryIO | None]:
    """A sealed file open at its beginning, or `None` as for `read_sealed`; the payload is not held in memory."""
    try:
        file = path.open("rb")
    except OSError:
        yield None
        return
    with file:
        try:
            whole = _is_whole(file)
            file.seek(0)
        except OSError:  # A folder opens, and cannot be read.
            whole = False
        yield file if whole else None


def write_sealed(path: Path, payload: bytes) -> None:
    """Write a payload and its seal; a reader, or a second writer, never sees half a file.

    Raises:
        OutputError: the folder cannot be made or written.
    """
    write_whole(path, payload, hashlib.sha256(payload).digest())


def seal_written(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """The same for a payload that is written piece by piece, and need not fit into memory; errors as for that."""
    make_folder(path.absolute().parent)
    with whole_file(path, overwrite=True) as partial, writing_to(path), partial.open("x+b") as file:
        write(file)
        file.seek(0)
        seal = hashlib.file_digest(file, "sha256").digest()
        file.seek(0, os.SEEK_END)
        file.write(seal)


@dataclass(frozen=True)
class SealedFile:
    """One sealed file of a folder."""

    path: Path
    size_bytes: int
    used_at: float
    """When it was last written or marked as used, seconds since 1970."""


def sealed_files(folder: Path, suffix: str) -> list[SealedFile]:
    """The files that end with a suffix, most recently used first, without what another process removes meanwhile."""
    found = []
    for path in folder.glob(f"*{suffix}"):
        with suppress(OSError):
            status = path.stat()
            found.append(SealedFile(path, status.st_size, status.st_mtime))
    return sorted(found, key=lambda each: -each.used_at)


def clear_sealed(folder: Path, suffix: str) -> tuple[int, int]:
    """Remove the files that end with a suffix, and what killed processes left; (number of files, bytes) that went.

    Raises:
        OutputError: a file cannot be removed.
    """
    gone = sealed_files(folder, suffix)
    for each in gone:
        try:
            each.path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{each.path}: cannot be removed ({error.strerror or error})") from error
    remove_abandoned(folder)
    return len(gone), sum(each.size_bytes for each in gone)


def mark_used(path: Path) -> None:
    """Date a file to now."""
    try:
        os.utime(path)
    except OSError:
        logger.debug("%s was read, but its time of use cannot be set", path)


def remove_file(path: Path) -> None:
    """Remove a file that may be gone already; one that cannot be removed costs only a note in the log."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.info("%s cannot be removed: %s", path, error.strerror or error)
