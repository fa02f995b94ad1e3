"""Videos with a few moments worth a look, for scorers that take no query.

In: silent footage, recorded moments with their sound, recorded calm, and made sounds. Out: `Features` on the grid and
one label per clip, 1 where a moment is. Pictures are joined as features; sound is mixed as samples and heard by the
real extractors, because what two sounds make together is not the sum of what each makes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from highlightr.features import Extractor, create_extractor
from highlightr.media import decode, probe
from highlightr.media.taps import AudioBlock, AudioTap
from highlightr.timeline import Features, FloatArray, Shot, TimeGrid
from highlightr.training.lite.clips import CLIP_SECONDS, Take
from highlightr.training.lite.sounds import SAMPLE_RATE, background, event
from highlightr.training.lite.stitching import Part, draw_span, join

__all__ = ["Ears", "Eventful", "Recipe", "Sounding", "draw_eventful", "mix_recorded", "read_sound"]

_BLOCK_SAMPLES = 10 * SAMPLE_RATE
_FADE_SAMPLES = SAMPLE_RATE // 20


@dataclass(frozen=True)
class Sounding:
    """A take with its sound."""

    take: Take
    samples: FloatArray
    """(n,) float32 mono at 16 kHz."""


@dataclass(frozen=True)
class Recipe:
    """How a video is drawn."""

    parts: tuple[int, int] = (5, 10)
    """Fewest and most parts of silent footage."""
    recorded: tuple[int, int] = (0, 2)
    """Fewest and most recorded moments."""
    made: tuple[int, int] = (0, 2)
    """Fewest and most made sounds over footage; they count as moments."""
    calm: tuple[int, int] = (0, 2)
    """Fewest and most parts of recorded calm."""
    made_seconds: tuple[float, float] = (1.5, 6.0)
    background_db: tuple[float, float] = (-45.0, -22.0)
    """RMS of backgrounds, in dB of full scale."""
    sound_db: tuple[float, float] = (-38.0, -15.0)
    """RMS of moments and of recorded calm: a moment may be quieter than what surrounds it."""


@dataclass(frozen=True)
class Eventful:
    """A drawn video."""

    features: Features
    shots: tuple[Shot, ...]
    labels: FloatArray
    """(num_clips,) 1 where a moment covers at least half of the clip."""


class Ears:
    """The lite preset's extractors of sound, opened once."""

    def __init__(self) -> None:
        logmel = create_extractor("logmel", clip_seconds=CLIP_SECONDS, keep_signal=True)
        self._extractors: list[Extractor] = [create_extractor("yamnet", clip_seconds=CLIP_SECONDS), logmel]

    def hear(self, samples: FloatArray, features: Features) -> Features:
        """The features with the streams and signals of this sound in place of any others."""
        streams, signals = dict(features.streams), dict(features.signals)
        for extractor in self._extractors:
            extraction = extractor.start(features.grid)
            for start in range(0, len(samples), _BLOCK_SAMPLES):
                extraction.push(AudioBlock(start, samples[start : start + _BLOCK_SAMPLES]))
            found = extraction.finish()
            streams |= found.streams
            signals |= found.signals
        return Features(features.grid, streams, signals)


def read_sound(path: Path) -> FloatArray:
    """A video's sound as mono at 16 kHz; empty if it has none."""
    source = probe(path)
    if source.audio is None:
        return np.zeros(0, dtype=np.float32)
    blocks = [
        item.samples for _, item in decode(source, {"sound": AudioTap(SAMPLE_RATE)}) if isinstance(item, AudioBlock)
    ]
    return np.concatenate(blocks)


def draw_eventful(
    footage: Sequence[Take],
    moments: Sequence[Sounding],
    calm: Sequence[Sounding],
    recipe: Recipe,
    ears: Ears,
    rng: np.random.Generator,
) -> Eventful:
    """Draw one video; at least one moment is in it."""
    takes = [*footage, *(each.take for each in moments), *(each.take for each in calm)]
    sounds = {len(footage) + i: each.samples for i, each in enumerate([*moments, *calm])}
    parts = _order(footage, moments, calm, takes, recipe, rng)
    video = join(takes, parts)
    samples = _backgrounds(video.features.grid, recipe, rng)
    heard = np.zeros(len(samples), dtype=np.bool_)
    starts = np.concatenate([[0], np.cumsum([part.num_clips for part in parts])[:-1]])
    eventful = range(len(footage), len(footage) + len(moments))
    step = round(CLIP_SECONDS * SAMPLE_RATE)
    for part, start in zip(parts, starts.tolist(), strict=True):
        if part.take in sounds:
            _overlay(samples, sounds[part.take][part.start * step : part.stop * step], start * step, recipe, rng)
        if part.take in eventful:
            heard[start * step : (start + part.num_clips) * step] = True
    wanted = int(rng.integers(recipe.made[0], recipe.made[1] + 1))
    for _ in range(max(wanted, int(not heard.any()))):
        _add_made(samples, heard, recipe, rng)
    features = ears.hear(samples, video.features)
    return Eventful(features, video.shots, _labels(heard, video.features.grid))


def _count(bounds: tuple[int, int], available: int, rng: np.random.Generator) -> int:
    return min(available, int(rng.integers(bounds[0], bounds[1] + 1)))


def _order(
    footage: Sequence[Take],
    moments: Sequence[Sounding],
    calm: Sequence[Sounding],
    takes: Sequence[Take],
    recipe: Recipe,
    rng: np.random.Generator,
) -> list[Part]:
    first = 0
    chosen: list[int] = []
    for group, bounds in ((footage, recipe.parts), (moments, recipe.recorded), (calm, recipe.calm)):
        count = _count(bounds, len(group), rng)
        chosen += (first + rng.choice(len(group), count, replace=False)).tolist() if count else []
        first += len(group)
    return [draw_span(takes, int(take), rng) for take in rng.permutation(chosen)]


def _gain(samples: FloatArray, decibels: float) -> float:
    spread = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))) if len(samples) else 0.0
    return float(10 ** (decibels / 20) / max(spread, 1e-5))


def _backgrounds(grid: TimeGrid, recipe: Recipe, rng: np.random.Generator) -> FloatArray:
    """One to three backgrounds after each other, each at its own level."""
    edges = np.sort(rng.integers(0, grid.num_clips + 1, int(rng.integers(0, 3))))
    spans = np.diff(np.concatenate([[0], edges, [grid.num_clips]]))
    pieces = [
        background(seconds, rng) * 10 ** (rng.uniform(*recipe.background_db) / 20)
        for seconds in spans * CLIP_SECONDS
        if seconds
    ]
    return np.concatenate(pieces).astype(np.float32)


def mix_recorded(
    grid: TimeGrid, recorded: Sequence[tuple[float, FloatArray]], recipe: Recipe, rng: np.random.Generator
) -> FloatArray:
    """A soundtrack as long as the grid's clips: backgrounds, and each recording from its start, in seconds, on."""
    samples = _backgrounds(grid, recipe, rng)
    for start_seconds, own in recorded:
        start = round(start_seconds * SAMPLE_RATE)
        _overlay(samples, own[: len(samples) - start], start, recipe, rng)
    return samples


def _overlay(samples: FloatArray, piece: FloatArray, start: int, recipe: Recipe, rng: np.random.Generator) -> None:
    """A recording brings its own sound at a drawn level, which takes the background's place."""
    place = slice(start, start + len(piece))
    fade = np.minimum(1, np.minimum(np.arange(len(piece)), np.arange(len(piece))[::-1]) / _FADE_SAMPLES)
    gain = min(_gain(piece, rng.uniform(*recipe.sound_db)), 1 / max(float(np.abs(piece).max(initial=0)), 1e-5))
    samples[place] = samples[place] * (1 - fade) + gain * piece * fade


def _add_made(
    samples: FloatArray, heard: np.ndarray[tuple[int], np.dtype[np.bool_]], recipe: Recipe, rng: np.random.Generator
) -> None:
    sound = event(rng.uniform(*recipe.made_seconds), rng)[: len(samples)]
    start = int(rng.integers(0, len(samples) - len(sound) + 1))
    place = slice(start, start + len(sound))
    mixed = samples[place] + sound * min(1.0, _gain(sound, rng.uniform(*recipe.sound_db)))
    samples[place] = np.clip(mixed, -1, 1)
    heard[place] = True


def _labels(heard: np.ndarray[tuple[int], np.dtype[np.bool_]], grid: TimeGrid) -> FloatArray:
    share = heard.reshape(grid.num_clips, -1).mean(axis=1)
    return np.asarray(share >= 0.5, dtype=np.float32)
