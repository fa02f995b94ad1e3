"""A short video with a flash and a click at 2.3 s, one without sound, and one that is broken."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

SECONDS = 5
EVENT = 2.3
RATE = 16_000


def write_video(path: Path, *, sound: bool = True, seconds: int = SECONDS) -> Path:
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        voices = container.add_stream("aac", rate=RATE, layout="mono") if sound else None
        for index in range(10 * seconds):
            bright = EVENT <= index / 10 < EVENT + 0.3
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 230 if bright else 60, np.uint8), format="rgb24")
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        if voices is not None:
            samples = np.zeros((1, RATE * seconds), dtype=np.float32)
            samples[:, round(EVENT * RATE) : round((EVENT + 0.2) * RATE)] = 0.7
            for start in range(0, samples.shape[1] - 1023, 1024):
                block = av.AudioFrame.from_ndarray(samples[:, start : start + 1024], format="fltp", layout="mono")
                block.sample_rate, block.pts, block.time_base = RATE, start, Fraction(1, RATE)
                container.mux(voices.encode(block))
            container.mux(voices.encode(None))
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "it's 100%.mp4")


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    return write_video(tmp_path / "silent.mp4", sound=False)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no video")
    return path
