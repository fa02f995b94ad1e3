"""A published checkpoint becomes one safetensors file: tensors by name, and a note of where they come from.

PyTorch files are read by its restricted unpickler, which runs no code; what would need code is refused, with the
reason. Archives are read in memory, nothing is ever unpacked to disk: one whose members leave its folder, are links or
devices, or together exceed a bound is refused as a whole. The same input gives the same bytes: the note has no date,
and its keys are sorted.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from highlightr.core.errors import ConfigError, OutputError, WeightsError
from highlightr.core.tensors import read_tensors, write_tensors
from highlightr.core.torch_files import check_checkpoint, check_sizes, read_torch_file
from highlightr.zoo.checksums import Digests, digests
from highlightr.zoo.manifest import WeightsEntry
from highlightr.zoo.torchscript import read_torchscript

PROVENANCE_KEY = "highlightr"
"""The one metadata key of a converted file; safetensors keeps several keys in no fixed order."""

_STATE_KEYS = ("model_state", "state_dict", "model")
"""Where checkpoints keep the state dict, tried in this order."""


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


def convert(source: Path, target: Path, *, overwrite: bool = False) -> Digests:
    """Write the tensors of `source`, whose kind is recognised, to `target` as safetensors.

    Returns:
        Size and hash of what was written.

    Raises:
        ConfigError: `source` is not a file.
        OutputError: `target` exists and `overwrite` is not set, or cannot be written.
        WeightsError: the file holds no tensors, or needs code to be read.
    """
    if not source.is_file():
        raise ConfigError(f"no checkpoint at {source}")
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists already; choose another place or --overwrite")
    reading = WeightsEntry(name=source.stem, title="", file=source.name, licence="", citation="")
    note = {"name": reading.name, "source_sha256": digests(source).sha256, "source": source.name}
    return write_converted(source, target, reading, note)


def write_converted(source: Path, target: Path, reading: WeightsEntry, note: Mapping[str, str]) -> Digests:
    """Read `source` as `reading` says and write `target` in one step; `note` goes into the file.

    Raises:
        OutputError: `target` cannot be written.
        WeightsError: see `convert`.
    """
    tensors = _read(source, reading)
    if not tensors:
        raise WeightsError(f"{source.name} holds no tensors")
    write_tensors(target, tensors, {PROVENANCE_KEY: json.dumps(dict(note), sort_keys=True)})
    return digests(target)


def _read(source: Path, reading: WeightsEntry) -> dict[str, Any]:
    if reading.file.endswith(".safetensors"):
        return read_tensors(source, "torch")
    if reading.members:
        import torch

        arrays = read_npy_archive(source, reading.members)
        return {name: torch.from_numpy(np.array(array, order="C")) for name, array in arrays.items()}
    if _is_torchscript(source):
        tensors = read_torchscript(source)
    else:
        loaded = read_torch_file(source, _numpy_names() if reading.numpy_objects else ())
        tensors = _tensors(loaded, source, reading)
    check_sizes(source, tensors)
    return tensors


def _numpy_names() -> list[Any]:
    """What NumPy arrays and scalars of numbers are pickled as, under NumPy 1's and NumPy 2's module names."""
    from numpy._core import multiarray

    rebuild, scalar = multiarray._reconstruct, multiarray.scalar
    names = [(each, f"{module}.{each.__name__}") for each in (rebuild, scalar) for module in _NUMPY_MODULES]
    kinds = [type(np.dtype(code)) for code in "?bBhHiIlLqQefd"]
    return [*names, np.ndarray, np.dtype, *dict.fromkeys(kinds)]


_NUMPY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")


def _tensors(loaded: Any, source: Path, reading: WeightsEntry) -> dict[str, Any]:
    """The tensors by name; what else lies beside them is left out."""
    import torch

    return {
        key.removeprefix(reading.strip_prefix): value
        for key, value in _state_dict(loaded, source).items()
        if isinstance(key, str) and isinstance(value, torch.Tensor) and value.layout == torch.strided
    }


def _state_dict(loaded: Any, source: Path) -> Mapping[Any, Any]:
    """What was loaded, or what lies in it under a usual key, unless it holds tensors itself."""
    import torch

    if not isinstance(loaded, Mapping):
        raise WeightsError(f"{source.name} holds a {type(loaded).__name__} instead of named tensors")
    keys = () if any(isinstance(value, torch.Tensor) for value in loaded.values()) else _STATE_KEYS
    return next((loaded[key] for key in keys if isinstance(loaded.get(key), Mapping)), loaded)


def _is_torchscript(source: Path) -> bool:
    check_checkpoint(source)
    if not zipfile.is_zipfile(source):
        return False
    with zipfile.ZipFile(source) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())
