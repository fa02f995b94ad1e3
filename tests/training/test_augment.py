"""Augmentation: what is kept, what is drawn, and that nothing given is changed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from highlightr.training.augment import augmented, chosen_rows, dropped_tokens
from highlightr.training.config import Augment


@given(
    length=st.integers(1, 60),
    first=st.integers(0, 59),
    longest=st.integers(4, 70),
    seed=st.integers(0, 10_000),
)
@settings(deadline=None)
def test_rows_are_in_order_and_fit(length: int, first: int, longest: int, seed: int) -> None:
    labels = np.zeros(length, dtype=np.float32)
    labels[min(first, length - 1) :] = 1
    rows = chosen_rows(labels, longest, Augment(crop=1.0, speed=1.0), np.random.default_rng(seed))
    assert 1 <= len(rows) <= longest
    assert (np.diff(rows) >= 0).all()
    assert 0 <= rows.min() <= rows.max() < length


@given(length=st.integers(1, 60), place=st.integers(0, 59), seed=st.integers(0, 10_000))
@settings(deadline=None)
def test_a_crop_keeps_a_positive_clip_and_half_of_the_video(length: int, place: int, seed: int) -> None:
    labels = np.zeros(length, dtype=np.float32)
    labels[min(place, length - 1)] = 1
    rows = chosen_rows(labels, 100, Augment(crop=1.0), np.random.default_rng(seed))
    assert labels[rows].sum() == 1
    assert len(rows) >= min(length, max(8, length // 2))
    assert (np.diff(rows) == 1).all()


def test_without_augmentation_nothing_happens() -> None:
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(chosen_rows(np.ones(5, np.float32), 9, Augment(), rng), np.arange(5))
    given_inputs = {"video": np.ones((3, 2), np.float32)}
    assert augmented(given_inputs, Augment(), rng)["video"] is given_inputs["video"]


def test_noise_is_relative_and_leaves_places_and_what_was_given_alone() -> None:
    rng = np.random.default_rng(0)
    video = np.random.default_rng(1).standard_normal((2000, 8)).astype(np.float32) * np.float32(7)
    before = video.copy()
    found = augmented({"video": video, "place": video[:, :1]}, Augment(noise=0.5), rng)
    np.testing.assert_array_equal(video, before)
    np.testing.assert_array_equal(found["place"], video[:, :1])
    assert found["video"].dtype == np.float32
    np.testing.assert_allclose((found["video"] - video).std() / np.sqrt(video.var(axis=1).mean()), 0.5, rtol=0.03)


def test_sound_is_dropped_only_beside_a_picture() -> None:
    rng = np.random.default_rng(0)
    rows = np.ones((3, 2), np.float32)
    assert set(augmented({"video": rows, "audio": rows}, Augment(drop_audio=1.0), rng)) == {"video"}
    assert set(augmented({"audio": rows}, Augment(drop_audio=1.0), rng)) == {"audio"}


def test_the_ends_of_a_sentence_stay() -> None:
    tokens = np.arange(10, dtype=np.float32)[:, None]
    np.testing.assert_array_equal(dropped_tokens(tokens, 1.0, np.random.default_rng(0))[:, 0], [0, 9])
    np.testing.assert_array_equal(dropped_tokens(tokens, 0.0, np.random.default_rng(0)), tokens)
    assert len(dropped_tokens(tokens[:1], 1.0, np.random.default_rng(0))) == 1
