"""Optical flow by RAFT, with what neighbouring pairs share computed once.

In: torchvision's RAFT. Out: its two parts, what is known of a frame and the flow of a pair, which together make what
its forward makes. That forward encodes every frame twice, as the second of one pair and the first of the next; repeats,
in each refinement, convolutions of a context that stays; and enlarges every refinement's flow, of which the last is
wanted. Without this a third of the work is left out, and nothing of the outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from highlightr.features.backbones.flow import STRIDE

_LEVELS = 4
_RADIUS = 4
"""Flow is looked for this many positions around where it points so far, in each level of the pyramid."""


class FrameCodes(nn.Module):
    """What RAFT has to know of each frame.

    Source: Z. Teed, J. Deng, RAFT, ECCV 2020, section 3.1; what the refinements make of the context is added.
    """

    def __init__(self, raft: Any) -> None:
        super().__init__()
        self.features, self.context = raft.feature_encoder, raft.context_encoder
        self.hidden_size: int = raft.update_block.hidden_state_size
        size = self.hidden_size
        recurrent = raft.update_block.recurrent_block
        self.gates = nn.ModuleList(
            _convolution(each.weight[:, size : -_motion_width(raft)], each, each.bias)
            for gru in (recurrent.convgru1, recurrent.convgru2)
            for each in (gru.convz, gru.convr, gru.convq)
        )

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """(batch, height, width, 3) in [0, 255] to (batch, codes, height / 8, width / 8)."""
        pictures = frames.permute(0, 3, 1, 2).float() * (2 / 255) - 1
        context = self.context(pictures)
        hidden, steady = torch.tanh(context[:, : self.hidden_size]), torch.relu(context[:, self.hidden_size :])
        return torch.cat([self.features(pictures), hidden, *(gate(steady) for gate in self.gates)], dim=1)


class PairFlow(nn.Module):
    """The flow from one frame to another, from their codes; `updates` refine it.

    Source: Z. Teed, J. Deng, RAFT, ECCV 2020, sections 3.2 and 3.3.
    """

    def __init__(self, raft: Any, updates: int) -> None:
        super().__init__()
        self.updates = updates
        self.hidden_size: int = raft.update_block.hidden_state_size
        block = raft.update_block
        self.motion, self.head, self.mask = block.motion_encoder, block.flow_head, raft.mask_predictor
        units = (block.recurrent_block.convgru1, block.recurrent_block.convgru2)
        self.recurrent = nn.ModuleList(_Gru(each, self.hidden_size, _motion_width(raft)) for each in units)
        steps = torch.arange(-_RADIUS, _RADIUS + 1, dtype=torch.float32)
        around = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1)
        self.register_buffer("around", around[None], persistent=False)  # (1, side, side, 2)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """(batch, 2, codes, height / 8, width / 8) to (batch, 2, height, width): x and y, pixels."""
        one, other = codes[:, 0], codes[:, 1]
        size = self.hidden_size
        width = one.shape[1] - 7 * size  # Features; hidden state and the context's part in six gates follow.
        levels = self._levels(one[:, :width], other[:, :width])
        hidden, gates = one[:, width : width + size], one[:, width + size :]
        places = _places(one)
        flow = torch.zeros_like(places)
        for _ in range(self.updates):
            motion = self.motion(flow, _looked_up(levels, places + flow))
            for index, gru in enumerate(self.recurrent):
                hidden = gru(hidden, motion, gates[:, 3 * index * size : 3 * (index + 1) * size])
            flow = flow + self.head(hidden)
        return _enlarged(flow, self.mask(hidden))

    def _levels(self, one: torch.Tensor, other: torch.Tensor) -> list[_Level]:
        """Correlations of every position of one with all of the other, and with means of ever more of them."""
        _, channels, rows, columns = one.shape
        # Divided first: products of 256 channels may be beyond the largest number of fp16.
        products = torch.matmul(one.flatten(2).transpose(1, 2) / channels**0.5, other.flatten(2))
        # In single precision, as places are: in a short type they would be off by tenths of a position.
        correlations, levels = products.view(-1, 1, rows, columns).float(), []
        for level in range(_LEVELS):
            if level:
                correlations = functional.avg_pool2d(correlations, 2)
            # Sampling takes places between -1, the first, and 1, the last.
            last = torch.stack([each[-1] for each in _axes(correlations)])
            levels.append(_Level(correlations, 2 / last / 2**level, self.get_buffer("around") * (2 / last) - 1))
        return levels


class _Level(NamedTuple):
    """A level of the pyramid of correlations, and how to sample it around places of the lowest."""

    correlations: torch.Tensor
    """(batch * rows * columns, 1, rows / 2^k, columns / 2^k)."""
    scale: torch.Tensor
    """(2,)."""
    around: torch.Tensor
    """(1, side, side, 2): added to the scaled place."""


class _Gru(nn.Module):
    """torchvision's ConvGRU, what comes from the context being given instead of computed each time."""

    def __init__(self, gru: Any, hidden: int, motion: int) -> None:
        super().__init__()
        update, reset, new = (_without_context(each, hidden, motion) for each in (gru.convz, gru.convr, gru.convq))
        self.gates = _convolution(torch.cat([update, reset]), gru.convz)
        self.new = _convolution(new, gru.convq)

    def forward(self, hidden: torch.Tensor, motion: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        size = hidden.shape[1]
        gates = torch.sigmoid(self.gates(torch.cat([hidden, motion], dim=1)) + context[:, : 2 * size])
        update, reset = gates[:, :size], gates[:, size:]
        new = torch.tanh(self.new(torch.cat([reset * hidden, motion], dim=1)) + context[:, 2 * size :])
        return (1 - update) * hidden + update * new


def _motion_width(raft: Any) -> int:
    """Channels of what the motion encoder makes; the recurrent block takes hidden state, context and these."""
    return int(raft.update_block.motion_encoder.conv[0].out_channels) + 2


def _without_context(convolution: nn.Conv2d, hidden: int, motion: int) -> torch.Tensor:
    return torch.cat([convolution.weight[:, :hidden], convolution.weight[:, -motion:]], dim=1)


def _convolution(weight: torch.Tensor, like: Any, bias: torch.Tensor | None = None) -> nn.Conv2d:
    """With this weight, placed as another."""
    made = nn.Conv2d(weight.shape[1], weight.shape[0], like.kernel_size, padding=like.padding, bias=bias is not None)
    made.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    if bias is not None:
        made.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return made


def _looked_up(levels: Sequence[_Level], places: torch.Tensor) -> torch.Tensor:
    """(batch, 2, rows, columns) places to (batch, levels * side^2, rows, columns) correlations around them."""
    batch, _, rows, columns = places.shape
    centres = places.permute(0, 2, 3, 1).reshape(-1, 1, 1, 2)
    found = []
    for level in levels:
        wanted = centres * level.scale + level.around
        near = functional.grid_sample(level.correlations, wanted, align_corners=True)
        found.append(near.view(batch, rows, columns, -1))
    return torch.cat(found, dim=-1).permute(0, 3, 1, 2)


def _axes(pictures: torch.Tensor) -> list[torch.Tensor]:
    """The columns' numbers and the rows', from 0: tensors, because a compiled network takes numbers for constants."""
    sides = (pictures.shape[-1], pictures.shape[-2])
    return [torch.arange(side, device=pictures.device, dtype=torch.float32) for side in sides]


def _places(codes: torch.Tensor) -> torch.Tensor:
    """(batch, 2, rows, columns): x and y of every position."""
    x, y = _axes(codes)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"))
    return grid.expand(codes.shape[0], -1, -1, -1)


def _enlarged(flow: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Each pixel's flow as a mean of the nine positions around it, weighted by the mask; eight times as long."""
    batch, _, rows, columns = flow.shape
    weights = mask.view(batch, 1, 9, STRIDE, STRIDE, rows, columns).softmax(dim=2)
    padded = functional.pad(STRIDE * flow, (1, 1, 1, 1))
    shifted = [padded[..., y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
    around = torch.stack(shifted, dim=2).view(batch, 2, 9, 1, 1, rows, columns)
    pixels = (weights * around).sum(dim=2)  # (batch, 2, 8, 8, rows, columns)
    return pixels.permute(0, 1, 4, 2, 5, 3).reshape(batch, 2, STRIDE * rows, STRIDE * columns)
