"""Kinetics networks with residual blocks: SlowFast and I3D-R50 from pytorchvideo, 3D ResNet-34 from its authors.

In: frames at a protocol's rate. Out: one stream each, (num_clips, width): means over time and picture of the last
feature maps, before the classifier. Pictures are scaled, cut to the central square and normalised as published.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from highlightr.features.backbones.base import Backbone, quiet_import
from highlightr.features.backbones.pictures import Colour, noise
from highlightr.features.backbones.windows import WindowBackbone, WindowProtocol
from highlightr.features.engines.checkpoint import without
from highlightr.features.engines.network import Network
from highlightr.features.engines.source import NetworkSource

if TYPE_CHECKING:
    import torch


class _Kinetics(WindowBackbone):
    """What the extractors below share."""

    batch: ClassVar[Mapping[str, int]] = {"cpu": 2, "cuda": 16}
    mean: ClassVar[Colour]
    """Of a channel, for values in [0, 255]."""
    deviation: ClassVar[Colour]

    def _open(self) -> None:
        source = self._source
        kind = type(self)

        def build() -> torch.nn.Module:
            from highlightr.features.backbones.wrappers import Normalised

            return Normalised(kind._build(source), kind.mean, kind.deviation)

        frames = self.protocol.frames
        assert frames is not None, "every protocol here says how many frames the network sees"
        example = noise(1, frames, self.protocol.crop)
        self._network = Network(source, self.name, self.checkpoints, build, example, batch=self.batch["cpu"])

    @classmethod
    def _build(cls, source: NetworkSource) -> torch.nn.Module:
        """From (batch, 3, frames, height, width), normalised, to (batch, width)."""
        raise NotImplementedError


class SlowFast(_Kinetics):
    """SlowFast 8x8 R50 on Kinetics-400: 2048 slow and 256 fast channels, for QVHighlights.

    Of a clip's own frames ``linspace(0, 64 * floor(fps) / 30 - 1, 32)``, rounded down and ended at the clip's last, go
    to the fast pathway, and ``linspace(0, 31, 8)`` of those to the slow one; fps is the source's.

    Source: C. Feichtenhofer et al., ICCV 2019; sampling as in HERO and Lighthouse, which run PySlowFast's weights
    where this runs pytorchvideo's training of the same model: the two are not to be mixed.
    """

    name: ClassVar[str] = "slowfast"
    streams: ClassVar[Mapping[str, int]] = {"slowfast": 2304}
    checkpoints: ClassVar[tuple[str, ...]] = ("slowfast-r50",)
    packages: ClassVar[tuple[str, ...]] = (*Backbone.packages, "pytorchvideo")
    protocol: ClassVar[WindowProtocol] = WindowProtocol(
        frames_per_second=60, short_side=224, crop=224, span=64, frames=32, span_rate=30
    )
    mean: ClassVar[Colour] = (0.45 * 255,) * 3
    deviation: ClassVar[Colour] = (0.225 * 255,) * 3

    @classmethod
    def _build(cls, source: NetworkSource) -> torch.nn.Module:
        from highlightr.features.backbones.wrappers import SlowFastRows

        hub = quiet_import("pytorchvideo.models.hub")
        return SlowFastRows(source.open("slowfast-r50", lambda: hub.slowfast_r50(pretrained=False)))


class I3DR50(_Kinetics):
    """I3D on a ResNet-50, 8 frames with stride 8, Kinetics-400.

    Eight of a clip's frames at 30 a second, ``linspace(0, 63, 8)`` from each window's start.

    Source: pytorchvideo's model zoo, I3D R50 8x8 (X. Wang et al., Non-local Neural Networks, CVPR 2018).
    """

    name: ClassVar[str] = "i3d-r50"
    streams: ClassVar[Mapping[str, int]] = {"i3d_r50": 2048}
    checkpoints: ClassVar[tuple[str, ...]] = ("i3d-r50",)
    packages: ClassVar[tuple[str, ...]] = (*Backbone.packages, "pytorchvideo")
    protocol: ClassVar[WindowProtocol] = WindowProtocol(
        frames_per_second=30, short_side=256, crop=224, span=64, frames=8
    )
    mean: ClassVar[Colour] = (0.45 * 255,) * 3
    deviation: ClassVar[Colour] = (0.225 * 255,) * 3

    @classmethod
    def _build(cls, source: NetworkSource) -> torch.nn.Module:
        from highlightr.features.backbones.wrappers import ResNetRows

        hub = quiet_import("pytorchvideo.models.hub")
        return ResNetRows(source.open("i3d-r50", lambda: hub.i3d_r50(pretrained=False)))


class _R3D34(_Kinetics):
    """Windows of 16 neighbouring frames at 25 a second, as few as cover the clip; shorter side and crop 112."""

    protocol: ClassVar[WindowProtocol] = WindowProtocol(
        frames_per_second=25, short_side=112, crop=112, span=16, frames=16
    )
    shortcut: ClassVar[Literal["A", "B"]]
    """As `ResNet3D34` has it."""

    @classmethod
    def _build(cls, source: NetworkSource) -> torch.nn.Module:
        from highlightr.features.backbones.r3d34_net import ResNet3D34

        return source.open(cls.checkpoints[0], lambda: ResNet3D34(cls.shortcut), without("fc."))


class R3D34(_R3D34):
    """3D ResNet-34, Kinetics-400, shortcut A (2018): the visual features of DAViHD on TVSum.

    RGB in [0, 255] minus the mean of Kinetics, not divided. Which R3D-34 the protocol used is not confirmed.

    Source: K. Hara et al., CVPR 2018; kenshohara/video-classification-3d-cnn-pytorch.
    """

    name: ClassVar[str] = "r3d34"
    streams: ClassVar[Mapping[str, int]] = {"r3d34": 512}
    checkpoints: ClassVar[tuple[str, ...]] = ("r3d34-kinetics400",)
    shortcut = "A"
    mean: ClassVar[Colour] = (114.7748, 107.7354, 99.4750)
    deviation: ClassVar[Colour] = (1.0, 1.0, 1.0)


class R3D34Kinetics700(_R3D34):
    """3D ResNet-34, Kinetics-700, shortcut B (2020): not the same features as `R3D34`.

    Source: H. Kataoka et al., arXiv:2004.04968; kenshohara/3D-ResNets-PyTorch.
    """

    name: ClassVar[str] = "r3d34-kinetics700"
    streams: ClassVar[Mapping[str, int]] = {"r3d34_kinetics700": 512}
    checkpoints: ClassVar[tuple[str, ...]] = ("r3d34-kinetics700",)
    shortcut = "B"
    mean: ClassVar[Colour] = (0.4345 * 255, 0.4051 * 255, 0.3775 * 255)
    deviation: ClassVar[Colour] = (0.2768 * 255, 0.2713 * 255, 0.2737 * 255)
