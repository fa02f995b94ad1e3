"""Reading of HDF5 from outside: a path goes in, checked float arrays come out.

h5py is imported on first use (extra `train`). An HDF5 file can point at other files and can promise far more data
than it holds, so links out of the file are refused and sizes are checked before anything is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.core.extras import need

HDF5_SUFFIXES = (".h5", ".hdf5")

LARGEST_ELEMENTS = 2**28
"""Numbers in one array: a day of 2,048 features a second is 1.8e8."""

TRUSTED_ELEMENTS = 2**22
"""So many may be promised by a few bytes; more must be there."""

MOST_COMPRESSED = 1100
"""Times smaller than its content a data set can be, rounded up from what deflate reaches at most."""


def open_hdf5(path: Path) -> Any:
    """The open file, an ``h5py.File``: close it, or use it in a ``with`` statement.

    Raises:
        ConfigError: h5py is not installed, or the file is absent or not HDF5.
    """
    need(f"{path}: reading HDF5", "h5py")
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else f"not a readable HDF5 file ({error})"
        raise ConfigError(f"{path}: {reason}") from error


def member(group: Any, name: str) -> Any | None:
    """A group or dataset by name, `None` if there is none; a `ConfigError` where it lies in another file."""
    import h5py

    if "/" in name or name in ("", "."):
        return None  # h5py would walk the path, past the check of the link below
    where = f"{group.file.filename}: {group.name.rstrip('/')}/{name}"
    link = _got(group, name, where, getlink=True)
    if link is None:
        return None
    if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
        raise ConfigError(f"{where} is a link; give a file that holds its own data")
    found = _got(group, name, where)
    if isinstance(found, h5py.Dataset) and (found.external or found.is_virtual):
        raise ConfigError(f"{where} keeps its data in another file; give a file that holds its own data")
    return found


def _got(group: Any, name: str, where: str, **how: bool) -> Any:
    try:
        return group.get(name, **how)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise ConfigError(f"{where} cannot be read ({error}); the file is damaged") from error


def first_member(group: Any, names: Iterable[str]) -> Any | None:
    """The first of these names that a group has, as `member`."""
    return next((found for found in (member(group, name) for name in names) if found is not None), None)


def dataset_shape(found: Any, what: str, ndim: int) -> tuple[int, ...]:
    """Shape of a dataset of numbers, read from its header only.

    Raises:
        ConfigError: not a dataset, not numbers, another rank, empty, too large, or not there.
    """
    try:
        shape, dtype = found.shape, found.dtype
    except (AttributeError, TypeError):  # A group, or numbers of a kind that NumPy does not know.
        shape = dtype = None
    if shape is None or len(shape) != ndim or dtype.kind not in "iufb":
        kind = dtype or type(found).__name__
        raise ConfigError(f"{what} must be an array of numbers with {ndim} axes, got {shape} of {kind}")
    if not 0 < found.size <= LARGEST_ELEMENTS:
        raise ConfigError(f"{what} must hold 1 to {LARGEST_ELEMENTS} numbers, got {found.size}")
    stored = found.id.get_storage_size()
    if found.size > TRUSTED_ELEMENTS and found.nbytes > stored * MOST_COMPRESSED:
        raise ConfigError(f"{what} promises {found.size} numbers and holds {stored} bytes; give the whole file")
    return tuple(int(length) for length in shape)


def read_array(found: Any, what: str, ndim: int) -> npt.NDArray[np.float64]:
    """A dataset of finite numbers; errors as for `dataset_shape`, and for damaged data or other numbers."""
    dataset_shape(found, what, ndim)
    try:
        array = np.asarray(found[...], dtype=np.float64)
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"{what} cannot be read ({error})") from error
    if not np.isfinite(array).all():
        raise ConfigError(f"{what} holds numbers that are not finite")
    return array
