"""Inception-I3D as tensors: (batch, channels, frames, height, width) in, (batch, 1024) features out.

Module names follow hassony2's port, so its checkpoints load as they are; `from_piergiaj` renames the other port's.
The two ports differ in the epsilon of batch norm and in how an odd length is padded, so one class takes both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

Port = Literal["hassony2", "piergiaj"]

_EPSILON = {"hassony2": 1e-5, "piergiaj": 1e-3}
"""The original in TensorFlow has 1e-3; hassony2's port left PyTorch's default, and its features were made with it."""

Triple = tuple[int, int, int]

_MIXED: dict[str, tuple[int, tuple[int, int, int, int, int, int]]] = {
    "mixed_3b": (192, (64, 96, 128, 16, 32, 32)),
    "mixed_3c": (256, (128, 128, 192, 32, 96, 64)),
    "mixed_4b": (480, (192, 96, 208, 16, 48, 64)),
    "mixed_4c": (512, (160, 112, 224, 24, 64, 64)),
    "mixed_4d": (512, (128, 128, 256, 24, 64, 64)),
    "mixed_4e": (512, (112, 144, 288, 32, 64, 64)),
    "mixed_4f": (528, (256, 160, 320, 32, 128, 128)),
    "mixed_5b": (832, (256, 160, 320, 32, 128, 128)),
    "mixed_5c": (832, (384, 192, 384, 48, 128, 128)),
}
"""Input channels, then the widths: 1x1; reduce and 3x3; reduce and 3x3; after the pool."""


def _same_padding(sizes: Sequence[int], kernel: Triple, stride: Triple, port: Port) -> list[int]:
    """TensorFlow's SAME for `functional.pad`, last axis first, more at the end.

    hassony2 pads as if every size were a multiple of the stride; piergiaj pads what the size needs. No kernel is
    shorter than its stride, so that plain arithmetic does: a condition would be traced once, for an example's size.
    """
    pads: list[int] = []
    for size, length, step in reversed(list(zip(sizes, kernel, stride, strict=True))):
        total = length - ((size - 1) % step + 1 if port == "piergiaj" and step > 1 else step)
        pads += [total // 2, total - total // 2]
    return pads


class _Unit(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: Triple, stride: Triple, port: Port) -> None:
        super().__init__()
        self._kernel, self._stride, self._port = kernel, stride, port
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride=stride, bias=False)
        self.batch3d = nn.BatchNorm3d(outputs, eps=_EPSILON[port])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pads = _same_padding(x.shape[2:], self._kernel, self._stride, self._port)
        if any(pads):
            x = functional.pad(x, pads)
        return functional.relu(self.batch3d(self.conv3d(x)), inplace=True)


class _Pool(nn.Module):
    """Maximum over padded windows; the padding is zero, not minus infinity, as in both ports."""

    def __init__(self, kernel: Triple, stride: Triple, port: Port) -> None:
        super().__init__()
        self._kernel, self._stride, self._port = kernel, stride, port

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padded = functional.pad(x, _same_padding(x.shape[2:], self._kernel, self._stride, self._port))
        return functional.max_pool3d(padded, self._kernel, self._stride, ceil_mode=self._port == "hassony2")


class _Mixed(nn.Module):
    def __init__(self, inputs: int, widths: Sequence[int], port: Port) -> None:
        super().__init__()
        one, three, unit = (1, 1, 1), (3, 3, 3), (1, 1, 1)
        self.branch_0 = _Unit(inputs, widths[0], one, unit, port)
        self.branch_1 = nn.Sequential(
            _Unit(inputs, widths[1], one, unit, port), _Unit(widths[1], widths[2], three, unit, port)
        )
        self.branch_2 = nn.Sequential(
            _Unit(inputs, widths[3], one, unit, port), _Unit(widths[3], widths[4], three, unit, port)
        )
        self.branch_3 = nn.Sequential(_Pool(three, unit, port), _Unit(inputs, widths[5], one, unit, port))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.branch_0(x), self.branch_1(x), self.branch_2(x), self.branch_3(x)], dim=1)


class InceptionI3D(nn.Module):
    """The network up to its last average pooling.

    Source: J. Carreira, A. Zisserman, Quo Vadis, Action Recognition?, CVPR 2017, figure 3; hassony2's and piergiaj's
    ports. The 7 x 7 average becomes a mean over the picture, equal at 224 pixels, so that any crop works.
    """

    def __init__(self, channels: int, port: Port = "hassony2") -> None:
        super().__init__()
        self.conv3d_1a_7x7 = _Unit(channels, 64, (7, 7, 7), (2, 2, 2), port)
        self.pool_2a = _Pool((1, 3, 3), (1, 2, 2), port)
        self.conv3d_2b_1x1 = _Unit(64, 64, (1, 1, 1), (1, 1, 1), port)
        self.conv3d_2c_3x3 = _Unit(64, 192, (3, 3, 3), (1, 1, 1), port)
        self.pool_3a = _Pool((1, 3, 3), (1, 2, 2), port)
        self.pool_4a = _Pool((3, 3, 3), (2, 2, 2), port)
        self.pool_5a = _Pool((2, 2, 2), (2, 2, 2), port)
        for name, (inputs, widths) in _MIXED.items():
            setattr(self, name, _Mixed(inputs, widths, port))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, frames, height, width) in [-1, 1] to (batch, 1024): means over picture, pairs and time.

        At least 10 frames: two steps must be left for the last pooling when time was halved three times.
        """
        x = self.conv3d_2c_3x3(self.conv3d_2b_1x1(self.pool_2a(self.conv3d_1a_7x7(x))))
        x = self.pool_3a(x)
        pools = {"mixed_4b": self.pool_4a, "mixed_5b": self.pool_5a}
        for name in _MIXED:
            x = pools[name](x) if name in pools else x
            x = getattr(self, name)(x)
        steps = x.mean(dim=(3, 4))  # (batch, 1024, frames / 8)
        return functional.avg_pool1d(steps, 2, stride=1).mean(dim=2)


_BRANCHES = {"b0": "branch_0", "b1a": "branch_1.0", "b1b": "branch_1.1", "b2a": "branch_2.0", "b2b": "branch_2.1"}
_BRANCHES["b3b"] = "branch_3.1"


def from_piergiaj(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """piergiaj's tensors under hassony2's names: `Mixed_3b.b1a.bn.weight` is `mixed_3b.branch_1.0.batch3d.weight`."""
    renamed = {}
    for name, tensor in state.items():
        if name.startswith("logits."):
            continue
        lower = name.replace("Conv3d", "conv3d").replace("Mixed", "mixed").replace(".bn.", ".batch3d.")
        renamed[re.sub(r"\.(b\d[ab]?)\.", lambda found: f".{_BRANCHES[found[1]]}.", lower)] = tensor
    return renamed
