"""3D ResNet-34 as tensors: (batch, 3, frames, height, width) in, (batch, 512) features out.

Module names follow kenshohara's repositories, so their checkpoints load once the classifier is left out. Two
generations exist: shortcut A (2018, Kinetics-400; strided and zero-padded) and shortcut B (2020; 1x1x1 convolution).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

Shortcut = Literal["A", "B"]

_BLOCKS = (3, 4, 6, 3)
_WIDTHS = (64, 128, 256, 512)


class _Block(nn.Module):
    """Two 3x3x3 convolutions and a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        self._stride, self._new_channels = stride, width - inputs
        self.conv1 = nn.Conv3d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        changes = stride != 1 or inputs != width
        self.downsample: nn.Module | None = None
        if changes and shortcut == "B":
            self.downsample = nn.Sequential(
                nn.Conv3d(inputs, width, 1, stride=stride, bias=False), nn.BatchNorm3d(width)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)), inplace=True)))
        if self.downsample is not None:
            x = self.downsample(x)
        elif self._stride != 1:
            # An average over windows of one element: every other element in time, height and width.
            x = functional.pad(
                x[:, :, :: self._stride, :: self._stride, :: self._stride], (0,) * 6 + (0, self._new_channels)
            )
        return functional.relu(out + x, inplace=True)


class ResNet3D34(nn.Module):
    """The network up to its average pooling.

    Source: K. Hara et al., Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?, CVPR 2018, table 1
    (shortcut A); H. Kataoka et al., arXiv:2004.04968, 2020 (shortcut B).
    """

    def __init__(self, shortcut: Shortcut) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, 64, 7, stride=(1, 2, 2), padding=3, bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        inputs = 64
        for stage, (count, width) in enumerate(zip(_BLOCKS, _WIDTHS, strict=True), start=1):
            blocks = [_Block(inputs, width, 1 if stage == 1 else 2, shortcut)]
            blocks += [_Block(width, width, 1, shortcut) for _ in range(count - 1)]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
            inputs = width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 3, frames, height, width), 16 of 112 x 112 as published, to (batch, 512): means over all."""
        x = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        x = functional.max_pool3d(x, 3, stride=2, padding=1)
        for stage in range(1, len(_BLOCKS) + 1):
            x = getattr(self, f"layer{stage}")(x)
        return x.mean(dim=(2, 3, 4))
