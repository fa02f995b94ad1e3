"""The small DAViHD: what it is given, that a seed repeats, and that it learns which sound is the event."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from highlightr.scorers.davihd_scorer import pool_logmel
from highlightr.timeline import Features, Shot, Signal, TimeGrid
from highlightr.training.lite.davihd import SMALL, SMALL_HEARING, FitSettings, fit_davihd, network_inputs, score_davihd
from highlightr.training.lite.eventful import Eventful

CLIPS = 24
QUICK = FitSettings(steps=60, batch=6, crop_clips=16, rate=5e-3)
TINY = replace(
    SMALL, visual_width=16, audio_width=32, hidden_width=32, dynamics_channels=(2, 2, 2, 2, 2, 2), dropout=0.0
)


def video(seed: int, clips: int = CLIPS) -> Eventful:
    """Class 7 sounds, and the spectrogram rises, where the event is."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(clips, np.float32)
    start = int(rng.integers(0, clips - 5))
    labels[start : start + 5] = 1
    classes = rng.random((clips, 521), dtype=np.float32) * 0.05
    classes[:, 7] += 0.8 * labels
    mel = np.repeat(rng.normal(-8, 1, (clips, 128)) + 4 * labels[:, None], 2, axis=0).astype(np.float32)
    grid = TimeGrid(float(clips), 1.0)
    levels = np.tile(np.array([-30, 0, 1, 10], np.float32), (clips, 1))
    streams = {"motion": rng.random((clips, 2), dtype=np.float32), "yamnet": classes, "audio_dynamics": levels}
    features = Features(grid, streams, {"logmel": Signal(np.arange(2 * clips) / 2, mel)})
    return Eventful(features, (Shot(0.0, float(clips)),), labels)


def test_what_it_is_given_is_movement_log_classes_and_pooled_mel() -> None:
    features = video(0).features
    found = network_inputs(features, SMALL)
    assert np.array_equal(found["visual"], features.streams["motion"])
    np.testing.assert_allclose(np.exp(found["semantic"]), features.streams["yamnet"] + 1e-3, rtol=1e-5)
    assert np.array_equal(found["dynamics"], pool_logmel(features.signals["logmel"], features.grid))


def test_the_one_that_only_hears_is_given_levels_of_usual_size() -> None:
    found = network_inputs(video(0).features, SMALL_HEARING)
    assert set(found) == {"semantic", "dynamics"}
    np.testing.assert_allclose(found["semantic"][0], [0.0, -5 / 8, 0.0, 1.0])


def test_it_learns_what_the_event_sounds_like() -> None:
    network = fit_davihd([video(seed) for seed in range(12)], TINY, QUICK, seed=0)
    for seed in (100, 101, 102):
        held_out = video(seed)
        scores = score_davihd(network, held_out.features)
        assert scores.shape == (CLIPS,)
        inside, outside = scores[held_out.labels > 0], scores[held_out.labels == 0]
        assert inside.mean() > outside.mean() + 0.1


def test_the_same_seed_gives_the_same_network_and_leaves_the_state_alone() -> None:
    settings = FitSettings(steps=2, batch=2, crop_clips=16)
    state = torch.random.get_rng_state()
    one, two, other = (fit_davihd([video(0), video(1)], TINY, settings, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    scores = [score_davihd(network, video(5).features) for network in (one, two, other)]
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


def test_videos_shorter_than_a_crop_are_left_out() -> None:
    settings = FitSettings(steps=1, batch=2, crop_clips=16)
    one, two = (fit_davihd(videos, TINY, settings, 0) for videos in ([video(0)], [video(3, clips=12), video(0)]))
    np.testing.assert_array_equal(score_davihd(one, video(5).features), score_davihd(two, video(5).features))
    with pytest.raises(ValueError, match="none of 1 videos has 16 clips"):
        fit_davihd([video(3, clips=12)], TINY, settings, 0)
