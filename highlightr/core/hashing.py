"""Which file this is, and which code: digests of their content.

In: a path. Out: the kind of digest and its hexadecimal value. Files up to 256 MiB are read whole; of larger ones the
size and 16 samples, because reading a two-hour recording once more would cost seconds.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from io import BufferedReader
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


@dataclass(frozen=True)
class FileIdentity:
    """What tells whether a path still leads to the same file with the same content."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    """When its content was last written, nanoseconds since 1970."""
    changed_ns: int
    """When anything about it changed; unlike `modified_ns`, no program can set it back."""

    @classmethod
    def of(cls, path: Path) -> FileIdentity:
        """Of the file that is there now; an `OSError` where there is none."""
        return cls.from_status(path.stat())

    @classmethod
    def from_status(cls, status: os.stat_result) -> FileIdentity:
        """Of an opened file, for instance."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def check(self, path: Path) -> None:
        """Make sure that the file is still the one this was taken of; a `MediaError` where it is changed or gone."""
        try:
            now = FileIdentity.of(path)
            # Another name, other permissions, or a time of writing that was set back: its content tells.
            only_changed, place = replace(now, changed_ns=self.changed_ns) == self, path.absolute()
            if now == self or (only_changed and _digest(place, self) == _digest(place, now)):
                return
        except FileNotFoundError as error:
            raise MediaError(f"{path}: no such file any more; it was removed while it was read") from error
        except OSError as error:
            raise MediaError(f"{path} cannot be read any more: {error.strerror or error}") from error
        raise MediaError(f"{path} changed while it was read; run it again once nothing writes to it")


def content_hash(path: Path, identity: FileIdentity | None = None) -> tuple[str, str]:
    """The kind (`WHOLE` or `SAMPLED`) and the digest; a file that did not change is read once per process.

    A thread that asks while another reads waits for it. `identity` is what it has to be still; by default what it is.

    Raises:
        MediaError: the file cannot be read, or is not that one any more.
    """
    try:
        with _READING:
            if identity is not None:
                identity.check(path)
            return _digest(path.absolute(), identity or FileIdentity.of(path))
    except OSError as error:
        raise MediaError(f"cannot read {path}: {error.strerror or error}") from error


def content_key(path: Path, identity: FileIdentity | None = None) -> dict[str, object]:
    """What stands for a file's content in keys: names and folders do not, a file that was moved is the same video.

    Raises:
        MediaError: as for `content_hash`.
    """
    try:
        identity = identity or FileIdentity.of(path)
    except OSError as error:
        raise MediaError(f"cannot read {path}: {error.strerror or error}") from error
    kind, digest = content_hash(path, identity)
    # Samples do not see every edit of a large file; its time of writing does.
    edited = {"modified_ns": identity.modified_ns} if kind == SAMPLED else {}
    return {"hash_kind": kind, "hash": digest, "size_bytes": identity.size_bytes, **edited}


def file_sha256(path: Path) -> str:
    """SHA-256 of a whole file, of any size; one that did not change is read once per process.

    Raises:
        OSError: the file cannot be read.
    """
    return _sha256(path.absolute(), FileIdentity.of(path))


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


@lru_cache(maxsize=16_384)
def _sha256(path: Path, identity: FileIdentity) -> str:
    with _opened(path, identity) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=1024)
def _digest(path: Path, identity: FileIdentity) -> tuple[str, str]:
    size = identity.size_bytes
    if size <= LARGEST_WHOLE_BYTES:
        return WHOLE, _sha256(path, identity)
    digest = hashlib.sha256(size.to_bytes(8, "little"))
    with _opened(path, identity) as file:
        for index in range(SAMPLE_COUNT):
            file.seek((size - SAMPLE_BYTES) * index // (SAMPLE_COUNT - 1))
            digest.update(file.read(SAMPLE_BYTES))
    return SAMPLED, digest.hexdigest()


@contextmanager
def _opened(path: Path, identity: FileIdentity) -> Iterator[BufferedReader]:
    """The file, if it is the one that is meant and stays so until it is read."""
    with path.open("rb") as file:
        _check_opened(file, identity)
        yield file
        _check_opened(file, identity)


def _check_opened(file: BufferedReader, identity: FileIdentity) -> None:
    if FileIdentity.from_status(os.fstat(file.fileno())) != identity:
        raise OSError("it is being written to")
