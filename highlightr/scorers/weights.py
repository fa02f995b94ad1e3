"""Scorers' weights as they lie on disk: tensors of a safetensors file, and how they differ from what a scorer expects.

In: a path. Out: name to tensor, of NumPy or of torch, or one sentence on what does not fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from highlightr.core.errors import WeightsError

__all__ = ["misfit", "read_tensors"]


def read_tensors(path: Path, framework: Literal["numpy", "torch"]) -> dict[str, Any]:
    """Every tensor of a safetensors file, by name, as arrays or as torch tensors.

    Raises:
        WeightsError: no such file, or not safetensors.
    """
    from safetensors import SafetensorError

    try:
        tensors: dict[str, Any] = import_module(f"safetensors.{framework}").load_file(path)
    except (OSError, SafetensorError) as error:
        text = " ".join(str(error).split())
        raise WeightsError(
            f"{path} cannot be read as safetensors ({text}); convert, fetch or train it again"
        ) from error
    return tensors


def misfit(expected: Mapping[str, Sequence[int]], found: Mapping[str, Sequence[int]]) -> str | None:
    """The first difference between two sets of named shapes, in words; `None` if there is none."""
    missing = sorted(set(expected) - set(found))
    unknown = sorted(set(found) - set(expected))
    if missing:
        return f"{len(missing)} tensors are missing, first {missing[0]!r}"
    if unknown:
        return f"{len(unknown)} tensors are unknown, first {unknown[0]!r}"
    wrong = next((key for key in sorted(expected) if tuple(expected[key]) != tuple(found[key])), None)
    if wrong is None:
        return None
    return f"{wrong!r} is {tuple(found[wrong])} where the configuration makes {tuple(expected[wrong])}"
