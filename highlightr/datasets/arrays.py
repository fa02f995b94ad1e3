"""Arrays of features in files: a path pattern and a video's name go in, a source that is read when needed comes out.

Accepted: ``.npy``, ``.npz`` and HDF5. The shape comes from the header, so a data set is checked without reading it.
Files are untrusted: nothing is unpickled, a header's promise is checked before memory is set aside, and a name never
leads out of the folder.
"""

from __future__ import annotations

import json
import math
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.core.types import FloatArray, TimeArray
from highlightr.datasets import hdf5

MEMBERS = ("features", "image_embeddings", "last_hidden_state", "token", "values")
"""Where the array lies in an archive or group, in the order of looking: QVHighlights and Mr.HiSum; CLIP embeddings
beside their timestamps; CLIP tokens of Moment-DETR; those of UMT; our own."""

TIMES = ("frame_timestamps", "times_seconds")
"""Member with the time of each row, seconds, where the rows are not the clips themselves."""

_LONGEST_NAME = 255

_PLACEHOLDER = re.compile(r"\{(video|key)\}")

_OTHER_SUFFIX = {".npy": ".npz", ".npz": ".npy"}
"""Releases store the same features either way, some within one folder."""


@dataclass(frozen=True)
class NumpySource:
    """An array in a ``.npy`` or ``.npz`` file."""

    path: Path

    def absent(self) -> bool:
        """Whether `highlightr extract` put on record that the video lacks it."""
        if self.path.exists():
            return False
        try:
            return bool(json.loads(self.path.with_name(f"{self.path.name}.json").read_bytes()).get("absent"))
        except (OSError, ValueError, AttributeError, RecursionError):
            return False

    def shape(self) -> tuple[int, ...]:
        """From the header only; a `ConfigError` where it is not one of numbers with two axes, or too large."""
        with _opened(self.path, MEMBERS) as stream:
            if stream is None:
                raise ConfigError(f"{self.path}: holds no array named one of {', '.join(MEMBERS)}")
            return _header(stream, self.path, ndim=2)

    def times(self) -> TimeArray | None:
        """When each row was taken, (rows,) seconds in rising order; `None`: the rows are the clips.

        Raises:
            ConfigError: as `shape`; times that are not one per row, finite and rising.
        """
        rows, _ = self.shape()
        values = _read(self.path, TIMES, 1) if self.path.suffix.lower() == ".npz" else None
        return None if values is None else _rising(values, rows, str(self.path))

    def read(self) -> FloatArray:
        """(rows, width) float32; errors as for `shape`, and for damaged data or numbers that are not finite."""
        self.shape()
        values = _read(self.path, MEMBERS, 2)
        assert values is not None  # it has a shape
        return _finite(values, str(self.path))


@dataclass(frozen=True)
class Hdf5Source:
    """An array in an HDF5 file: the data set ``video`` itself, or one of `MEMBERS` in the group of that name."""

    path: Path
    video: str

    @property
    def _where(self) -> str:
        return f"{self.path}: {self.video}"

    @property
    def _group(self) -> Any:
        """Of the video, or its data set, or `None`."""
        return hdf5.member(_shared_file(self.path, os.getpid()), self.video)

    def _values(self) -> Any:
        found = self._group
        if hasattr(found, "keys"):
            found = hdf5.first_member(found, MEMBERS)
        if found is None:
            raise ConfigError(f"{self.path}: no features for {self.video!r}")
        return found

    def absent(self) -> bool:
        """Whether the video's group holds nothing, as `highlightr extract` leaves it where the video lacks this."""
        group = self._group
        return hasattr(group, "keys") and not len(group)

    def shape(self) -> tuple[int, ...]:
        """As `NumpySource.shape`."""
        return hdf5.dataset_shape(self._values(), self._where, 2)

    def times(self) -> TimeArray | None:
        """As `NumpySource.times`."""
        group = self._group
        found = hdf5.first_member(group, TIMES) if hasattr(group, "keys") else None
        return None if found is None else _rising(hdf5.read_array(found, self._where, 1), self.shape()[0], self._where)

    def read(self) -> FloatArray:
        """As `NumpySource.read`."""
        return _finite(hdf5.read_array(self._values(), self._where, 2), self._where)


Source = NumpySource | Hdf5Source


@lru_cache(maxsize=16)
def _shared_file(path: Path, process: int) -> Any:  # noqa: ARG001
    """One open file per path and process: opening costs more than reading, and a handle must not cross a fork."""
    return hdf5.open_hdf5(path)


def safe_name(name: str) -> bool:
    """Whether a name from a file can be part of a path without leading out of its folder."""
    return 0 < len(name) <= _LONGEST_NAME and name not in (".", "..") and not set(name) & set("/\\\0")


def locate(root: Path, pattern: str, names: Mapping[str, str]) -> Source:
    """The source for one item.

    Args:
        pattern: path below it, such as ``features/{video}.npz``; the name of an HDF5 file stands for itself.
        names: placeholder to value: ``video`` and ``key``.

    Raises:
        ConfigError: a name in the pattern that would lead out of the folder.
    """
    parts = _PLACEHOLDER.split(pattern)  # at odd places what stands in braces
    for index, placeholder in enumerate(parts):
        if index % 2:
            parts[index] = names[placeholder]
            if not safe_name(parts[index]):
                raise ConfigError(f"{parts[index]!r} cannot be part of a file name")
    path = root / "".join(parts)
    if path.suffix.lower() in hdf5.HDF5_SUFFIXES:
        return Hdf5Source(path, names["video"])
    other = _OTHER_SUFFIX.get(path.suffix)
    if other is not None and not path.exists() and path.with_suffix(other).is_file():
        return NumpySource(path.with_suffix(other))
    return NumpySource(path)


@contextmanager
def _opened(path: Path, members: Sequence[str]) -> Iterator[IO[bytes] | None]:
    """The stream of ``.npy`` data: the file itself, or a member of an archive; `None` if it has no such member."""
    try:
        if path.suffix.lower() != ".npz":
            with path.open("rb") as stream:
                yield stream
            return
        with zipfile.ZipFile(path) as archive:
            names = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
            only = names[0] if len(names) == 1 and members is MEMBERS else None  # Values may have any name.
            name = next((each for each in members if each in names), only)
            if name is None:
                yield None
                return
            with archive.open(f"{name}.npy") as stream:
                yield stream
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise ConfigError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _read(path: Path, members: Sequence[str], ndim: int) -> npt.NDArray[Any] | None:
    """An array, once its header is checked; `None` if there is no such member."""
    with _opened(path, members) as stream:
        if stream is None:
            return None
        _header(stream, path, ndim)
        stream.seek(0)
        try:
            return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))
        except (ValueError, EOFError, TypeError) as error:
            raise ConfigError(f"{path}: damaged ({error})") from error


def _header(stream: IO[bytes], path: Path, ndim: int) -> tuple[int, ...]:
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    except Exception as error:
        # To NumPy a header is Python source, and hostile bytes may make reading it fail in any way.
        raise ConfigError(f"{path}: not a numpy array ({' '.join(str(error).split())[:200]})") from error
    elements = math.prod(shape)
    if len(shape) != ndim or dtype.kind not in "iuf" or not 0 < elements <= hdf5.LARGEST_ELEMENTS:
        raise ConfigError(
            f"{path}: must hold 1 to {hdf5.LARGEST_ELEMENTS} numbers with {ndim} axes, got shape {shape} of {dtype}"
        )
    return tuple(int(length) for length in shape)


def _rising(values: npt.NDArray[Any], rows: int, where: str) -> TimeArray:
    seconds = values.astype(np.float64)
    if len(seconds) != rows or not np.isfinite(seconds).all() or (np.diff(seconds) < 0).any():
        raise ConfigError(f"{where}: its times must be one per row, finite and rising")
    return seconds


def _finite(values: npt.NDArray[Any], where: str) -> FloatArray:
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(values, dtype=np.float32)
    if not np.isfinite(rows).all():
        raise ConfigError(f"{where}: holds numbers that are not finite, or too large for 32 bits")
    return rows
