"""The folder where highlightr keeps what it can make again, and how files get there whole.

In: a payload of bytes. Out: a sealed file, the payload followed by its SHA-256, so that a damaged one is noticed
and made again. Nothing here is needed for a correct result: an unwritable folder only costs time.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

__all__ = ["home_folder", "read_sealed", "write_sealed"]

_SEAL_BYTES = hashlib.sha256().digest_size


def home_folder() -> Path:
    """`$HIGHLIGHTR_HOME`, else `$XDG_CACHE_HOME/highlightr`, else `~/.cache/highlightr`; it need not exist yet."""
    own = os.environ.get("HIGHLIGHTR_HOME")
    if own:
        return Path(own)
    caches = os.environ.get("XDG_CACHE_HOME")
    return Path(caches) / "highlightr" if caches else Path("~/.cache/highlightr").expanduser()


def read_sealed(path: Path) -> bytes | None:
    """The payload of a sealed file, or `None` if the file is absent, unreadable or damaged."""
    try:
        sealed = path.read_bytes()
    except OSError:
        return None
    payload, seal = sealed[:-_SEAL_BYTES], sealed[-_SEAL_BYTES:]
    return payload if hashlib.sha256(payload).digest() == seal else None


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
