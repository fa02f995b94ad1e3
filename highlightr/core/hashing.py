"""Which file this is, and which code: digests of their content.

In: a path. Out: the kind of digest and its hexadecimal value. Files up to 256 MiB are read whole; of larger ones the
size and 16 samples, because reading a two-hour recording once more would cost seconds.
"""

from __future__ import annotations

import hashlib
import os
import threading
from functools import cache, lru_cache
from pathlib import Path

from highlightr.core.errors import MediaError

WHOLE = "sha256"
"""SHA-256 of the whole file, as `sha256sum` prints it."""

SAMPLED = "sha256-sampled-16x1MiB"
"""SHA-256 of the size (8 bytes, little endian) and of 16 blocks of 1 MiB, evenly spaced from first to last byte."""

LARGEST_WHOLE_BYTES = 256 * 2**20
SAMPLE_COUNT = 16
SAMPLE_BYTES = 2**20

_READING = threading.Lock()


def content_hash(path: Path) -> tuple[str, str]:
    """The kind (`WHOLE` or `SAMPLED`) and the digest; a file that did not change is read once per process.

    A thread that asks while another reads waits for it.

    Raises:
        MediaError: the file cannot be read.
    """
    try:
        with _READING:
            return _digest(path.absolute(), _version(path.stat()))
    except OSError as error:
        raise MediaError(f"cannot read {path}: {error.strerror or error}") from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a whole file, of any size; one that did not change is read once per process.

    Raises:
        OSError: the file cannot be read.
    """
    return _sha256(path.absolute(), _version(path.stat()))


def code_digest(*folders: str) -> str:
    """Digest of these folders' code, part of the name of what it makes: what other code made is not used again."""
    return hashlib.sha256("".join(map(_folder_digest, folders)).encode()).hexdigest()


@cache
def _folder_digest(folder: str) -> str:
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for path in sorted((package / folder).rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _version(status: os.stat_result) -> tuple[int, ...]:
    """What differs once a file was written to or replaced."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@lru_cache(maxsize=1024)
def _sha256(path: Path, version: tuple[int, ...]) -> str:
    with path.open("rb") as file:
        if _version(os.fstat(file.fileno())) != version:
            raise OSError("it is being written to")
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=1024)
def _digest(path: Path, version: tuple[int, ...]) -> tuple[str, str]:
    size = version[2]
    if size <= LARGEST_WHOLE_BYTES:
        return WHOLE, _sha256(path, version)
    digest = hashlib.sha256(size.to_bytes(8, "little"))
    with path.open("rb") as file:
        if _version(os.fstat(file.fileno())) != version:
            raise OSError("it is being written to")
        for index in range(SAMPLE_COUNT):
            file.seek((size - SAMPLE_BYTES) * index // (SAMPLE_COUNT - 1))
            digest.update(file.read(SAMPLE_BYTES))
    return SAMPLED, digest.hexdigest()
