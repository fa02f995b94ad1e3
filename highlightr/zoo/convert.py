"""A published checkpoint becomes one safetensors file: tensors by name, and a note of where they come from.

PyTorch files are read by its restricted unpickler, which runs no code; what would need code is refused, with the
reason. The same input gives the same bytes: the note has no date, and its keys are sorted.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from highlightr.core.errors import ConfigError, OutputError, WeightsError
from highlightr.core.tensors import read_tensors, write_tensors
from highlightr.core.torch_files import check_checkpoint, check_sizes, read_torch_file
from highlightr.zoo.archives import read_npy_archive
from highlightr.zoo.checksums import Digests, digests
from highlightr.zoo.manifest import Format, WeightsEntry
from highlightr.zoo.torchscript import read_torchscript

PROVENANCE_KEY = "highlightr"
"""The one metadata key of a converted file; safetensors keeps several keys in no fixed order."""

_STATE_KEYS = ("model_state", "state_dict", "model")
"""Where checkpoints keep the state dict, tried in this order if the manifest does not say."""


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
    reading = _recognised(source)
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
    if reading.format == "safetensors":
        return read_tensors(source, "torch")
    if reading.format == "npy-archive":
        import torch

        arrays = read_npy_archive(source, reading.members)
        return {name: torch.from_numpy(np.array(array, order="C")) for name, array in arrays.items()}
    if reading.format == "torchscript":
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
        for key, value in _state_dict(loaded, source, reading.state_key).items()
        if isinstance(key, str) and isinstance(value, torch.Tensor) and value.layout == torch.strided
    }


def _state_dict(loaded: Any, source: Path, state_key: str) -> Mapping[Any, Any]:
    import torch

    if not isinstance(loaded, Mapping):
        raise WeightsError(f"{source.name} holds a {type(loaded).__name__} instead of named tensors")
    if state_key:
        keys: tuple[str, ...] = (state_key,)
        if state_key not in loaded:
            raise WeightsError(f"{source.name} has no {state_key!r}; it has {', '.join(map(str, list(loaded)[:8]))}")
    else:
        keys = () if any(isinstance(value, torch.Tensor) for value in loaded.values()) else _STATE_KEYS
    inner = next((loaded[key] for key in keys if isinstance(loaded.get(key), Mapping)), loaded)
    return inner if isinstance(inner, Mapping) else loaded


def _recognised(source: Path) -> WeightsEntry:
    """How to read a file that no entry of the manifest describes."""
    kind: Format = "torch"
    if zipfile.is_zipfile(source):
        check_checkpoint(source)
        with zipfile.ZipFile(source) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                kind = "torchscript"
    elif source.suffix == ".safetensors":
        kind = "safetensors"
    return WeightsEntry(name=source.stem, title="", file=source.name, licence="", citation="", format=kind)
