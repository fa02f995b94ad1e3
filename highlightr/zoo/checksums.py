"""Hashes of weight files, and the comparison with what the manifest or a pin expects.

A file is read once for all its hashes. Every mismatch is one sentence that a message can carry.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from highlightr.core.progress import ProgressHook, silent
from highlightr.zoo.manifest import WeightsEntry

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Digests:
    """What one file hashes to."""

    size_bytes: int
    sha256: str
    md5: str = ""
    """Empty where it was not asked for."""
    git_blob_sha1: str = ""
    """Empty where it was not asked for."""


def digests(
    path: Path, *, md5: bool = False, git_blob_sha1: bool = False, progress: ProgressHook | None = None
) -> Digests:
    """Hash a file; `progress` counts bytes in the stage `check`.

    MD5 and SHA-1 are for comparison with what a publisher states; SHA-256 is always taken.

    Raises:
        OSError: the file cannot be read.
    """
    hook, size, done = progress or silent, path.stat().st_size, 0
    hashes = {"sha256": hashlib.sha256()}
    if md5:
        hashes["md5"] = hashlib.md5(usedforsecurity=False)
    if git_blob_sha1:
        hashes["git_blob_sha1"] = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            for each in hashes.values():
                each.update(chunk)
            done += len(chunk)
            hook("check", float(done), float(size))
    return Digests(done, **{name: each.hexdigest() for name, each in hashes.items()})


def mismatch(entry: WeightsEntry, found: Digests, pinned_sha256: str | None) -> str | None:
    """Why the file is not the one the entry means, or `None` if it is."""
    if entry.size_bytes and not entry.train and found.size_bytes != entry.size_bytes:
        return f"it has {found.size_bytes} bytes instead of {entry.size_bytes}"
    wanted = {"sha256": entry.sha256, "md5": entry.md5, "git_blob_sha1": entry.git_blob_sha1}
    for name, value in wanted.items():
        if value and getattr(found, name) != value:
            return f"its {name} is {getattr(found, name)} instead of {value}"
    if not found.sha256.startswith(entry.sha256_prefix):
        return f"its sha256 {found.sha256} does not begin with {entry.sha256_prefix}"
    if pinned_sha256 and found.sha256 != pinned_sha256:
        return f"its sha256 is {found.sha256} but the first pull pinned {pinned_sha256}"
    return None
