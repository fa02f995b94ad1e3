"""Made sounds and eventful videos: levels, labels, and that the same seed makes the same."""

from __future__ import annotations

import numpy as np
import pytest

from highlightr.timeline import Features, Shot, TimeGrid
from highlightr.training.lite.clips import Take
from highlightr.training.lite.eventful import Ears, Recipe, Sounding, draw_eventful, mix_recorded
from highlightr.training.lite.sounds import BACKGROUNDS, EVENTS, SAMPLE_RATE, background, event


@pytest.mark.parametrize("name", [*EVENTS, *BACKGROUNDS])
def test_every_kind_is_finite_and_of_its_length(name: str) -> None:
    maker = {**EVENTS, **BACKGROUNDS}[name]
    for seed, samples in enumerate((800, 16_000, 40_001)):
        wave = maker(samples, np.random.default_rng(seed))
        assert wave.shape == (samples,)
        assert np.isfinite(wave).all()
        assert name == "silence" or wave.std() > 0


def test_levels_are_as_promised_and_seeds_repeat() -> None:
    for seed in range(12):
        one, two = (event(1.5, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(one, two)
        assert np.abs(one).max() == pytest.approx(1.0, abs=1e-5)
        spread = float(np.sqrt(np.mean(background(2.0, np.random.default_rng(seed)) ** 2)))
        assert spread == pytest.approx(1.0, abs=1e-3) or spread == 0.0


def test_events_start_and_stop_more_than_backgrounds_do() -> None:
    def restless(wave: np.ndarray) -> float:
        power = (wave[: len(wave) // 800 * 800].reshape(-1, 800) ** 2).mean(1)
        return float(power.std() / max(power.mean(), 1e-12))

    bursts = [restless(EVENTS[name](48_000, np.random.default_rng(0))) for name in ("bangs", "calls", "crash")]
    calm = [restless(BACKGROUNDS[name](48_000, np.random.default_rng(0))) for name in ("room", "rain", "hum")]
    assert min(bursts) > max(calm)


def silent_take(name: str, seconds: int) -> Take:
    grid = TimeGrid(float(seconds), 1.0)
    return Take(
        name, name, Features(grid, {"motion": np.zeros((seconds, 2), np.float32)}), (Shot(0.0, float(seconds)),)
    )


@pytest.fixture(scope="module")
def ears() -> Ears:
    return Ears()


def test_a_drawn_video_has_sound_and_its_moments_are_labelled(ears: Ears) -> None:
    footage = [silent_take(str(i), 5) for i in range(5)]
    bell = np.sin(2 * np.pi * 880 * np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    moment = Sounding(silent_take("bell", 6), bell)
    recipe = Recipe(
        parts=(4, 4), recorded=(1, 1), made=(0, 0), calm=(0, 0), background_db=(-70, -70), sound_db=(-20, -20)
    )
    video = draw_eventful(footage, [moment], [], recipe, ears, np.random.default_rng(0))
    clips = video.features.grid.num_clips
    assert video.labels.shape == (clips,)
    assert {name: rows.shape for name, rows in video.features.streams.items()} == {
        "motion": (clips, 2),
        "yamnet": (clips, 521),
        "audio_dynamics": (clips, 4),
    }
    loudness = video.features.streams["audio_dynamics"][:, 0]
    assert np.array_equal(loudness > -40, video.labels > 0)
    edges = np.flatnonzero(np.diff(video.labels))
    assert len(edges) <= 2  # one piece


def test_recordings_take_the_place_of_the_background_where_they_start() -> None:
    recipe = Recipe(background_db=(-60, -60), sound_db=(-20, -20))
    noise = np.random.default_rng(0).standard_normal(3 * SAMPLE_RATE).astype(np.float32)
    samples = mix_recorded(TimeGrid(10.0, 1.0), [(2.5, noise), (9.0, noise)], recipe, np.random.default_rng(1))
    assert samples.shape == (10 * SAMPLE_RATE,)
    levels = [10 * np.log10(np.mean(each.astype(float) ** 2) + 1e-12) for each in np.split(samples, 20)]
    assert [level > -30 for level in levels] == [5 <= half < 11 or half >= 18 for half in range(20)]


def test_a_video_without_a_recorded_moment_gets_a_made_one(ears: Ears) -> None:
    recipe = Recipe(parts=(3, 3), recorded=(0, 0), made=(0, 0), calm=(0, 0), made_seconds=(3.0, 4.0))
    for seed in range(3):
        video = draw_eventful([silent_take("a", 8)] * 3, [], [], recipe, ears, np.random.default_rng(seed))
        assert 2 <= video.labels.sum() <= 5
