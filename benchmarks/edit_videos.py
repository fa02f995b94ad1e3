"""Videos whose parts are known, for `edit_quality`: stretches of real clips joined, a talk, and events in calm footage.

In: captioned clips and a generator. Out: `EditPlan`s (what is joined and what is asked for, drawn before anything is
written) and the files that they describe. A stretch is a whole number of frames long, so that joins lie where they
are said to lie.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from shutil import which

import numpy as np

from benchmarks.stitching import Captioned, Picture, stitch
from highlightr.core.types import FloatArray
from highlightr.media import probe
from highlightr.media.ffmpeg import run_ffmpeg

LONGEST_PART_SECONDS = 16.0
SHORTEST_PART_SECONDS = 4.0
ABSENT_QUERIES = 12
TRUE_QUERIES = 10

SAMPLE_RATE = 16_000
PAUSE_SECONDS = (0.4, 1.0)
HISS = 10 ** (-60 / 20)
"""Amplitude of the noise under a talk and under calm footage: no recording is digitally silent."""

ALIKE: Mapping[str, str] = {
    "vas_baby_video_01951.mp4": "baby crying",
    "vggsound_1aDnyPubxdY_118000_128000.mp4": "baby crying",
    "vas_dog_video_02677.mp4": "dog",
    "vf_v_ZNVhz7ctTq0.mp4": "dog",
    "vl_dog_barking.mp4": "dog",
    "vas_drum_video_02542.mp4": "drums",
    "vggsound_-Qowmc0P9ic_34000_44000.mp4": "drums",
    "vggsound_D1NO38P8vqI_284000_294000.mp4": "congas",
    "foleycrafter_vggsound_0.mp4": "congas",
    "vas_hammer_video_00323.mp4": "blacksmith",
    "foleycrafter_avsync_2.mp4": "blacksmith",
    "vggsound_0nib7bMm8BA_15000_25000.mp4": "canary",
    "vta_sam_gt_3-gt.mp4": "canary",
    "seeing_hearing_jy_M41E9Xo_000379.mp4": "canary",
    "vggsound_3HgbEKrbA9s_54000_64000.mp4": "double bass",
    "vggsound_54bz5yqN2IA_4000_14000.mp4": "double bass",
    "ligw_ave_22olCB3wQaA.mp4": "racing car",
    "vta_sam_gt_1-gt.mp4": "racing car",
}
"""Clips that show the same thing, by eye: either answers the other's caption."""


@dataclass(frozen=True)
class Stretch:
    """``[start_seconds, start_seconds + seconds)`` of a clip."""

    clip: Captioned
    start_seconds: float
    seconds: float


@dataclass(frozen=True)
class Asked:
    """A query, and the parts that answer it: none where it is not in the video."""

    text: str
    parts: tuple[int, ...]


def kind_of(clip: Captioned) -> str:
    """Clips of one kind answer each other's captions."""
    return ALIKE.get(clip.path.name, clip.path.name)


def asked_for(clip: Captioned, parts: Sequence[Captioned]) -> Asked:
    """A clip's caption, put to a video of these parts."""
    return Asked(clip.caption, tuple(index for index, part in enumerate(parts) if kind_of(part) == kind_of(clip)))


@dataclass(frozen=True)
class EditPlan:
    """A video to be joined."""

    stretches: tuple[Stretch, ...]
    asked: tuple[Asked, ...]
    picture: Picture

    @property
    def spans(self) -> list[tuple[float, float]]:
        """Where each part lies in the joined video."""
        edges = np.concatenate([[0.0], np.cumsum([each.seconds for each in self.stretches])])
        return [(float(start), float(stop)) for start, stop in pairwise(edges)]


def draw_plan(
    clips: Sequence[Captioned], elsewhere: Sequence[Captioned], picture: Picture, rng: np.random.Generator
) -> EditPlan:
    """Join one stretch of each clip in random order; every sixth clip comes in two or three stretches, placed apart.

    Args:
        clips: what the video is made of.
        elsewhere: clips whose captions are asked for in vain.
        picture: of the joined file.
        rng: draws order, lengths and queries.
    """
    stretches: list[Stretch] = []
    for number, clip in enumerate(clips):
        stretches += _stretches(clip, int(rng.integers(2, 4)) if number % 6 == 5 else 1, picture)
    for _ in range(100):
        order = [stretches[index] for index in rng.permutation(len(stretches))]
        if all(kind_of(first.clip) != kind_of(second.clip) for first, second in pairwise(order)):
            break
    return EditPlan(tuple(order), tuple(_queries(order, clips, elsewhere, rng)), picture)


def _stretches(clip: Captioned, count: int, picture: Picture) -> list[Stretch]:
    rate, whole = picture.frames_per_second, probe(clip.path).duration_seconds - 0.05
    count = max(1, min(count, int(whole / SHORTEST_PART_SECONDS)))
    frames = int(min(whole / count, LONGEST_PART_SECONDS) * rate)
    return [Stretch(clip, part * whole / count, frames / rate) for part in range(count)]


def _queries(
    order: Sequence[Stretch], clips: Sequence[Captioned], elsewhere: Sequence[Captioned], rng: np.random.Generator
) -> list[Asked]:
    parts = [part.clip for part in order]
    several = [clip for number, clip in enumerate(clips) if number % 6 == 5]
    rest = [clip for clip in clips if clip not in several]
    drawn = [*several, *(rest[index] for index in rng.permutation(len(rest)))][:TRUE_QUERIES]
    others = [asked for clip in elsewhere if not (asked := asked_for(clip, parts)).parts]
    absent = rng.choice(len(others), min(ABSENT_QUERIES, len(others)), replace=False)
    return [*(asked_for(clip, parts) for clip in drawn), *(others[index] for index in absent)]


def write_plan(plan: EditPlan, output: Path) -> None:
    """Join the stretches into a file."""
    stretches = [(each.start_seconds, each.seconds) for each in plan.stretches]
    stitch([each.clip for each in plan.stretches], output, plan.picture, stretches)


def write_with_sound(plan: EditPlan, sound: FloatArray, output: Path) -> None:
    """The same, under a soundtrack of its own, (n,) at `SAMPLE_RATE`."""
    with tempfile.TemporaryDirectory() as scratch:
        pictures, track = Path(scratch) / "pictures.mp4", Path(scratch) / "track.wav"
        write_plan(plan, pictures)
        write_sound(sound, track)
        maps = ["-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac"]
        run_ffmpeg(["-i", str(pictures), "-i", str(track), *maps, "-y", str(output)])


def write_take(plan: EditPlan, sound: FloatArray, output: Path) -> None:
    """The clip of its one stretch forwards and backwards, which no cut interrupts, as long as its soundtrack."""
    (stretch,), picture = plan.stretches, plan.picture
    with tempfile.TemporaryDirectory() as scratch:
        track = Path(scratch) / "track.wav"
        write_sound(sound, track)
        size = f"fps={picture.frames_per_second},scale={picture.width}:{picture.height},setsar=1"
        loop = f"[0:v]{size},split[a][b];[b]reverse[r];[a][r]concat=n=2,loop=-1:size=32767[v]"
        maps = ["-filter_complex", loop, "-map", "[v]", "-map", "1:a", "-t", f"{len(sound) / SAMPLE_RATE}"]
        coded = ["-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-c:a", "aac"]
        run_ffmpeg(["-i", str(stretch.clip.path), "-i", str(track), *maps, *coded, "-y", str(output)])


def write_sound(sound: FloatArray, output: Path) -> None:
    """A mono WAV file."""
    with wave.open(str(output), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, len(sound), "NONE", "not compressed"))
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def read_sound(path: Path) -> FloatArray:
    """(n,) float32 mono at `SAMPLE_RATE` of any file with sound."""
    with tempfile.TemporaryDirectory() as scratch:
        track = Path(scratch) / "track.wav"
        run_ffmpeg(["-i", str(path), "-vn", "-ac", "1", "-ar", str(SAMPLE_RATE), "-y", str(track)])
        with wave.open(str(track), "rb") as file:
            frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return np.asarray(frames / 32768, dtype=np.float32)


def hiss(seconds: float, rng: np.random.Generator) -> FloatArray:
    """Quiet noise."""
    return np.asarray(HISS * rng.standard_normal(round(seconds * SAMPLE_RATE)), dtype=np.float32)


def speak(
    sentences: Sequence[str], seconds: float, rng: np.random.Generator, *, once: bool = False
) -> tuple[FloatArray, list[Span]]:
    """A talk of espeak-ng's: sentences with pauses between them until the time is up, over and over unless `once`.

    Returns:
        The sound, and where each sentence lies.

    Raises:
        SystemExit: espeak-ng is not installed.
    """
    if which("espeak-ng") is None:
        raise SystemExit("the talk is spoken by espeak-ng: apt-get install espeak-ng, or leave it out (--sets)")
    sound, spans, at = hiss(seconds, rng), [], 0.5
    for number in range(len(sentences) if once else 10_000):
        said = _spoken(sentences[number % len(sentences)])
        if at + len(said) / SAMPLE_RATE > seconds:
            break
        first = round(at * SAMPLE_RATE)
        sound[first : first + len(said)] += said
        spans.append((at, at + len(said) / SAMPLE_RATE))
        at = spans[-1][1] + rng.uniform(*PAUSE_SECONDS)
    return sound, spans


Span = tuple[float, float]


def _spoken(sentence: str) -> FloatArray:
    """One sentence without the silence around it."""
    with tempfile.TemporaryDirectory() as scratch:
        track = Path(scratch) / "said.wav"
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "150", "-w", str(track), sentence], check=True)
        said = read_sound(track)
    loud = np.flatnonzero(np.abs(said) > 0.01)
    return said[loud[0] : loud[-1] + 1]


def place_events(
    sounds: Sequence[FloatArray], spans: Sequence[Span], every: int, rng: np.random.Generator
) -> tuple[FloatArray, list[Span]]:
    """Lay each sound over the middle of every n-th part of calm footage.

    Returns:
        The soundtrack, and where each event lies.
    """
    track, events = hiss(spans[-1][1], rng), []
    for sound, (start, stop) in zip(sounds, spans[every // 2 :: every], strict=False):
        at = start + (stop - start - len(sound) / SAMPLE_RATE) / 2
        first = round(at * SAMPLE_RATE)
        track[first : first + len(sound)] += sound
        events.append((at, at + len(sound) / SAMPLE_RATE))
    return track, events


def loudest(sound: FloatArray, seconds: float) -> FloatArray:
    """The stretch of most energy, made equally loud for all, with short ramps."""
    length = min(round(seconds * SAMPLE_RATE), len(sound))
    energy = np.concatenate([[0.0], np.cumsum(sound.astype(np.float64) ** 2)])
    first = int(np.argmax(energy[length:] - energy[:-length])) if len(sound) > length else 0
    chosen = sound[first : first + length]
    ramp = np.minimum(1.0, np.minimum(np.arange(length), np.arange(length)[::-1]) / (0.02 * SAMPLE_RATE))
    return np.asarray(chosen * ramp * 0.1 / max(float(np.sqrt(np.mean(chosen**2))), 1e-6), dtype=np.float32)
