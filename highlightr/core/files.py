"""Where highlightr keeps what outlives a run (weights, compiled models, caches), and how files get there whole.

`home_folder` names the place and creates nothing. A sealed file is a payload followed by its SHA-256, so that a damaged
one is noticed and can be made again; what lies in a folder of them is listed, dated and removed here.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "SealedFile",
    "home_folder",
    "is_sealed",
    "mark_used",
    "read_sealed",
    "remove_file",
    "sealed_files",
    "sweep",
    "write_sealed",
]

logger = logging.getLogger(__name__)

ABANDONED_SECONDS = 24 * 3600.0
"""A file of a writer that was killed is removed once it is this old."""

_SEAL_BYTES = hashlib.sha256().digest_size
_BLOCK_BYTES = 2**20


def home_folder() -> Path:
    """`$HIGHLIGHTR_HOME`, else `$XDG_CACHE_HOME/highlightr`, else `~/.cache/highlightr`.

    Absolute; it need not exist yet. An empty variable counts as unset.
    """
    if chosen := os.environ.get("HIGHLIGHTR_HOME"):
        return Path(chosen).expanduser().absolute()
    if cache := os.environ.get("XDG_CACHE_HOME"):
        return Path(cache).expanduser().absolute() / "highlightr"
    return Path.home() / ".cache" / "highlightr"


def read_sealed(path: Path) -> bytes | None:
    """The payload of a sealed file, or `None` if the file is absent, unreadable or damaged."""
    try:
        sealed = path.read_bytes()
    except OSError:
        return None
    payload, seal = sealed[:-_SEAL_BYTES], sealed[-_SEAL_BYTES:]
    return payload if hashlib.sha256(payload).digest() == seal else None


def is_sealed(path: Path) -> bool:
    """Whether a sealed file is there and whole, told without holding it in memory."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            left = path.stat().st_size - _SEAL_BYTES
            while left > 0 and (block := file.read(min(left, _BLOCK_BYTES))):
                digest.update(block)
                left -= len(block)
            return left == 0 and file.read() == digest.digest()
    except OSError:
        return False


def write_sealed(path: Path, payload: bytes) -> None:
    """Write beside, then rename: a reader, or a second writer, never sees half a file.

    Raises:
        OSError: the folder cannot be made or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(payload)
            stream.write(hashlib.sha256(payload).digest())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


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


def sweep(folder: Path, suffix: str, older_than_seconds: float = ABANDONED_SECONDS) -> None:
    """Remove what killed writers of files with this suffix left half-written."""
    for path in folder.glob(f".*{suffix}.*"):
        with suppress(OSError):  # Another process removes it, too.
            if time.time() - path.stat().st_mtime >= older_than_seconds:
                remove_file(path)
