"""An hour of video through the real decode pass and the real placement, with networks that only measure brightness."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features import Extractor, create_extractor, extract
from highlightr.features.backbones.cnn14 import Cnn14
from highlightr.media import probe

HOUR = 3600
EVENTS = (1, 3599)
FRAMES_PER_SECOND = 2
RATE = 16_000
PICTURES = ("clip", "inception-yt8m", "r3d34")
SOUNDS = ("cnn14", "cnn14-16k", "logmel")


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Black and silent, but for a second of white with a burst of sound at each event."""
    path = tmp_path_factory.mktemp("hour") / "hour.mp4"
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=FRAMES_PER_SECOND)
        pictures.width, pictures.height, pictures.pix_fmt = 32, 24, "yuv420p"
        voices = container.add_stream("aac", rate=RATE, layout="mono")
        for second in range(HOUR):
            hit = second in EVENTS
            for _ in range(FRAMES_PER_SECOND):
                image = np.full((24, 32, 3), 235 if hit else 16, np.uint8)
                container.mux(pictures.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            times = np.arange(RATE) / RATE
            burst = (0.5 * np.sin(2 * np.pi * 440 * times) * ((times > 0.1) & (times < 0.9))).astype(np.float32)
            block = av.AudioFrame.from_ndarray((burst * hit)[None], format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = RATE, second * RATE, Fraction(1, RATE)
            container.mux(voices.encode(block))
        container.mux([*pictures.encode(None), *voices.encode(None)])
    return path


def brightness(extractor: Any, pixels: npt.NDArray[np.generic]) -> dict[str, FloatArray]:
    (width,) = extractor.streams.values()
    # A pixel in sixteen of the first channel is enough, and an hour has many pixels.
    few = np.asarray(pixels[..., ::16, ::16, 0], dtype=np.float32)
    means = few.reshape(len(few), -1).mean(axis=1, keepdims=True)
    return {next(iter(extractor.streams)): np.repeat(means, width, axis=1)}


def opened(name: str, monkeypatch: pytest.MonkeyPatch) -> Extractor:
    if name == "logmel":
        return create_extractor(name)
    extractor = create_extractor(name, clip_seconds=1.0, random_seed=0)
    if not isinstance(extractor, Cnn14):
        monkeypatch.setattr(extractor, "_forward", lambda pixels: brightness(extractor, pixels))
    return extractor


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_events_are_in_their_second_of_every_stream(hour: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = lambda own, chunks: {next(iter(own.streams)): np.square(chunks).mean(axis=1, keepdims=True)}  # noqa: E731
    monkeypatch.setattr(Cnn14, "_forward", quiet)
    source = probe(hour)
    grid = TimeGrid(source.duration_seconds, 1.0)
    features = extract(source, grid, [opened(name, monkeypatch) for name in (*PICTURES, *SOUNDS)])
    assert len(features.streams) == len(PICTURES) + len(SOUNDS)
    for stream, values in features.streams.items():
        strength = values.mean(axis=1)
        loudest = np.sort(np.argsort(strength)[-2:])
        assert loudest.tolist() == list(EVENTS), stream
        rest = np.delete(strength, EVENTS)
        # What is left of an event in other clips: nothing of a picture; of sound, the coder's smear over 64 ms.
        assert (rest - np.median(rest)).max() < 0.2 * (strength[list(EVENTS)].min() - np.median(rest)), stream
