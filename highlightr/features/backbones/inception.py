"""Inception-v3: what a frame shows, in the two protocols of Mr.HiSum's literature. They are not interchangeable.

In: one frame per second, whole. Out: `inception-yt8m` or `inception-imagenet`, (num_clips, 1024).
YouTube-8M: the 2015 network, the frame squeezed to 299 x 299, whitened components, 8 bit. ImageNet: torchvision's
network on the central 299 of 342, projected on the same components without mean or whitening.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.types import FloatArray
from highlightr.features.backbones.pictures import Colour, PictureBackbone, central_square, frames_per_clip, noise
from highlightr.features.engines.checkpoint import without
from highlightr.features.engines.network import Network
from highlightr.media.sampling import FrameRequest

if TYPE_CHECKING:
    import torch

INPUT_PIXELS = 299
FRAMES_PER_SECOND = 1.0

_PCA = "yt8m-pca"
_LIMIT = 2.0
"""YouTube-8M keeps whitened components within this."""


class _Inception(PictureBackbone):
    """What both protocols share: one frame per second, or one per clip if clips are shorter."""

    batch: ClassVar[Mapping[str, int]] = {"cpu": 8, "cuda": 64}
    short_side: ClassVar[int | None]
    mean: ClassVar[Colour]
    """Of a channel, for values in [0, 255]."""
    deviation: ClassVar[Colour]
    of_2015: ClassVar[bool]
    """Whether the network is TensorFlow's of 2015, and its components are whitened."""

    @property
    def request(self) -> FrameRequest:
        """A whole number of frames per clip, as near to one a second as that allows."""
        count = frames_per_clip(self._clip_seconds, FRAMES_PER_SECOND)
        return FrameRequest(count / self._clip_seconds, self.short_side)

    def _open(self) -> None:
        source, kind = self._source, type(self)

        def build() -> torch.nn.Module:
            import torch

            from highlightr.features.backbones import inception_net as nets
            from highlightr.features.backbones.wrappers import Normalised

            empty = nets.inception_2015 if kind.of_2015 else nets.inception_imagenet
            network: Any = source.open(kind.checkpoints[0], empty, without("fc.", "AuxLogits."))
            project = source.open(_PCA, lambda: nets.Projection(whiten=kind.of_2015), nets.pca_state)
            # The layout in which a CPU runs small convolutions a third faster.
            rows = torch.nn.Sequential(network.to(memory_format=torch.channels_last), project)
            return Normalised(rows, kind.mean, kind.deviation)

        example = np.stack([self._prepare(each) for each in noise(2, INPUT_PIXELS)])
        self._network = Network(source, self.name, self.checkpoints, build, example, batch=self.batch["cpu"])


class InceptionYT8M(_Inception):
    """The YouTube-8M protocol: visual features of Mr.HiSum.

    (x - 128) / 128, ``pool_3``, mean off, 1024 components over sqrt(eigenvalue + 1e-4), rounded to the 8 bit in [-2, 2]
    that YouTube-8M is distributed in and back, because scorers are trained on those. The frame is that in the middle of
    each second, where YouTube-8M took the first.

    Source: google/youtube-8m, feature_extractor.py and utils.py; its graph scales bilinearly without antialiasing,
    the corner pixels aligned at the top left, which `squeeze` repeats.
    """

    name: ClassVar[str] = "inception-yt8m"
    streams: ClassVar[Mapping[str, int]] = {"inception-yt8m": 1024}
    checkpoints: ClassVar[tuple[str, ...]] = ("inception-2015", _PCA)
    short_side: ClassVar[int | None] = None
    mean = deviation = (128.0,) * 3
    of_2015 = True

    def _prepare(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.generic]:
        return squeeze(image, INPUT_PIXELS)

    def _forward(self, inputs: npt.NDArray[Any]) -> Mapping[str, FloatArray]:
        rows = super()._forward(inputs)[self.name]
        return {self.name: dequantise(quantise(rows))}


class InceptionImageNet(_Inception):
    """torchvision's ImageNet weights and the plain projection that DAViHD's authors use; not the YouTube-8M protocol.

    Shorter side 342, central 299, ImageNet mean and deviation, average pooling, components without mean or whitening.

    Source: DAViHD's feature extraction code, which runs Keras's port of the weights with pictures scaled to [-1, 1];
    torchvision's port of the same checkpoint wants its own preprocessing, which ends in the same range.
    """

    name: ClassVar[str] = "inception-imagenet"
    streams: ClassVar[Mapping[str, int]] = {"inception-imagenet": 1024}
    checkpoints: ClassVar[tuple[str, ...]] = ("inception-v3-imagenet", _PCA)
    short_side: ClassVar[int | None] = 342
    mean = (0.485 * 255, 0.456 * 255, 0.406 * 255)
    deviation = (0.229 * 255, 0.224 * 255, 0.225 * 255)
    of_2015 = False

    def _prepare(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.generic]:
        return central_square(image, INPUT_PIXELS)


def squeeze(image: npt.NDArray[np.uint8], pixels: int) -> FloatArray:
    """Scale a picture (height, width, 3) uint8 to a square as TensorFlow 1's ``ResizeBilinear`` does, aspect ignored.

    Output pixel i reads the input at ``i * size / pixels``, between the two pixels there; (pixels, pixels, 3) float32
    in [0, 255].
    """
    above, below, down = _requests(image.shape[0], pixels)
    left, right, across = _requests(image.shape[1], pixels)
    rows = image[above].astype(np.float32)
    rows += (image[below] - rows) * down[:, None, None]
    near: FloatArray = rows[:, left]
    return near + (rows[:, right] - near) * across[None, :, None]


def _requests(size: int, pixels: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], FloatArray]:
    places = np.arange(pixels, dtype=np.float32) * np.float32(size / pixels)
    first = np.minimum(places.astype(np.int64), size - 1)
    return first, np.minimum(first + 1, size - 1), (places - first).astype(np.float32)


def quantise(rows: FloatArray) -> npt.NDArray[np.uint8]:
    """Components to 8 bit: [-2, 2] to 0 … 255, what lies outside to the ends.

    Source: google/youtube-8m, ``quantize``.
    """
    return np.rint((rows.clip(-_LIMIT, _LIMIT) + _LIMIT) * (255 / (2 * _LIMIT))).astype(np.uint8)


def dequantise(codes: npt.NDArray[np.uint8]) -> FloatArray:
    """8 bit to components, half a step up, as YouTube-8M's readers do.

    Source: google/youtube-8m, ``Dequantize``: ``codes * 4 / 255 + 4 / 512 - 2``.
    """
    return codes.astype(np.float32) * np.float32(4 / 255) + np.float32(4 / 512 - _LIMIT)
