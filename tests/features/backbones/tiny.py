"""Backbones on random weights, small enough for a CPU: the published sampling at lower rates and smaller crops."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features import Extractor, create_extractor
from highlightr.features.backbones import i3d, kinetics
from highlightr.media.sampling import AudioBlock, AudioRequest, Frame, FrameRequest, Item

SMALL_I3D = replace(i3d.PROTOCOL, frames_per_second=10, short_side=32, crop=32, span=20, least_frames=10)
SMALL_FLOW = replace(
    SMALL_I3D, frames_per_second=4, short_side=128, crop=32, span=8, least_frames=11, whole_frames=True
)

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "clip": {},
    "clip-laion": {},
    "cnn14": {},
    "cnn14-16k": {},
    "i3d-flow": {"protocol": SMALL_FLOW, "flow_updates": 1},
    "i3d-r50": {"protocol": replace(kinetics.I3DR50.protocol, frames_per_second=8, crop=32, span=16)},
    "i3d-rgb": {"protocol": SMALL_I3D},
    "i3d-rgb-piergiaj": {"protocol": SMALL_I3D},
    "inception-imagenet": {},
    "inception-yt8m": {},
    "r3d34": {"protocol": replace(kinetics.R3D34.protocol, frames_per_second=16, crop=32, span=8, frames=8)},
    "r3d34-kinetics700": {
        "protocol": replace(kinetics.R3D34.protocol, frames_per_second=16, crop=32, span=8, frames=8)
    },
    "slowfast": {
        "protocol": replace(kinetics.SlowFast.protocol, frames_per_second=8, crop=32, span=16, frames=16, span_rate=8)
    },
}
"""Extractor to what makes it small. `i3d` is two streams that are here apart; `clip-classes` has its own tests."""


def small(name: str, clip_seconds: float, **more: Any) -> Extractor:
    return changed(name, clip_seconds=clip_seconds, **{"random_seed": 0, **OPTIONS[name], **more})


def changed(name: str, **options: Any) -> Extractor:
    """An extractor that differs from the published one in `protocol` or `flow_updates`."""
    own = {key: options.pop(key) for key in ("protocol", "flow_updates") if key in options}
    made = create_extractor(name, load=False, **options)
    vars(made).update(own)
    made.load()
    return made


def items(request: FrameRequest | AudioRequest, start: float, stop: float, event: float | None) -> Iterator[Item]:
    """A grey, still, quiet stretch of a video; for 0.3 s from `event` on it is bright and loud."""
    if isinstance(request, FrameRequest):
        yield from _frames(request, start, stop, event)
        return
    first, last = round(start * request.sample_rate), round(stop * request.sample_rate)
    for begin in range(first, last, request.sample_rate):
        times = np.arange(begin, min(begin + request.sample_rate, last)) / request.sample_rate
        yield AudioBlock(begin, _loudness(times, event) * _noise(len(times)))


def _frames(request: FrameRequest, start: float, stop: float, event: float | None) -> Iterator[Frame]:
    side = max(request.short_side or 32, 32)
    still = np.random.default_rng(1).integers(90, 110, (side, side + 8, 3), dtype=np.uint8)
    for index in range(round(start * request.frames_per_second), math.ceil(stop * request.frames_per_second - 1e-9)):
        middle = (index + 0.5) / request.frames_per_second
        seen = request.frames_per_second * 0.3 < 1
        first, last = index / request.frames_per_second, (index + 1) / request.frames_per_second
        hit = event is not None and (first <= event < last if seen else event <= middle < event + 0.3)
        yield Frame(index, middle, np.roll(still + 120, 5, axis=1) if hit else still)


def _loudness(times: FloatArray, event: float | None) -> FloatArray:
    hit = np.zeros(len(times), dtype=bool) if event is None else (times >= event) & (times < event + 0.3)
    return np.where(hit, 0.5, 0.001).astype(np.float32)


def _noise(count: int) -> FloatArray:
    return np.random.default_rng(2).standard_normal(count).astype(np.float32).clip(-2, 2)


def rows(
    extractor: Extractor, grid: TimeGrid, start: float, stop: float, event: float | None
) -> Mapping[str, FloatArray]:
    """The streams after the items of [start, stop) alone."""
    extraction = extractor.start(grid)
    for item in items(extractor.request, start, stop, event):  # type: ignore[arg-type]
        extraction.push(item)
    return extraction.finish().streams
