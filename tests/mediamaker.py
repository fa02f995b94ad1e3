"""Test videos made by script, with their truth known: frame n carries the number n, and clicks sound at known times.

`make_video` writes one file, `made` lends one that is kept; each distinct video is encoded once in a process. A number
is drawn as 16 bars across the picture (white is 1, most significant first) and read back with `read_number`; below the
bars the picture flashes white on frames on which a click begins.
"""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache, wraps
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from highlightr.media.ffmpeg import run_ffmpeg

BITS = 16
SIZE = (192, 144)
RATE = Fraction(25)
SAMPLE_RATE = 48_000
CLICK_EVERY_SECONDS = Fraction(2, 5)
"""One click per ten frames at 25 fps, the first at time zero."""
CLICK_SECONDS = 0.004
TIME_BASE = Fraction(1, 90_000)

Image = npt.NDArray[np.uint8]


@cache
def _folder() -> Path:
    atexit.register(remove_made)
    return Path(tempfile.mkdtemp(prefix="highlightr-made-"))


def remove_made() -> None:
    """Remove what was made, as the end of the process does."""
    if _folder.cache_info().currsize:
        shutil.rmtree(_folder(), ignore_errors=True)


def made(name: str, **how: Any) -> Path:
    """The video `name` (its suffix chooses the container) made with these arguments, once per test run.

    Do not write to it; copy it first.
    """
    path = _folder_of(name, how) / name
    if not path.exists():
        make_video(path, **how)
    return path


def _folder_of(name: str, how: Mapping[str, Any]) -> Path:
    """Where the video of this name, or all of this suffix alone, with these arguments is kept."""
    key = hashlib.sha256(repr((name, sorted(how.items()))).encode()).hexdigest()[:12]
    folder = _folder() / key
    folder.mkdir(exist_ok=True)
    return folder


def _encoded_once(make: Callable[..., Path]) -> Callable[..., Path]:
    """A copy of what was made with the same arguments before, if anything was."""

    @wraps(make)
    def make_or_copy(path: Path, **how: Any) -> Path:
        first = _folder_of(path.suffix, how) / f"first{path.suffix}"
        if not first.exists():
            make(first.with_name(f"unfinished{path.suffix}"), **how).rename(first)
        return Path(shutil.copyfile(first, path))

    return make_or_copy


def frame_times(seconds: float = 4.0, rate: Fraction = RATE) -> list[Fraction]:
    """When the frames of a constant-rate video appear."""
    return [k / rate for k in range(round(Fraction(seconds) * rate))]


def variable_times(seconds: float = 6.0, seed: int = 0) -> list[Fraction]:
    """Frames 20 to 300 ms apart, on whole milliseconds."""
    steps = np.random.default_rng(seed).integers(20, 300, size=int(seconds * 60))
    starts = np.concatenate([[0], np.cumsum(steps)])
    return [Fraction(int(start), 1000) for start in starts if start < seconds * 1000]


def draw(number: int, size: tuple[int, int] = SIZE, flash: bool = False) -> Image:
    """(height, width, 3) uint8: the number as bars in the upper half, grey or (flash) white below."""
    width, height = size
    picture = np.full((height, width, 3), 255 if flash else 60, np.uint8)
    bits = [(number >> (BITS - 1 - k)) & 1 for k in range(BITS)]
    columns = np.array([bits[min(BITS - 1, x * BITS // width)] * 255 for x in range(width)], np.uint8)
    picture[: height // 2] = columns[None, :, None]
    return picture


def read_number(image: Image) -> int:
    """The number drawn into a picture, whatever its size."""
    height, width = image.shape[:2]
    centres = [int((k + 0.5) * width / BITS) for k in range(BITS)]
    band = image[height // 8 : height * 3 // 8].mean(axis=(0, 2))
    return sum(int(band[x] > 128) << (BITS - 1 - k) for k, x in enumerate(centres))


def is_flash(image: Image) -> bool:
    """Whether the lower half is white."""
    return bool(image[image.shape[0] * 5 // 8 : image.shape[0] * 7 // 8].mean() > 160)


def clicks(seconds: float, sample_rate: int = SAMPLE_RATE) -> npt.NDArray[np.float32]:
    """(n,) float32: a short burst of 2 kHz every `CLICK_EVERY_SECONDS`, silence between."""
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    inside = np.mod(times + 1e-9, float(CLICK_EVERY_SECONDS)) < CLICK_SECONDS
    return (0.8 * np.cos(2 * np.pi * 2000 * times) * inside).astype(np.float32)


def click_times(samples: npt.NDArray[np.float32], sample_rate: int, threshold: float = 0.2) -> list[float]:
    """Seconds at which clicks begin."""
    loud = np.flatnonzero(np.abs(samples) > threshold)
    starts = loud[np.flatnonzero(np.diff(loud, prepend=-sample_rate) > sample_rate // 20)]
    return [float(start) / sample_rate for start in starts]


@_encoded_once
def make_video(
    path: Path,
    *,
    times: Sequence[Fraction] | None = None,
    seconds: float = 4.0,
    size: tuple[int, int] = SIZE,
    codec: str = "libx264",
    options: tuple[tuple[str, str], ...] = (("preset", "ultrafast"), ("crf", "16")),
    pix_fmt: str = "yuv420p",
    aspect: Fraction = Fraction(1),
    video: bool = True,
    second_size: tuple[int, int] | None = None,
    sound: bool = True,
    sound_codec: str = "aac",
    sound_start: float = 0.0,
    sound_seconds: float | None = None,
    channels: int = 1,
    offset: float = 0.0,
    rotation: int = 0,
    key_numbers: tuple[int, ...] = (),
    muxing: tuple[tuple[str, str], ...] = (),
) -> Path:
    """Write one video.

    Args:
        times: when each frame appears; by default every 1/25 s for `seconds`.
        aspect: sample aspect ratio.
        second_size: adds a second video stream of this size with inverted numbers.
        sound_start: the first sample's time; what would lie before it is left out.
        offset: added to every timestamp (matroska and mpegts keep it).
        size: of the upright picture.
        rotation: clockwise degrees a player must turn the stored picture by.
        key_numbers: frames that are made keyframes (IDR pictures with libx264's `forced-idr`).
        muxing: options of the container.
    """
    shown = list(times) if times is not None else frame_times(seconds)
    length = float(shown[-1]) + 1 / float(RATE) if times is not None else seconds
    target = path.with_name("unturned-" + path.name) if rotation else path
    with av.open(str(target), "w", options=dict(muxing)) as container:
        pictures: list[Any] = []
        sizes = [size, *([second_size] if second_size else [])] if video else []
        for upright in sizes:
            each = upright[::-1] if rotation % 180 else upright
            pictures.append(_add_video(container, codec, each, pix_fmt, aspect, dict(options)))
        track = container.add_stream(sound_codec, rate=SAMPLE_RATE, layout=_layout(channels)) if sound else None
        blocks = _sound_frames(sound_seconds or length, sound_start, offset, channels) if track is not None else []
        for number, time in enumerate(shown if video else []):
            while track is not None and blocks and blocks[0].pts <= (float(time) + offset) * SAMPLE_RATE:
                container.mux(track.encode(blocks.pop(0)))
            for which, stream in enumerate(pictures):
                flash = _clicks_during(time, shown[number + 1] if number + 1 < len(shown) else time + 1 / RATE)
                picture = draw(number if which == 0 else 0xFFFF - number, sizes[which], flash)
                stored = np.ascontiguousarray(np.rot90(picture, rotation // 90))
                frame = av.VideoFrame.from_ndarray(stored, format="rgb24").reformat(format=pix_fmt)
                frame.pts, frame.time_base = round((time + Fraction(offset)) / TIME_BASE), TIME_BASE
                if number in key_numbers:
                    frame.pict_type = av.video.frame.PictureType.I
                container.mux(stream.encode(frame))
        for stream in pictures:
            container.mux(stream.encode(None))
        if track is not None:
            for block in blocks:
                container.mux(track.encode(block))
            container.mux(track.encode(None))
    if rotation:
        turn(target, path, rotation)
        target.unlink()
    return path


def turn(source: Path, target: Path, clockwise_degrees: int, mirror: bool = False) -> None:
    """Copy a video with a display matrix that asks for a rotation."""
    flip = ["-display_hflip"] if mirror else []
    run_ffmpeg(
        ["-display_rotation", str(-clockwise_degrees), *flip, "-i", f"file:{source}", "-c", "copy", f"file:{target}"]
    )


OPEN_GOP: Mapping[str, Any] = {
    "options": (
        ("preset", "veryfast"),
        ("x264-params", "keyint=24:min-keyint=12:bframes=3:b-pyramid=normal:open-gop=1:scenecut=0"),
    )
}
"""B-frames that refer across keyframes."""

CLOSED_GOP: Mapping[str, Any] = {
    "options": (("preset", "veryfast"), ("x264-params", "keyint=25:min-keyint=25:bframes=3:scenecut=0"))
}
"""A keyframe every 25 frames, with B-frames."""


def _clicks_during(start: Fraction, stop: Fraction) -> bool:
    """Whether a click begins in [start, stop)."""
    return -(-start // CLICK_EVERY_SECONDS) * CLICK_EVERY_SECONDS < stop


def _add_video(container: Any, codec: str, size: tuple[int, int], pix_fmt: str, aspect: Fraction, options: Any) -> Any:
    stream = container.add_stream(codec, rate=int(RATE), options=options)
    stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
    stream.codec_context.sample_aspect_ratio = aspect
    stream.codec_context.time_base = stream.time_base = TIME_BASE
    return stream


def _layout(channels: int) -> str:
    return {1: "mono", 2: "stereo", 6: "5.1"}[channels]


def _sound_frames(seconds: float, start: float, offset: float, channels: int) -> list[Any]:
    samples = clicks(seconds)
    frames = []
    for first in range(round(start * SAMPLE_RATE), len(samples), 1024):
        block = np.repeat(samples[None, first : first + 1024], channels, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=_layout(channels))
        frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        frame.pts = first + round(offset * SAMPLE_RATE)
        frames.append(frame)
    return frames


def without_some_timestamps(folder: Path, *how: str) -> Path:
    """A transport stream of which every seventh picture has no timestamp; frames carry their numbers."""
    path, lossless = folder / "undated.ts", made("base.mkv", codec="ffv1", options=(), size=(160, 120))
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-g", "25", *how]
    run_ffmpeg(["-i", f"file:{lossless}", *coded, "-c:a", "aac", f"file:{path}"])
    data, count = bytearray(path.read_bytes()), 0
    for packet in range(0, len(data), 188):
        at = packet + (5 + data[packet + 4] if data[packet + 3] & 0x20 else 4)
        if data[packet + 1] & 0x40 and data[at : at + 4] == b"\0\0\1\xe0":
            count += 1
            if count % 7 == 0:
                data[at + 7] &= 0x3F
                data[at + 9 : at + 9 + data[at + 8]] = b"\xff" * data[at + 8]
    path.write_bytes(data)
    return path
