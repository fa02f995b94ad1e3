"""Augmentation: what is kept, what is drawn, and that nothing given is changed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from highlightr.training.augment import augmented, chosen_rows, dropped_tokens
from highlightr.training.config import Augment
from highlightr.training.learners import Sample


@given(length=st.integers(1, 60), longest=st.integers(4, 70), seed=st.integers(0, 10_000))
def test_rows_are_in_order_and_fit(length: int, longest: int, seed: int) -> None:
    rows = chosen_rows(length, longest, 1.0, np.random.default_rng(seed))
    assert 1 <= len(rows) <= longest
    assert (np.diff(rows) >= 0).all()
    assert 0 <= rows.min() <= rows.max() < length


def test_without_augmentation_nothing_happens() -> None:
    sample = Sample({"video": np.eye(3, dtype=np.float32)}, np.ones((2, 4), np.float32), np.arange(3, dtype=np.float32))
    found = augmented(sample, Augment(), 9, np.random.default_rng(0))
    np.testing.assert_array_equal(found.inputs["video"], sample.inputs["video"])
    np.testing.assert_array_equal(found.labels, sample.labels)
    assert found.tokens is sample.tokens


def test_noise_is_relative_and_leaves_places_and_what_was_given_alone() -> None:
    video = np.random.default_rng(1).standard_normal((2000, 8)).astype(np.float32) * np.float32(7)
    before = video.copy()
    sample = Sample({"video": video, "place": video[:, :1]}, None, video[:, 0])
    found = augmented(sample, Augment(noise=0.5), 2000, np.random.default_rng(0)).inputs
    np.testing.assert_array_equal(video, before)
    np.testing.assert_array_equal(found["place"], video[:, :1])
    assert found["video"].dtype == np.float32
    np.testing.assert_allclose((found["video"] - video).std() / np.sqrt(video.var(axis=1).mean()), 0.5, rtol=0.03)


def test_the_ends_of_a_sentence_stay() -> None:
    tokens = np.arange(10, dtype=np.float32)[:, None]
    np.testing.assert_array_equal(dropped_tokens(tokens, 1.0, np.random.default_rng(0))[:, 0], [0, 9])
    np.testing.assert_array_equal(dropped_tokens(tokens, 0.0, np.random.default_rng(0)), tokens)
    assert len(dropped_tokens(tokens[:1], 1.0, np.random.default_rng(0))) == 1
