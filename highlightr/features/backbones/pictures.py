"""Single frames become rows: batches through a picture network, averaged per clip.

In: frames, a whole number per clip. Out: (num_clips, width) per stream.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from highlightr.core.types import TimeGrid
from highlightr.features.backbones.base import Backbone
from highlightr.features.base import Extracted, Extraction
from highlightr.features.clip_pooling import ClipBatches
from highlightr.media.sampling import Frame, FrameRequest

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


def squeezed_square(image: Pixels, pixels: int) -> Pixels:
    """The whole picture scaled (bilinear) to (pixels, pixels, 3), its aspect ignored."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((pixels, pixels), Image.Resampling.BILINEAR))


def central_square(image: Pixels, pixels: int) -> Pixels:
    """The (pixels, pixels, 3) square in the middle; half a pixel is rounded to even, as in torchvision.

    A picture whose shorter side is not at least `pixels` is scaled to it first (bilinear), so that any frame fits.
    """
    height, width = image.shape[:2]
    if min(height, width) < pixels:
        from PIL import Image

        factor = pixels / min(height, width)
        size = (max(pixels, round(width * factor)), max(pixels, round(height * factor)))
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
        height, width = image.shape[:2]
    top, left = round((height - pixels) / 2), round((width - pixels) / 2)
    return np.ascontiguousarray(image[top : top + pixels, left : left + pixels])


class PictureBackbone(Backbone):
    """A backbone that looks at frames one by one, a whole number of them per clip."""

    def start(self, grid: TimeGrid) -> Extraction[Frame]:
        """Open the state for one video; a `ConfigError` for a grid of other clips than frames are asked for."""
        self._check_clips(grid)
        batches = ClipBatches(grid, self.streams, self._forward, self._source.batch(self.batch, _INPUT_MIB))
        return PictureExtraction(grid, self.request, self._prepare, batches)

    @property
    @abstractmethod
    def request(self) -> FrameRequest:
        """Frames, a whole number per clip."""

    @abstractmethod
    def _prepare(self, image: Pixels) -> npt.NDArray[np.generic]:
        """A frame as the network takes it."""


@dataclass(eq=False)
class PictureExtraction(Extraction[Frame]):
    """Prepares frames, and hands each to its clip's batch."""

    grid: TimeGrid
    request: FrameRequest
    """Where the frames come from; its rate dates them."""
    prepare: Callable[[Pixels], npt.NDArray[np.generic]]
    """From a frame (height, width, 3) to what the network takes."""
    batches: ClipBatches

    def push(self, item: Frame) -> None:
        """Take the next frame; the network runs when a batch is full."""
        clip = int(self.grid.clip_index((item.index + 0.5) / self.request.frames_per_second))
        self.batches.add(clip, self.prepare(item.image))

    def finish(self) -> Extracted:
        """Run what is left; no streams if no frame came."""
        return Extracted(self.batches.finish())
