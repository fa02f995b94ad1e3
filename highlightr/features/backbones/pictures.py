"""Single frames become rows: batches through a picture network, averaged per clip.

In: frames, a whole number per clip. Out: (num_clips, width) per stream.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features.backbones.base import Backbone
from highlightr.features.base import Extracted, Extraction, expect
from highlightr.features.clip_pooling import ClipBatches
from highlightr.media.sampling import Frame, FrameRequest, Item

Pixels = npt.NDArray[np.uint8]
Colour = tuple[float, float, float]

_INPUT_MIB = 40
"""Memory of a forward per picture, measured and rounded up."""


def frames_per_clip(clip_seconds: float, frames_per_second: float) -> int:
    """The whole number of frames per clip that is nearest to a rate, at least 1."""
    return max(1, round(clip_seconds * frames_per_second))


def noise(batch: int, *shape: int) -> Pixels:
    """(batch, *shape, 3): pictures of one side, or windows, to trace and to check a network with."""
    sides = (*shape, shape[-1])
    return np.random.default_rng(0).integers(0, 256, (batch, *sides, 3), dtype=np.uint8)


class PictureBackbone(Backbone):
    """A backbone that looks at frames one by one, a whole number of them per clip."""

    modality: ClassVar[str] = "visual"
    batch: ClassVar[Mapping[str, int]]
    """Pictures per forward, for ``cpu`` and ``cuda``."""

    def start(self, grid: TimeGrid) -> Extraction:
        """Open the state for one video.

        Raises:
            ConfigError: a grid of another clip length than the frames are asked for.
        """
        self._check_clips(grid)
        batch = self._source.batch(self.batch, _INPUT_MIB)
        return PictureExtraction(self.name, grid, self.request, self.streams, self._prepare, self._forward, batch)

    @property
    @abstractmethod
    def request(self) -> FrameRequest:
        """Frames, a whole number per clip."""

    @abstractmethod
    def _prepare(self, image: Pixels) -> npt.NDArray[np.generic]:
        """A frame as the network takes it."""

    @abstractmethod
    def _forward(self, pictures: npt.NDArray[np.generic]) -> Mapping[str, FloatArray]:
        """Streams of a batch."""


class PictureExtraction(Extraction):
    """Runs a picture network over frames as batches fill.

    Args:
        request: the request that the frames come from; its rate dates them.
        prepare: from a frame (height, width, 3) to the network's square, uint8.
        forward: from (batch, height, width, 3) uint8 to (batch, width) per stream.
    """

    def __init__(
        self,
        owner: str,
        grid: TimeGrid,
        request: FrameRequest,
        widths: Mapping[str, int],
        prepare: Callable[[Pixels], npt.NDArray[np.generic]],
        forward: Callable[[npt.NDArray[np.generic]], Mapping[str, FloatArray]],
        batch: int,
    ) -> None:
        self._owner, self._grid, self._request, self._prepare = owner, grid, request, prepare
        self._batches = ClipBatches(grid, widths, forward, batch)

    def push(self, item: Item) -> None:
        """Take the next frame; the network runs when a batch is full."""
        item = expect(item, Frame, self._owner)
        clip = int(self._grid.clip_index((item.index + 0.5) / self._request.frames_per_second))
        self._batches.add(clip, self._prepare(item.image))

    def finish(self) -> Extracted:
        """Run what is left; no streams if no frame came."""
        return Extracted(self._batches.finish())
