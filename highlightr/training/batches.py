"""Examples in memory, and the order in which an epoch takes them, augmented.

In: a `Dataset`, a `Learner` and a text encoder. Out: batches. What an epoch draws depends on the seed, the epoch and
the example alone, never on what was drawn before, so that a run that was killed draws the same again.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, get_worker_info
from torch.utils.data import Dataset as TorchDataset

from highlightr.core.errors import ConfigError
from highlightr.core.types import Query
from highlightr.datasets import Dataset, Example, Item
from highlightr.features.base import TextEncoder
from highlightr.training.augment import augmented
from highlightr.training.config import Augment
from highlightr.training.learners import Batch, Learner, Sample

MEMORY_BYTES = 4 << 30
"""Samples are kept in memory up to this; the rest is read again each epoch."""

_POOL_BATCHES = 8
"""Batches are cut from this many batches' examples in order of their features and length, so that little is left out
and padded."""

_ORDER, _DRAW = 1, 2
"""Keep the two uses of a seed apart."""


class Queries:
    """Embedded queries, each text once. Shared by the runs of one `train`."""

    def __init__(self, encoder: TextEncoder | None) -> None:
        self._encoder = encoder
        self._known: dict[str, Query] = {}

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: the vectors, not the model."""
        return {"_encoder": None, "_known": self._known}

    def of(self, example: Example) -> Query:
        """The query with the data set's own tokens, else embedded.

        Raises:
            ConfigError: no query, or no tokens and no encoder.
        """
        item = example.item
        if item.query is None:
            raise ConfigError(f"example {item.key!r} has no query, and the scorer needs one")
        if (own := example.own_query) is not None:
            return own
        if item.query not in self._known:
            if self._encoder is None:
                raise ConfigError(
                    "the data set brings no query tokens: name a text encoder in the config (text: minilm)"
                )
            self._known[item.query] = self._encoder.encode(item.query)
        return self._known[item.query]


class SampleStore:
    """Samples of a data set by index, kept in memory while there is room."""

    def __init__(self, dataset: Dataset, learner: Learner, queries: Queries) -> None:
        self._dataset, self._learner, self._queries = dataset, learner, queries
        self._kept: dict[int, Sample] = {}
        self._bytes = 0
        self.items: tuple[Item, ...] = dataset.items
        self.kinds = dataset.kinds

    def __len__(self) -> int:
        return len(self.items)

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: where the data lies, not the data."""
        return vars(self) | {"_kept": {}, "_bytes": 0}

    @property
    def fits_memory(self) -> bool:
        """Whether all samples will be kept, as far as lengths and widths tell."""
        clips = sum(len(item.labels) for item in self.items)
        return clips * sum(self._dataset.widths.values()) * np.dtype(np.float32).itemsize <= MEMORY_BYTES

    def embed_queries(self) -> None:
        """Embed every query now, so that it can be done once for several processes."""
        for index in range(len(self) if self._learner.takes_query else 0):
            self.example(index)

    def example(self, index: int) -> tuple[Example, Query | None]:
        """The example as it lies on the disk, and its query if the scorer takes one."""
        example = self._dataset[index]
        return example, self._queries.of(example) if self._learner.takes_query else None

    def sample(self, index: int) -> Sample:
        """What the network takes."""
        if index in self._kept:
            return self._kept[index]
        sample = self._learner.sample(*self.example(index))
        size = sum(values.nbytes for values in sample.inputs.values())
        # What a worker keeps is gone with it after the epoch.
        if self._bytes + size <= MEMORY_BYTES and get_worker_info() is None:
            self._kept[index] = sample
            self._bytes += size
        return sample


@dataclass(frozen=True)
class EpochOrder:
    """The batches of one epoch on one of several devices, as lists of indices.

    Every device gets equally many batches; the ones left over wait for another epoch's order.
    """

    lengths: Sequence[int]
    batch_size: int
    seed: int
    epoch: int
    rank: int = 0
    world: int = 1
    drop_last: bool = False
    """Without the batches that are not full."""
    kinds: Sequence[tuple[str, ...]] = ()
    """What features each example has: a batch does without those that one of its examples lacks."""

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([_ORDER, self.seed, self.epoch])
        order = rng.permutation(len(self.lengths))
        pool = self.batch_size * _POOL_BATCHES
        batches = []
        for start in range(0, len(order), pool):
            by_length = sorted(order[start : start + pool].tolist(), key=self._likeness)
            stop = len(by_length) - len(by_length) % self.batch_size if self.drop_last else len(by_length)
            batches += [by_length[i : i + self.batch_size] for i in range(0, stop, self.batch_size)]
        mixed = [batches[i] for i in rng.permutation(len(batches))]
        if len(mixed) < self.world:  # all the same: a device without a batch would leave the others waiting
            yield mixed[self.rank % len(mixed)]
            return
        yield from mixed[self.rank : len(self) * self.world : self.world]

    def _likeness(self, index: int) -> tuple[tuple[str, ...], int]:
        return self.kinds[index] if self.kinds else (), self.lengths[index]

    def __len__(self) -> int:
        full, rest = divmod(len(self.lengths), self.batch_size * _POOL_BATCHES)
        batches = full * _POOL_BATCHES + (rest // self.batch_size if self.drop_last else -(-rest // self.batch_size))
        return max(batches // self.world, 1)


class _EpochSamples(TorchDataset[Sample]):
    """Augmented samples of one epoch."""

    def __init__(self, store: SampleStore, settings: Augment, longest: int, seed: int, epoch: int) -> None:
        self._store, self._settings, self._longest = store, settings, longest
        self._seed, self._epoch = seed, epoch

    def __len__(self) -> int:
        return len(self._store)

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng([_DRAW, self._seed, self._epoch, index])
        return augmented(self._store.sample(index), self._settings, self._longest, rng)


def epoch_loader(
    store: SampleStore, learner: Learner, settings: Augment, order: EpochOrder, workers: int = 0
) -> DataLoader[Any]:
    """The batches of one epoch, augmented; the same whether this process makes them or workers do."""
    samples = _EpochSamples(store, settings, learner.longest_clips, order.seed, order.epoch)
    return DataLoader(
        samples, batch_sampler=order, collate_fn=learner.collate, num_workers=workers, worker_init_fn=_end_with_parent
    )


def _end_with_parent(worker: int) -> None:  # noqa: ARG001
    """A worker has no run to clean up after: its parent is told of signals, and ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def in_order(store: SampleStore, learner: Learner, batch_size: int) -> Iterator[tuple[list[int], Batch]]:
    """Batches of the whole samples, like lengths together, for evaluation; longer ones than fit are left out.

    A batch is of examples with the same features, so that none is judged without what another lacks.
    """
    lengths = [len(item.labels) for item in store.items]
    fitting = sorted((i for i in range(len(store)) if lengths[i] <= learner.longest_clips), key=lengths.__getitem__)
    for kind in dict.fromkeys(store.kinds):
        order = [i for i in fitting if store.kinds[i] == kind]
        for start in range(0, len(order), batch_size):
            indices = order[start : start + batch_size]
            yield indices, learner.collate([store.sample(i) for i in indices])
