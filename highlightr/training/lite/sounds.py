"""Sounds made on purpose: events that a viewer would turn to, and backgrounds that nobody would.

In: a generator and a length in seconds. Out: (samples,) float32 mono at 16 kHz, events with peak 1, backgrounds with
RMS 1. Each kind draws its pitch, rate, decay and colour anew. No recording is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from highlightr.timeline import FloatArray

__all__ = ["BACKGROUNDS", "EVENTS", "SAMPLE_RATE", "background", "event"]

SAMPLE_RATE = 16_000

Wave = npt.NDArray[np.float64]
Maker = Callable[[int, np.random.Generator], Wave]


def event(seconds: float, rng: np.random.Generator) -> FloatArray:
    """A random event."""
    wave = EVENTS[str(rng.choice(list(EVENTS)))](round(seconds * SAMPLE_RATE), rng)
    return np.asarray(wave / max(float(np.abs(wave).max()), 1e-9), dtype=np.float32)


def background(seconds: float, rng: np.random.Generator) -> FloatArray:
    """A random background; silence is one of them."""
    wave = BACKGROUNDS[str(rng.choice(list(BACKGROUNDS)))](round(seconds * SAMPLE_RATE), rng)
    return np.asarray(wave / max(float(np.sqrt((wave**2).mean())), 1e-9), dtype=np.float32)


def _times(samples: int) -> Wave:
    return np.arange(samples) / SAMPLE_RATE


def _coloured(samples: int, exponent: float, rng: np.random.Generator, low: float = 20.0, high: float = 8000.0) -> Wave:
    """Noise whose power falls with frequency^exponent, between two frequencies."""
    hertz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    shape = np.where((hertz >= low) & (hertz <= high), np.maximum(hertz, low) ** (-exponent / 2), 0.0)
    spectrum = shape * (rng.standard_normal(len(hertz)) + 1j * rng.standard_normal(len(hertz)))
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise / max(float(noise.std()), 1e-12))


def _slow(samples: int, per_second: float, rng: np.random.Generator) -> Wave:
    """A curve in [0, 1] that wanders `per_second` times a second."""
    points = rng.random(max(2, int(samples / SAMPLE_RATE * per_second) + 2))
    return np.interp(np.linspace(0, len(points) - 1, samples), np.arange(len(points)), points)


def _tone(hertz: Wave | float, samples: int, rng: np.random.Generator, partials: int, fall: float = 1.0) -> Wave:
    """A harmonic tone whose pitch may glide."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, (samples,))) / SAMPLE_RATE
    shifts = rng.random(partials) * 2 * np.pi
    parts = [np.sin((k + 1) * phase + shifts[k]) / (k + 1) ** fall for k in range(partials)]
    return np.asarray(np.sum(parts, axis=0))


def _struck(samples: int, starts: npt.NDArray[np.int64], hit: Callable[[int], Wave], loud: Wave) -> Wave:
    """Hits added at their starts."""
    wave = np.zeros(samples)
    for start, loudness in zip(starts, loud, strict=True):
        sound = hit(samples - int(start))[: samples - int(start)]
        wave[start : start + len(sound)] += loudness * sound
    return wave


def _decaying(samples: int, seconds: float) -> Wave:
    return np.exp(-_times(samples) / seconds)


def _bangs(samples: int, rng: np.random.Generator) -> Wave:
    """Shots, fireworks, explosions: noise that starts at once and dies away, low after high."""
    count = int(rng.integers(1, 2 + samples // SAMPLE_RATE * 2))
    fall, tail = rng.uniform(0.5, 2.5), rng.uniform(0.05, 0.8)

    def hit(left: int) -> Wave:
        length = min(left, int(6 * tail * SAMPLE_RATE) + 16)
        return _coloured(length, fall, rng, low=30) * _decaying(length, tail)

    return _struck(samples, np.sort(rng.integers(0, samples, count)), hit, rng.uniform(0.3, 1, count))


def _applause(samples: int, rng: np.random.Generator) -> Wave:
    """Clapping: many short clicks a second, each of its own colour."""
    count = max(1, int(samples / SAMPLE_RATE * rng.uniform(15, 150)))
    centre = rng.uniform(800, 2500)

    def hit(left: int) -> Wave:
        length = min(left, 480)
        return _coloured(length, 0, rng, low=centre * 0.5, high=centre * 2) * _decaying(length, 0.006)

    return _struck(samples, rng.integers(0, samples, count), hit, rng.uniform(0.2, 1, count))


def _cheer(samples: int, rng: np.random.Generator) -> Wave:
    """Many voices: bands of noise that swell."""
    bands = [_coloured(samples, 1, rng, low=f, high=1.5 * f) * _slow(samples, 3, rng) for f in (400, 800, 1600, 2600)]
    swell = np.minimum(1, _times(samples) / rng.uniform(0.2, 1.5))
    return np.asarray(np.sum(bands, axis=0) * swell)


def _calls(samples: int, rng: np.random.Generator) -> Wave:
    """Barks, cries, shouts, laughter: harmonic bursts whose pitch rises and falls."""
    length = int(rng.uniform(0.08, 0.7) * SAMPLE_RATE)
    gap = int(length * rng.uniform(1.2, 3))
    pitch, bend = rng.uniform(180, 900), rng.uniform(-0.4, 0.6)

    def hit(left: int) -> Wave:
        size = min(left, length)
        along = np.arange(size) / length
        glide = pitch * (1 + bend * np.sin(np.pi * along)) * rng.uniform(0.9, 1.1)
        rough = 0.2 * _coloured(size, 1, rng, low=500) if size > 64 else 0.0
        return np.asarray((_tone(glide, size, rng, 12, 0.7) + rough) * np.sin(np.pi * np.minimum(1, along)) ** 0.5)

    starts = np.arange(0, samples, gap)
    return _struck(samples, starts, hit, rng.uniform(0.6, 1, len(starts)))


def _drums(samples: int, rng: np.random.Generator) -> Wave:
    """A beat: low strokes and noisy ones in time."""
    step = int(SAMPLE_RATE * 60 / rng.uniform(80, 180) / rng.choice([1, 2, 4]))
    pitch = rng.uniform(50, 180)

    def hit(left: int) -> Wave:
        length = min(left, int(0.35 * SAMPLE_RATE))
        low = np.sin(2 * np.pi * pitch * _times(length) * (1 + 0.5 * _decaying(length, 0.03)))
        noise = _coloured(length, 0, rng, low=1500) if rng.random() < 0.5 else 0.0
        return np.asarray(low * _decaying(length, 0.12) + 0.6 * noise * _decaying(length, 0.04))

    starts = np.arange(0, samples, step)
    return _struck(samples, starts, hit, rng.uniform(0.4, 1, len(starts)))


def _siren(samples: int, rng: np.random.Generator) -> Wave:
    """Sirens, whistles, alarms: a tone that glides or trills."""
    low, high = np.sort(rng.uniform(500, 3000, 2))
    turn = np.sin(2 * np.pi * rng.uniform(0.2, 6) * _times(samples))
    return _tone(low + (high - low) * (turn + 1) / 2, samples, rng, 3, 1.5)


def _crash(samples: int, rng: np.random.Generator) -> Wave:
    """Glass and metal: partials that do not fit together, after a bang."""
    pitches, tail = rng.uniform(600, 6500, 25), rng.uniform(0.2, 1.0)
    start = int(rng.uniform(0, 0.4) * samples)
    left = samples - start
    ring = np.sum([np.sin(2 * np.pi * hertz * _times(left) + hertz) for hertz in pitches], axis=0)
    wave = np.zeros(samples)
    wave[start:] = ring * _decaying(left, tail) + 4 * _coloured(left, 0, rng) * _decaying(left, 0.08)
    return wave


def _engine(samples: int, rng: np.random.Generator) -> Wave:
    """Something revs up: a buzzing tone that climbs and falls."""
    climb = _slow(samples, rng.uniform(0.3, 1.5), rng)
    return _tone(rng.uniform(40, 90) * (1 + 2.5 * climb), samples, rng, 25, 0.6) * (0.3 + climb)


EVENTS: Mapping[str, Maker] = {
    "bangs": _bangs,
    "applause": _applause,
    "cheer": _cheer,
    "calls": _calls,
    "drums": _drums,
    "siren": _siren,
    "crash": _crash,
    "engine": _engine,
}
"""What is worth a look, by name."""


def _silence(samples: int, rng: np.random.Generator) -> Wave:  # noqa: ARG001 - makers are called alike
    return np.zeros(samples)


def _room(samples: int, rng: np.random.Generator) -> Wave:
    return _coloured(samples, rng.uniform(0.5, 2.2), rng)


def _wind(samples: int, rng: np.random.Generator) -> Wave:
    return _coloured(samples, rng.uniform(1.5, 2.5), rng, high=2500) * (0.3 + _slow(samples, 0.5, rng))


def _hum(samples: int, rng: np.random.Generator) -> Wave:
    tone = _tone(float(rng.choice([50.0, 60.0, 100.0, 120.0])), samples, rng, 8)
    return np.asarray(tone + rng.uniform(0.1, 1) * _coloured(samples, 1, rng))


def _murmur(samples: int, rng: np.random.Generator) -> Wave:
    """Talk next door: bands of noise in the rhythm of syllables."""
    bands = [_coloured(samples, 1, rng, low=f, high=1.6 * f) * _slow(samples, 8, rng) ** 2 for f in (250, 500, 1000)]
    return np.asarray(np.sum(bands, axis=0) + 0.1 * _coloured(samples, 1, rng))


def _pad(samples: int, rng: np.random.Generator) -> Wave:
    """Music in the background: chords that change slowly."""
    wave = np.zeros(samples)
    length = int(rng.uniform(1.5, 4) * SAMPLE_RATE)
    for start in range(0, samples, length):
        size = min(length, samples - start)
        root = rng.uniform(100, 300)
        chord = np.sum([_tone(root * ratio, size, rng, 5) for ratio in (1, 1.25, 1.5)], axis=0)
        wave[start : start + size] = chord * np.minimum(1, np.arange(size)[::-1] / 800)
    return wave


def _rain(samples: int, rng: np.random.Generator) -> Wave:
    return _coloured(samples, rng.uniform(-0.5, 0.5), rng, low=400)


def _steps(samples: int, rng: np.random.Generator) -> Wave:
    """Somebody walks: soft thuds in an even rhythm."""
    pace = int(SAMPLE_RATE * rng.uniform(0.35, 0.8))
    starts = np.arange(int(rng.integers(pace)), samples, pace)
    starts = np.clip(starts + rng.integers(-pace // 12, pace // 12 + 1, len(starts)), 0, samples - 1)

    def hit(left: int) -> Wave:
        length = min(left, int(0.12 * SAMPLE_RATE))
        return _coloured(length, 1.5, rng, low=60, high=1500) * _decaying(length, 0.02)

    return _struck(samples, starts, hit, rng.uniform(0.5, 1, len(starts))) + 0.02 * _room(samples, rng)


def _clatter(samples: int, rng: np.random.Generator) -> Wave:
    """Typing, dishes, tools laid down: small clicks now and then."""
    count = max(1, int(samples / SAMPLE_RATE * rng.uniform(0.5, 6)))
    pitch = rng.uniform(1000, 4000)

    def hit(left: int) -> Wave:
        length = min(left, int(0.06 * SAMPLE_RATE))
        return _coloured(length, 0, rng, low=pitch / 2, high=2 * pitch) * _decaying(length, 0.008)

    return _struck(samples, rng.integers(0, samples, count), hit, rng.uniform(0.1, 1, count)) + 0.02 * _room(
        samples, rng
    )


def _talk(samples: int, rng: np.random.Generator) -> Wave:
    """Somebody speaks: syllables of a gliding voice through two formants, with pauses."""
    pitch = rng.uniform(90, 240) * (0.85 + 0.3 * _slow(samples, 3, rng))
    voice = _tone(pitch, samples, rng, 20, 0.8) + 0.3 * _coloured(samples, 0, rng, low=2000)
    syllables = np.maximum(_slow(samples, 9, rng) - 0.25, 0) * (_slow(samples, 0.7, rng) > 0.3)
    return np.asarray(voice * syllables + 0.02 * _room(samples, rng))


BACKGROUNDS: Mapping[str, Maker] = {
    "silence": _silence,
    "room": _room,
    "wind": _wind,
    "hum": _hum,
    "murmur": _murmur,
    "pad": _pad,
    "rain": _rain,
    "steps": _steps,
    "clatter": _clatter,
    "talk": _talk,
}
"""What nobody turns to, by name."""
