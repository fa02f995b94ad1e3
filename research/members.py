"""Several trained networks of one configuration made into one file: the members of a `CFSumMembers`.

In: safetensors files of single networks. Out: one file whose scores are the mean of theirs, calibrated if asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from highlightr.core.errors import ConfigError
from highlightr.core.tensors import read_tensors, write_tensors
from research.calibration import Platt, fold_in

_TYPES: Mapping[str, torch.dtype] = {"fp32": torch.float32, "fp16": torch.float16}


def join_members(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """One state dict: alone a network stays as it is, several become ``members.0.…`` and so on.

    Raises:
        ConfigError: no network, or networks whose tensors differ in name or shape.
    """
    if not states:
        raise ConfigError("there is no network to join")
    shapes = [{name: value.shape for name, value in state.items()} for state in states]
    if any(each != shapes[0] for each in shapes):
        raise ConfigError("the members must be of one configuration: their tensors differ in name or shape")
    if len(states) == 1:
        return dict(states[0])
    return {f"members.{i}.{name}": value for i, state in enumerate(states) for name, value in state.items()}


def write_members(
    weights: Sequence[Path], out: Path, platt: Platt | None = None, precision: Literal["fp32", "fp16"] = "fp16"
) -> None:
    """Join weight files into one.

    Args:
        weights: safetensors files of one configuration.
        out: the file to write.
        platt: a calibration that is folded in.
        precision: how numbers are stored; they are read as float32 either way.

    Raises:
        ConfigError: as `join_members`.
        WeightsError: a file that is not safetensors.
        OutputError: `out` cannot be written.
    """
    joined = join_members([read_tensors(path, "torch") for path in weights])
    joined = joined if platt is None else fold_in(joined, platt)
    kind = _TYPES[precision]
    write_tensors(out, {name: value.to(kind) if value.is_floating_point() else value for name, value in joined.items()})
