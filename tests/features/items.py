"""Synthetic items, as the decode pass would hand them out, with an event at a known time."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features.base import Extracted, Extractor
from highlightr.media.sampling import (
    AudioBlock,
    AudioRequest,
    Frame,
    FrameRequest,
    Item,
    SampleRequest,
    Thumbnail,
    ThumbnailRequest,
)

THUMBNAILS_PER_SECOND = 25
EVENT_SECONDS = 0.2


def items(request: SampleRequest, duration: float, event: float | None = None, *, block: int = 1024) -> Iterator[Item]:
    """A still, quiet video of noise; from `event` on, for 0.2 s, it flickers and is loud."""
    if isinstance(request, FrameRequest):
        yield from _frames(request, duration, event)
    elif isinstance(request, ThumbnailRequest):
        yield from _thumbnails(request, duration, event)
    else:
        samples = sound(request, duration, event)
        for start in range(0, len(samples), block):
            yield AudioBlock(start, samples[start : start + block])


def sound(request: AudioRequest, duration: float, event: float | None) -> FloatArray:
    noise = np.random.default_rng(1).standard_normal(math.ceil(duration * request.sample_rate)).astype(np.float32)
    loudness = np.full(len(noise), 0.001, dtype=np.float32)
    if event is not None:
        first = round(event * request.sample_rate)
        loudness[first : first + round(EVENT_SECONDS * request.sample_rate)] = 0.3
    return noise * loudness


def run(extractor: Extractor, grid: TimeGrid, event: float | None = None, *, block: int = 1024) -> Extracted:
    extraction = extractor.start(grid)
    for item in items(extractor.request, grid.duration_seconds, event, block=block):
        extraction.push(item)
    return extraction.finish()


def _frames(request: FrameRequest, duration: float, event: float | None) -> Iterator[Frame]:
    still = np.random.default_rng(2).integers(100, 140, (256, 340, 3), dtype=np.uint8)
    for index in range(math.ceil(duration * request.frames_per_second - 1e-9)):
        first, last = index / request.frames_per_second, (index + 1) / request.frames_per_second
        hit = event is not None and first <= event < last
        yield Frame(index, min((first + last) / 2, duration), 255 - still // 4 if hit else still)


def _thumbnails(request: ThumbnailRequest, duration: float, event: float | None) -> Iterator[Thumbnail]:
    random = np.random.default_rng(3)
    still = random.integers(100, 140, (request.height, request.width, 3), dtype=np.uint8)
    for index in range(max(1, math.floor(duration * THUMBNAILS_PER_SECOND))):
        time = index / THUMBNAILS_PER_SECOND
        hit = event is not None and event <= time < event + EVENT_SECONDS
        # Moving, but the same colours: what a cut detector must not take for a cut.
        yield Thumbnail(time, np.roll(still, random.integers(1, 20), axis=1) if hit else still)
