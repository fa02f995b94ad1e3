"""Arrays with a row per clip: of a short video in memory, of a long one in a file, of which little is held at a time.

In: a shape. Out: a NumPy array like any other. The file has no name and is gone with the array. Code that goes through
such an array row by row uses `spans`, or calls `release` now and then; on other arrays both do nothing more.
"""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import HighlightrError
from highlightr.core.folders import home_folder, make_folder

LARGEST_IN_MEMORY_BYTES = 32 * 2**20
"""EfficientNet's features of nearly two hours, a row per second."""

ROWS = 1024
"""Handled at once, whatever the length of the video: of 1000 numbers each, they take 4 MiB."""

_SPARE_BYTES = 2**30
"""What stays free on the disk: a mapped file that cannot be written ends the process."""


class _Pages(mmap.mmap):
    """The file of an array that was made here: shared, so that what leaves memory is in the file."""


def new_array(shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
    """Zeros; beyond `LARGEST_IN_MEMORY_BYTES` in a file below `home_folder`, where that has the room."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    pages = _file_of(size) if size > LARGEST_IN_MEMORY_BYTES else None
    return np.zeros(shape, dtype) if pages is None else np.ndarray(shape, dtype, buffer=pages)


def _file_of(size: int) -> _Pages | None:
    if not (hasattr(os, "posix_fallocate") and hasattr(mmap, "MADV_DONTNEED")):
        return None
    try:
        folder = home_folder()
        make_folder(folder)
        if shutil.disk_usage(folder).free < size + _SPARE_BYTES:
            return None
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
            return _Pages(file.fileno(), size)
    except (OSError, HighlightrError):
        return None


def moved(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same values, in a file if they are large; copied only then."""
    if values.nbytes <= LARGEST_IN_MEMORY_BYTES or _pages_of(values) is not None:
        return values
    target = new_array(values.shape, values.dtype)
    for span in spans(target):
        target[span] = values[span]
    return target


def spans(values: npt.NDArray[Any], rows: int = ROWS) -> Iterator[slice]:
    """Slices of so many rows, the last one shorter; the array is released whenever the next one is asked for."""
    for first in range(0, len(values), rows):
        yield slice(first, min(first + rows, len(values)))
        release(values)


def release(values: npt.NDArray[Any]) -> None:
    """Take an array, or what it is a view of, out of memory where it lies in a file; its values stay."""
    pages = _pages_of(values)
    if pages is not None:
        pages.madvise(mmap.MADV_DONTNEED)


def _pages_of(values: npt.NDArray[Any]) -> _Pages | None:
    base: Any = values
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, _Pages) else None


def all_finite(values: npt.NDArray[Any]) -> bool:
    """Whether no value is infinite or NaN."""
    return all(np.isfinite(values[span]).all() for span in spans(values))
