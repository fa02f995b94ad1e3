"""What a consumer asks of the decode pass, and what it is handed.

A request says which samples are wanted; `decode` reads the file once and hands every request its items in order of
time. Times are in seconds from time zero (see `highlightr.core.types`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class FrameRequest:
    """The frame on screen at the middle of every interval: at ``(k + 0.5) / frames_per_second``, k = 0, 1, …

    Exactly ``ceil(duration * frames_per_second)`` frames come, whatever the file's own rate: the last interval's
    time is clamped into the video, and a frame is repeated where the file has fewer.
    """

    frames_per_second: float
    short_side: int | None = None
    """Scale (bicubic) so that the shorter side of the upright picture has this many pixels; `None`: as stored."""
    lead_seconds: float = 0.0
    """Look this long before the middle, for protocols that take the frame just before it."""


@dataclass(frozen=True)
class ThumbnailRequest:
    """A tiny picture of every frame that is decoded, for shot boundaries and motion."""

    width: int = 48
    height: int = 27


@dataclass(frozen=True)
class AudioRequest:
    """The whole soundtrack as mono at one sample rate, gaps filled with silence so that sample j is at j / rate."""

    sample_rate: int


SampleRequest = FrameRequest | ThumbnailRequest | AudioRequest


@dataclass(frozen=True)
class Frame:
    """One picture for a `FrameRequest`."""

    index: int
    """k: which interval of the request this is."""
    time_seconds: float
    """When the frame's own display began."""
    image: npt.NDArray[np.uint8]
    """(height, width, 3) uint8 RGB, upright, square pixels."""
    unseen_seconds: float = 0.0
    """From its time on, how long it stands for pictures that were not decoded, because they look like it."""
    ends_shot: bool = False
    """Whether another shot follows those."""


@dataclass(frozen=True)
class Thumbnail:
    """One tiny picture for a `ThumbnailRequest`."""

    time_seconds: float
    image: npt.NDArray[np.uint8]
    """(request.height, request.width, 3) uint8 RGB; rotation and aspect ignored."""
    unseen_seconds: float = 0.0
    """From its time on, how long it stands for pictures that were not decoded, because they look like it."""
    ends_shot: bool = False
    """Whether another shot follows those."""


@dataclass(frozen=True)
class AudioBlock:
    """The next stretch of sound for an `AudioRequest`; blocks follow each other without gap or overlap."""

    start_sample: int
    samples: npt.NDArray[np.float32]
    """(n,) float32 mono in [-1, 1]."""


Item = Frame | Thumbnail | AudioBlock
