"""What stands around a published network so that it goes from what an extractor hands over to one row per input.

Pictures (batch, height, width, 3), windows (batch, frames, height, width, 3) in [0, 255], or sound (batch, samples) in;
(batch, width) out. The colours' normalisation is inside, so that a compiled network takes bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn


class _Wrapper(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network


class Normalised(_Wrapper):
    """(values - mean) / deviation per channel, for values in [0, 255], then `network` on (batch, 3, ...) float."""

    def __init__(self, network: nn.Module, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__(network)
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("deviation", torch.tensor(deviation), persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(batch, ..., 3) to (batch, width); the picture keeps its layout in memory, which is channels last."""
        shape = (-1, *(1,) * (pixels.ndim - 2))
        mean, deviation = self.get_buffer("mean").view(shape), self.get_buffer("deviation").view(shape)
        axes = (0, pixels.ndim - 1, *range(1, pixels.ndim - 1))
        return self.network((pixels.permute(axes).float() - mean) / deviation)


FLOW_LIMIT_PIXELS = 20.0
"""Faster motion looks like this."""


class CodedFlow(_Wrapper):
    """Optical flow as I3D was given it, in 8 bit, then the network.

    Source: deepmind/kinetics-i3d, issue 61; its upper end, 255.5, rounds to 256, which this keeps.
    """

    def forward(self, flow: torch.Tensor) -> torch.Tensor:
        """(batch, frames, 2, height, width) pixels to (batch, width)."""
        return self.network(self.coded(flow))

    @staticmethod
    def coded(flow: torch.Tensor) -> torch.Tensor:
        """(batch, frames, 2, height, width) to (batch, 2, frames, height, width), -1 to 1.008 in steps of 2 / 255."""
        limited = flow.clamp(-FLOW_LIMIT_PIXELS, FLOW_LIMIT_PIXELS)
        steps = (128 + 255 / (2 * FLOW_LIMIT_PIXELS) * limited).round()
        return (steps * (2 / 255) - 1).transpose(1, 2)


def run_in_single_precision(part: nn.Module) -> None:
    """For a part of a network whose numbers reach further than a short type does, whatever the rest runs in."""
    forward = part.forward

    def exact(values: torch.Tensor) -> torch.Tensor:
        with torch.autocast(values.device.type, enabled=False):
            return forward(values.float())

    # Not a module around it, so that the names of its tensors stay.
    part.forward = exact


class Embedding(_Wrapper):
    """The layer of PANNs' networks before the classifier."""

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        """(batch, samples) to (batch, width)."""
        return self.network(sound)["embedding"]


class ResNetRows(_Wrapper):
    """pytorchvideo's residual network but for its head, whose 7 x 7 average is the mean over the picture at 224."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 3, frames, height, width) to (batch, width)."""
        for block in self.network.blocks[:-1]:
            x = block(x)
        return x.mean(dim=(2, 3, 4))


class SlowFastRows(_Wrapper):
    """Both pathways of pytorchvideo's SlowFast: the frames given are the fast one's, every fourth is the slow one's."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 3, frames, height, width) to (batch, slow and fast widths)."""
        # Numbers, not tensors: onnxruntime's linspace rounds otherwise, and another frame would be taken.
        frames = int(x.shape[2])
        slow = torch.linspace(0, frames - 1, frames // 4).long().tolist()
        # The network writes into the list it is given.
        pathways = [x[:, :, slow], x]
        for block in self.network.blocks[:5]:
            pathways = block(pathways)
        return torch.cat([maps.mean(dim=(2, 3, 4)) for maps in pathways], dim=1)
