"""What a scorer brings to training: how its inputs are made, collated and run.

In: examples of a data set. Out: batches and `Outcome`s. The training loop knows only the `Learner` interface, so a new
network is one more class here. Inputs are made by the scorer itself, the same function that serves inference.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from highlightr.core.errors import ConfigError
from highlightr.core.types import FloatArray, Query
from highlightr.datasets import Example
from highlightr.scorers import ScorerContext, create_scorer
from highlightr.scorers.neural import NeuralScorer
from highlightr.scorers.registry import scorer_class
from highlightr.training.objectives import Outcome
from highlightr.training.plain_transformer import PlainTransformer


@dataclass(frozen=True)
class Sample:
    """One example as a network takes it."""

    inputs: Mapping[str, FloatArray]
    """Name to (num_clips, width)."""
    tokens: FloatArray | None
    """(L, width)."""
    labels: FloatArray
    """(num_clips,) in [0, 1]."""


@dataclass
class Batch:
    """Samples padded to the longest; lightning moves it to the device by its `to`."""

    inputs: dict[str, Tensor]
    """Name to (B, N, width), and `text` (B, L, width) where there are queries."""
    clip_lengths: Tensor
    token_lengths: Tensor | None
    labels: Tensor
    """(B, N), zero where padded."""

    @property
    def mask(self) -> Tensor:
        """(B, N), True where a clip counts."""
        return torch.arange(self.labels.shape[1], device=self.labels.device)[None] < self.clip_lengths[:, None]

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        moved = {name: values.to(device) for name, values in self.inputs.items()}
        tokens = None if self.token_lengths is None else self.token_lengths.to(device)
        return Batch(moved, self.clip_lengths.to(device), tokens, self.labels.to(device))


class Learner(ABC):
    """A scorer in training. `scorer.network` is what is trained, so the scorer can score at any time."""

    scorer_name: ClassVar[str]
    scorer: NeuralScorer[Any]

    def __init__(self, config: Mapping[str, Any], seed: int) -> None:
        made = create_scorer(self.scorer_name, config, ScorerContext(random_seed=seed))
        if not isinstance(made, NeuralScorer):
            raise ConfigError(f"{self.scorer_name} has nothing to train")
        self.scorer = made

    @property
    def network(self) -> nn.Module:
        """What is trained."""
        return self.scorer.network

    @property
    def takes_query(self) -> bool:
        """Whether examples need a query."""
        return self.scorer.contract.query == "required"

    @property
    def longest_clips(self) -> int:
        """Longer examples are cut while training, and scored in windows."""
        return self.scorer.contract.longest_clips or 2**31

    def sample(self, example: Example, query: Query | None) -> Sample:
        """The example's inputs, exactly as the scorer makes them for a video.

        Raises:
            ConfigError: features that the scorer cannot use, with the example's key.
        """
        try:
            inputs = self.scorer.prepare(example.features(), query if self.takes_query else None)
        except ConfigError as error:
            raise ConfigError(f"example {example.item.key!r}: {error}") from error
        tokens = query.tokens if query is not None and self.takes_query else None
        return Sample(inputs, tokens, example.labels)

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Pad to the longest. An input that some sample lacks is left out for all: a network takes it or not."""
        names = [name for name in samples[0].inputs if all(name in each.inputs for each in samples)]
        inputs = {name: _padded([each.inputs[name] for each in samples]) for name in names}
        token_lengths = None
        if samples[0].tokens is not None:
            tokens = [each.tokens for each in samples if each.tokens is not None]
            inputs["text"] = _padded(tokens)
            token_lengths = torch.tensor([len(each) for each in tokens])
        lengths = torch.tensor([len(each.labels) for each in samples])
        return Batch(inputs, lengths, token_lengths, _padded([each.labels for each in samples]))

    @abstractmethod
    def run(self, batch: Batch) -> Outcome:
        """One pass of the network."""


def _padded(values: Sequence[FloatArray]) -> Tensor:
    return pad_sequence([torch.from_numpy(np.ascontiguousarray(each)) for each in values], batch_first=True)


class CFSumLearner(Learner):
    """CFSum and its regularised variant."""

    scorer_name: ClassVar[str] = "cfsum"

    def run(self, batch: Batch) -> Outcome:
        """See `Learner.run`."""
        found = self.network(batch.inputs, batch.clip_lengths, batch.token_lengths)
        kind: Literal["labels", "logits"] = self.scorer.config.output
        return Outcome(found.scores, kind, found.vectors)


class DAViHDLearner(Learner):
    """DAViHD, whose network ends in a sigmoid."""

    scorer_name: ClassVar[str] = "davihd"

    def run(self, batch: Batch) -> Outcome:
        """See `Learner.run`."""
        found = self.network(**batch.inputs, lengths=batch.clip_lengths)
        return Outcome(found.scores, "probabilities")


class PlainLearner(CFSumLearner):
    """The plain transformer, a row to compare with; it takes CFSum's inputs and settings."""

    def __init__(self, config: Mapping[str, Any], seed: int) -> None:
        super().__init__(config, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.scorer.network = PlainTransformer(self.scorer.config)


LEARNERS: dict[str, type[Learner]] = {
    "cfsum": CFSumLearner,
    "davihd": DAViHDLearner,
    "plain-transformer": PlainLearner,
}
"""Name in a training config to what is trained."""


def check_learner(name: str, config: Mapping[str, Any], widths: Mapping[str, int] | None = None) -> None:
    """Refuse what `create_learner` would, without taking memory for a network, and streams of other widths."""
    contract = scorer_class(_learner_class(name).scorer_name).contract_of(config)
    for stream, width in {**contract.streams, **contract.signals}.items():
        if (found := (widths or {}).get(stream, width)) != width:
            raise ConfigError(f"scorer.config says that {stream!r} is {width} wide, and the data has {found}")


def create_learner(name: str, config: Mapping[str, Any], seed: int) -> Learner:
    """A learner with weights drawn from a seed; a `ConfigError` for an unknown name or setting."""
    return _learner_class(name)(config, seed)


def _learner_class(name: str) -> type[Learner]:
    if name not in LEARNERS:
        raise ConfigError(f"nothing to train is named {name!r}; there are {', '.join(LEARNERS)}")
    return LEARNERS[name]
