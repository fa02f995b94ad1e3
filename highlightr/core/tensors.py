"""Reading and writing safetensors files.

In: a path. Out: name to NumPy array or torch tensor, one tensor, their shapes, or the file's metadata. A file that is
missing, cut off or something else is one `WeightsError`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError, safe_open

from highlightr.core.errors import OutputError, WeightsError
from highlightr.core.files import whole_file, write_whole
from highlightr.core.folders import make_folder

Framework = Literal["numpy", "torch"]


def read_tensors(path: Path, framework: Framework = "numpy") -> dict[str, Any]:
    """Every tensor of a safetensors file, by name, as NumPy arrays or as torch tensors."""
    with _readable(path):
        return dict(import_module(f"safetensors.{framework}").load_file(path))


def read_tensor(path: Path, name: str) -> Any:
    """One tensor of a safetensors file as a NumPy array; the others are not read."""
    with _readable(path), safe_open(path, framework="numpy") as file:
        return file.get_tensor(name)


def read_metadata(path: Path) -> Mapping[str, str]:
    """The metadata of a safetensors file, empty if it has none."""
    with _readable(path), safe_open(path, framework="numpy") as file:
        return dict(file.metadata() or {})


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of a safetensors file, by name; the tensors are not read."""
    with _readable(path), safe_open(path, framework="numpy") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  (no mapping)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"{path} cannot be read as safetensors ({reason}); fetch, convert or train it again"
        ) from error


def write_tensors(path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Write torch tensors, sorted by name, in one step; the folder is made if need be.

    A tensor that shares memory with another is written as a copy of its own.

    Raises:
        OutputError: the file cannot be written.
    """
    # With NumPy weights alone, torch is not installed.
    from safetensors.torch import save_file

    own = {name: tensors[name].detach().contiguous().clone() for name in sorted(tensors)}
    make_folder(path.absolute().parent)
    try:
        with whole_file(path, overwrite=True) as partial:
            partial.touch()
            mode = partial.stat().st_mode
            save_file(own, partial, metadata=None if metadata is None else dict(metadata))
            partial.chmod(mode)  # It is written for this user alone.
    except (OSError, SafetensorError) as error:
        raise OutputError(
            f"{path}: cannot be written ({' '.join(str(error).split())}); choose another place"
        ) from error


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write NumPy arrays as safetensors, without torch; sorted, so that equal arrays make equal files.

    Raises:
        OutputError: the place cannot be written.
    """
    from safetensors.numpy import save

    write_whole(path, save({name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}))
