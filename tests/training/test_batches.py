"""The order of an epoch, its division over devices, and draws that do not depend on what came before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from highlightr.core.types import TimeGrid
from highlightr.datasets import Dataset, Example, Item, open_dataset
from highlightr.training import batches as batches_module
from highlightr.training.augment import augmented
from highlightr.training.batches import EpochOrder, SampleStore, epoch_loader, in_order
from highlightr.training.config import Augment
from highlightr.training.learners import Learner, create_learner
from highlightr.training.predict import predict
from tests.training import moments


@given(count=st.integers(1, 300), size=st.integers(1, 16), epoch=st.integers(0, 3))
@settings(max_examples=50)
def test_an_epoch_takes_every_example_once(count: int, size: int, epoch: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 90, count).tolist()
    order = EpochOrder(lengths, size, 0, epoch)
    batches = list(order)
    assert sorted(index for batch in batches for index in batch) == list(range(count))
    assert len(batches) == len(order)
    assert max(len(batch) for batch in batches) <= size


def test_batches_that_are_not_full_may_be_dropped() -> None:
    order = EpochOrder(list(range(70)), 8, 0, 0, drop_last=True)
    batches = list(order)
    assert len(batches) == len(order) == 8
    assert {len(batch) for batch in batches} == {8}


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = list(range(1, 100))
    first = list(EpochOrder(lengths, 8, 0, 1))
    assert first == list(EpochOrder(lengths, 8, 0, 1))
    assert first != list(EpochOrder(lengths, 8, 0, 2))
    assert first != list(EpochOrder(lengths, 8, 1, 1))


@pytest.mark.parametrize("count", [1, 20, 100])
def test_devices_get_equally_many_batches_and_share_none(count: int) -> None:
    lengths = [5] * count
    orders = [EpochOrder(lengths, 4, 0, 0, rank, 3) for rank in range(3)]
    taken = [list(order) for order in orders]
    assert len({len(each) for each in taken}) == 1
    assert all(len(each) == len(order) for each, order in zip(taken, orders, strict=True))
    if count > 12:
        flat = [index for each in taken for batch in each for index in batch]
        assert len(flat) == len(set(flat)) > count / 2


@pytest.fixture
def learner() -> Learner:
    return create_learner("cfsum", {**moments.SCORER, **moments.REGULARISED}, 0)


@pytest.fixture
def store(tmp_path: Path, learner: Learner) -> SampleStore:
    return SampleStore(open_dataset("charades", moments.moments_folder(tmp_path)), learner, moments.queries())


def test_an_epoch_can_be_drawn_again_in_any_order(store: SampleStore, learner: Learner) -> None:
    settings_ = Augment(speed=0.5, token_drop=0.3, noise=0.2)

    def epoch(number: int) -> list[torch.Tensor]:
        loader = epoch_loader(store, learner, settings_, EpochOrder([12] * len(store), 8, 0, number))
        return [batch.inputs["video"] for batch in loader]

    first = epoch(3)
    epoch(1)
    again = epoch(3)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert not torch.equal(first[0], epoch(4)[0])


def test_samples_beyond_the_memory_are_read_again(store: SampleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "MEMORY_BYTES", 2000)
    samples = [store.sample(i) for i in range(len(store))]
    assert store.sample(0) is samples[0]
    assert store.sample(20) is not samples[20]
    np.testing.assert_array_equal(store.sample(20).inputs["video"], samples[20].inputs["video"])


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_workers_make_the_same_batches_and_keep_nothing(
    store: SampleStore, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.fits_memory
    monkeypatch.setattr(batches_module, "MEMORY_BYTES", len(store) * 12 * moments.WIDTH * 4 - 1)
    assert not store.fits_memory

    def batches(workers: int) -> list[torch.Tensor]:
        order = EpochOrder([12] * len(store), 8, 0, 2)
        loader = epoch_loader(store, learner, Augment(speed=0.5, noise=0.2), order, workers)
        return [batch.inputs["video"] for batch in loader]

    beside = batches(2)
    assert not store._kept
    assert all(torch.equal(one, other) for one, other in zip(beside, batches(0), strict=True))
    assert store._kept


def test_samples_are_what_the_scorer_makes_of_a_video(store: SampleStore, learner: Learner) -> None:
    example, query = store.example(5)
    assert query is not None
    expected = learner.scorer.prepare(example.features(), query)
    assert set(store.sample(5).inputs) == set(expected) == {"video", "place"}
    for name, values in expected.items():
        np.testing.assert_array_equal(store.sample(5).inputs[name], values)


def test_batches_are_padded_by_lengths(store: SampleStore, learner: Learner) -> None:
    short = augmented(store.sample(0), Augment(), 7, np.random.default_rng(0))
    batch = learner.collate([short, store.sample(1)])
    assert batch.inputs["video"].shape == (2, 12, moments.WIDTH)
    assert batch.clip_lengths.tolist() == [7, 12]
    assert batch.mask.sum(1).tolist() == [7, 12]
    assert (batch.labels[0, 7:] == 0).all()
    assert batch.inputs["text"].shape == (2, 3, moments.TEXT_WIDTH)


def test_what_does_not_fit_is_left_to_windows(
    store: SampleStore, learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(len(indices) for indices, _ in in_order(store, learner, 5)) == len(store)
    monkeypatch.setattr(type(learner), "longest_clips", 11)
    assert list(in_order(store, learner, 5)) == []


def test_a_video_without_sound_takes_it_from_no_other() -> None:
    """Neither in figures, which would not be those of the scorer, nor in most batches that are learned from."""
    config = {**moments.SCORER, **moments.REGULARISED, "audio_streams": {"sound": 3}}
    hearing = create_learner("cfsum", config | {"modalities": ["video", "audio", "text"]}, 0)
    rng = np.random.default_rng(0)
    examples = []
    for i in range(6):
        clips = 9 + i % 2
        item = Item(str(i), f"v{i}", "topic 1", TimeGrid(clips, 1.0), np.zeros(clips, np.float32), np.zeros((clips, 1)))
        streams = {"clip": moments.WIDTH} | ({"sound": 3} if i % 3 else {})
        rows = {name: rng.standard_normal((clips, width)).astype(np.float32) for name, width in streams.items()}
        examples.append(Example(item, rows, item.labels))
    store = SampleStore(Dataset("memory", examples), hearing, moments.queries())
    for case, example in zip(predict(hearing, store), examples, strict=True):
        alone = hearing.scorer.score(example.features(), moments.queries().of(example), ()).values
        np.testing.assert_allclose(case.scores, alone, atol=1e-6)
    order = EpochOrder([9, 10] * 3, 2, 0, 0, kinds=store.kinds)
    assert sorted(sum("sound" in store.kinds[i] for i in batch) for batch in order) == [0, 2, 2]
