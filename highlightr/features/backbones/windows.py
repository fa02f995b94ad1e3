"""Frames of one clip become windows for a video network; their features, averaged, become the clip's row.

In: frames at a protocol's rate, in order. Out: (num_clips, width) per stream. A window never reaches into another
clip: a protocol whose window is longer than the clip sees the clip's own frames only, and the frames of a longer
clip are covered by as few evenly spaced windows as hold them all. Memory is one clip's frames and one batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.types import TimeGrid
from highlightr.features.backbones.base import Backbone
from highlightr.features.backbones.pictures import Pixels, central_square, squeezed_square
from highlightr.features.base import Extracted, Extraction
from highlightr.features.clip_pooling import ClipBatches
from highlightr.media.sampling import Frame, FrameRequest

_INPUT_MIB = 150
"""Memory of a forward per window, measured and rounded up."""


@dataclass(frozen=True)
class WindowProtocol:
    """How a video network's input is cut from a video."""

    frames_per_second: float
    short_side: int | None
    """Frames are scaled to this before the square is cut out; `None`: they come as stored."""
    crop: int
    """Side of the square, pixels."""
    span: int
    """Length of a window in frames at `frames_per_second`."""
    frames: int | None = None
    """Frames that the network sees of a window, evenly spaced; `None`: all there are."""
    least_frames: int = 1
    """A shorter window is filled with repeats of its last frame, because the network pools over time."""
    whole_frames: bool = False
    """Hand over frames uncropped, for a forward that crops later (optical flow)."""
    squeezed: bool = False
    """The whole frame is scaled to the square, its aspect ignored, in place of its centre."""
    first_only: bool = False
    """One window, of the clip's first frames: the source's own, each once."""
    span_rate: float | None = None
    """Windows are of the source's own frames, each once, and `span` counts frames at this rate: of a source with fps
    frames a second it is ``span * floor(fps) / span_rate`` of them. Then `frames_per_second` has only to be as high as
    the source's."""

    @property
    def request(self) -> FrameRequest:
        """The frames it needs."""
        return FrameRequest(self.frames_per_second, self.short_side)

    def prepared(self, image: Pixels) -> Pixels:
        """What is kept of a frame (height, width, 3)."""
        if self.whole_frames:
            return image
        return squeezed_square(image, self.crop) if self.squeezed else central_square(image, self.crop)


def window_indices(available: int, protocol: WindowProtocol, source_rate: float | None = None) -> npt.NDArray[np.int64]:
    """Which of a clip's frames make its windows.

    Args:
        source_rate: of the source, frames per second, where the protocol has a `span_rate`; that rate if not given.

    Returns:
        (num_windows, frames) int64, each below `available`. With `frames` given they are
        ``linspace(0, span - 1, frames)`` from each window's start, rounded down, and end at the clip's last frame.
    """
    span: float = protocol.span
    if protocol.span_rate and source_rate:
        span = max(1.0, protocol.span * math.floor(source_rate) / protocol.span_rate)
    num_windows = 1 if protocol.first_only else math.ceil(available / span)
    starts = np.rint(np.linspace(0, max(0, available - span), num_windows)).astype(np.int64)
    if protocol.frames is None:
        steps = np.arange(max(min(available, protocol.span), protocol.least_frames))
    else:
        steps = np.linspace(0, span - 1, protocol.frames).astype(np.int64)
    return np.minimum(starts[:, None] + steps, available - 1)


def frame_rate(times_seconds: Sequence[float]) -> float | None:
    """Frames per second of a source, from when neighbouring frames began; `None` if too few tell."""
    step = float(np.median(np.diff(times_seconds))) if len(times_seconds) > 1 else 0.0
    return round(1 / step, 3) if step > 0 else None


class WindowBackbone(Backbone):
    """A backbone that looks at windows of a clip's frames."""

    protocol: ClassVar[WindowProtocol]

    @property
    def request(self) -> FrameRequest:
        """Frames at the protocol's rate."""
        return self.protocol.request

    def start(self, grid: TimeGrid) -> Extraction[Frame]:
        """Open the state for one video."""
        batches = ClipBatches(grid, self.streams, self._forward, self._source.batch(self.batch, _INPUT_MIB))
        return WindowExtraction(grid, self.protocol, batches)


class WindowExtraction(Extraction[Frame]):
    """Gathers each clip's frames, runs its windows in batches, and averages them."""

    def __init__(self, grid: TimeGrid, protocol: WindowProtocol, batches: ClipBatches) -> None:
        self._grid, self._protocol, self._batches = grid, protocol, batches
        self._frames: list[Pixels] = []
        self._times: list[float] = []
        self._clip = 0

    def push(self, item: Frame) -> None:
        """Take the next frame; a clip is cut into windows when the first frame of the next one comes."""
        clip = int(self._grid.clip_index((item.index + 0.5) / self._protocol.frames_per_second))
        if clip != self._clip:
            self._close()
            self._clip = clip
        each_once = self._protocol.first_only or self._protocol.span_rate is not None
        if each_once and self._times and item.time_seconds == self._times[-1]:
            return  # The frame before, once more.
        if self._protocol.first_only and len(self._frames) == self._protocol.span:
            return
        self._times.append(item.time_seconds)
        self._frames.append(self._protocol.prepared(item.image))

    def finish(self) -> Extracted:
        """Run what is left; no streams if no frame came."""
        self._close()
        return Extracted(self._batches.finish())

    def _close(self) -> None:
        if not self._frames:
            return
        frames, self._frames = self._frames, []
        times, self._times = self._times, []
        for indices in window_indices(len(frames), self._protocol, frame_rate(times)):
            self._batches.add(self._clip, np.stack([frames[index] for index in indices]))
