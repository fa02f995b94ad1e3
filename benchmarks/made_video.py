"""A video to measure on where none is at hand: shots of moving texture, with sound, made by PyAV alone.

In: a length and a size. Out: an MP4 file, H.264 with a keyframe every 2 s, and where its shots begin. The pictures are
noise that is blurred, coloured and moved, a share of it new in every frame: harder to compress than a test card, easier
than a film.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

RATE = 25
SOUND_RATE = 48_000
SHOT_SECONDS = 3.0
_KEYFRAMES_SECONDS = 2
_COARSE = 18
"""Pixels of the picture per cell of noise, along each side."""

_GRAINS = 8
"""Different grains, which come round."""

Picture = npt.NDArray[np.uint8]


def make_video(path: Path, seconds: float, width: int = 1280, height: int = 720) -> list[float]:
    """Write the file, and return where its shots begin, in seconds; width and height are even."""
    frames = max(1, round(seconds * RATE))
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "23"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.gop_size = _KEYFRAMES_SECONDS * RATE
        sound = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for number in range(frames):
            picture = av.VideoFrame.from_ndarray(_picture(number, width, height), format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            container.mux(video.encode(picture))
            container.mux(sound.encode(_heard(number)))
        container.mux(video.encode())
        container.mux(sound.encode())
    return [first / RATE for first in range(0, frames, _shot_frames())]


def _shot_frames() -> int:
    return round(SHOT_SECONDS * RATE)


def _picture(number: int, width: int, height: int) -> Picture:
    """(height, width, 3): the shot's texture, moved on, with a fine grain that changes."""
    shot, since = divmod(number, _shot_frames())
    moved = np.roll(_texture(shot, width, height), (since * (1 + shot % 3), since * (2 + shot % 4)), axis=(0, 1))
    made: Picture = moved + _grain(number % _GRAINS, width, height)
    return made


@lru_cache(maxsize=1)
def _texture(shot: int, width: int, height: int) -> Picture:
    """Noise, blurred and coloured."""
    drawn = np.random.default_rng(shot)
    cells = drawn.integers(0, 240, (height // _COARSE, width // _COARSE, 3), dtype=np.uint8)
    cells = (cells * drawn.uniform(0.4, 1.0, 3)).astype(np.uint8)
    large: Picture = np.asarray(Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC))
    return np.minimum(large, 250)


@lru_cache(maxsize=_GRAINS)
def _grain(which: int, width: int, height: int) -> Picture:
    made: Picture = np.random.default_rng(which).integers(0, 5, (height, width, 1), dtype=np.uint8)
    return made


def _heard(number: int) -> av.AudioFrame:
    """One frame's sound: a tone of the shot, louder and softer."""
    length = SOUND_RATE // RATE
    times = (number * length + np.arange(length)) / SOUND_RATE
    tone = 220 * 2 ** (number // _shot_frames() % 12 / 12)
    samples = 0.3 * np.sin(2 * np.pi * tone * times) * (0.6 + 0.4 * np.sin(2 * np.pi * 1.5 * times))
    frame = av.AudioFrame.from_ndarray(samples.astype(np.float32)[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, number * length, Fraction(1, SOUND_RATE)
    return frame
