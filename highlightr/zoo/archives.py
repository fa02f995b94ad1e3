"""Tensors from published archives, read in memory: nothing is ever unpacked to disk.

An archive whose members leave its folder, are links or devices, or together exceed a bound is refused as a whole.
NumPy files are read without pickles.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from highlightr.core.errors import WeightsError

MAX_ARCHIVE_BYTES = 256 << 20
"""All members of one archive, unpacked, their headers included; the largest in the manifest has 100 MB."""
MAX_ARCHIVE_MEMBERS = 1000


def read_members(path: Path, wanted: tuple[str, ...]) -> dict[str, bytes]:
    """Contents of the `wanted` members of a tar archive, compressed or not.

    Raises:
        WeightsError: not an archive, a member that is unsafe or missing, or more than the bounds allow.
    """
    found: dict[str, bytes] = {}
    try:
        # Unpacked with a bound first: tarfile itself would read headers of any length.
        with tarfile.open(fileobj=io.BytesIO(_unpacked(path)), mode="r:") as archive:
            for member in _checked(archive, path):
                name = member.name.removeprefix("./")
                if name in wanted and (file := archive.extractfile(member)):
                    found[name] = file.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError) as error:
        raise WeightsError(f"{path.name} cannot be read as an archive: {error}") from error
    if missing := [name for name in wanted if name not in found]:
        raise WeightsError(f"{path.name} lacks {', '.join(missing)}")
    return found


def _unpacked(path: Path) -> bytes:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as stream:
        content = stream.read(MAX_ARCHIVE_BYTES + 1)
    _check_bounds(path, len(content))
    return content


def _check_bounds(path: Path, size: int, count: int = 0) -> None:
    if size > MAX_ARCHIVE_BYTES or count > MAX_ARCHIVE_MEMBERS:
        raise WeightsError(f"{path.name} unpacks to more than {MAX_ARCHIVE_BYTES} bytes or {MAX_ARCHIVE_MEMBERS} files")


def _checked(archive: tarfile.TarFile, path: Path) -> Iterator[tarfile.TarInfo]:
    total = 0
    for count, member in enumerate(archive, start=1):
        total += member.size
        _check_bounds(path, total, count)
        if not (member.isreg() or member.isdir()):
            raise WeightsError(
                f"{path.name} holds {member.name!r}, which is a link or a device; archives may hold files only"
            )
        try:
            tarfile.data_filter(member, "/nowhere")
        except tarfile.FilterError as error:
            raise WeightsError(f"{path.name} holds {member.name!r}, which lies outside the archive") from error
        yield member


def read_npy_archive(path: Path, members: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Arrays of the `.npy` members, named without the suffix; errors as for `read_members`, and for other contents."""
    arrays: dict[str, NDArray[Any]] = {}
    for name, content in read_members(path, members).items():
        try:
            array = np.load(io.BytesIO(content), allow_pickle=False)
        except (ValueError, EOFError, OSError, MemoryError, OverflowError) as error:
            raise WeightsError(f"{name} in {path.name} is not a plain array: {error}") from error
        arrays[name.removesuffix(".npy")] = array
    return arrays
