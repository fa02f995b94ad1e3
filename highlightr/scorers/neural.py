"""What scorers that run a network share: its weights, its notes, its features, and windows over a whole video.

In: `Features` and queries. Out: `Scores`. A subclass names its configuration and network and turns one window's
features into arrays. torch is imported when a scorer is made, not when this module is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import numpy as np

from highlightr.core.device import autocast, check_device, check_precision
from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.tensors import read_tensors
from highlightr.core.types import Features, FloatArray, Query, Reason, Scores, Shot
from highlightr.scorers.base import Scorer, ScorerContext
from highlightr.scorers.configs import FromMapping, misfit
from highlightr.scorers.notes import QUERY_IGNORED, RANDOM_WEIGHTS
from highlightr.scorers.sliding_window import apply_windows

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

ConfigT = TypeVar("ConfigT", bound=FromMapping)


class NeuralScorer(Scorer, Generic[ConfigT]):
    """A network and its contract.

    Exactly one of the context's `weights` (a safetensors file) and `random_seed` is given.

    Raises:
        ConfigError: both or neither of them, or a device or precision that cannot be had.
        WeightsError: a file that is not safetensors or does not fit the configuration.
    """

    packages: ClassVar[tuple[str, ...]] = ("torch",)

    def __init__(self, config: ConfigT, context: ScorerContext) -> None:
        self.config: ConfigT = config
        self.contract = self._contract(config)
        self.precision = check_precision(context.precision, context.device)
        device = check_device(context.device)
        self.network = self._opened(context.weights, context.random_seed).eval().to(device)
        self._random = context.weights is None

    @property
    def device(self) -> torch.device:
        """Where the network is; training moves it."""
        return next(self.network.parameters()).device

    @classmethod
    def from_config(cls, config: Mapping[str, Any], context: ScorerContext) -> Self:
        """See `Scorer.from_config`."""
        settings: Any = cls.config_class.from_mapping(config)
        return cls(settings, context)

    @classmethod
    def parameter_counts(cls, config: Mapping[str, Any]) -> dict[str, int]:
        """Per block of the network."""
        import torch

        from highlightr.scorers.attention import parameter_counts

        with torch.device("meta"):
            network: Any = cls.make_network(cls.config_class.from_mapping(config))
        return parameter_counts(network.blocks())

    @classmethod
    def tensor_shapes(cls, config: Any) -> dict[str, tuple[int, ...]]:
        """See `Scorer.tensor_shapes`: those of the network."""
        import torch

        with torch.device("meta"):
            return {key: tuple(value.shape) for key, value in cls.make_network(config).state_dict().items()}

    @staticmethod
    @abstractmethod
    def make_network(config: Any) -> nn.Module:
        """The network of a configuration, as torch draws it; its module is imported here."""

    def _opened(self, weights: Path | None, random_seed: int | None) -> nn.Module:
        """The network with weights from a file or drawn from a seed."""
        import torch

        if (weights is None) == (random_seed is None):
            given = "neither was" if weights is None else "both were"
            raise ConfigError(
                f"{self.name} runs on trained weights or on a random seed, exactly one of them; {given} given"
            )
        if weights is None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(random_seed)
                return self.make_network(self.config)
        with torch.device("meta"):
            network = self.make_network(self.config)
        load_weights(network, weights, self.name)
        return network

    @abstractmethod
    def prepare(self, features: Features, query: Query | None = None) -> Mapping[str, FloatArray]:
        """What the network is given for each clip of a video, name to (num_clips, width): training calls this too.

        Raises:
            ConfigError: features or a query that do not fit the contract.
        """

    @abstractmethod
    def _forward(self, window: Mapping[str, Tensor], query: Query | None) -> Mapping[str, Tensor]:
        """From (1, n, width) inputs to name → (1, n) arrays: `scores`, parts, and what `_result` reads."""

    @abstractmethod
    def _result(self, features: Features, query: Query | None, rows: Mapping[str, FloatArray]) -> Scores:
        """`Scores` from rows (num_clips,)."""

    def score(self, features: Features, query: Query | None, shots: Sequence[Shot]) -> Scores:  # noqa: ARG002
        """Score every clip; see `Scorer.score`. Shots are not used: these networks were published without them."""
        import torch

        inputs = self.prepare(features, query)

        def window(start: int, stop: int) -> Mapping[str, FloatArray]:
            tensors = {name: self._tensor(values[start:stop])[None] for name, values in inputs.items()}
            with torch.inference_mode(), autocast(self.device.type, self.precision):
                found = self._forward(tensors, query)
            return {name: values[0].detach().float().cpu().numpy() for name, values in found.items()}

        num_clips = features.grid.num_clips
        rows = apply_windows(window, num_clips, self.contract.longest_clips or num_clips)
        if not all(np.isfinite(values).all() for values in rows.values()):
            raise ConfigError(f"{self.name} gave a value that is not finite; look for one in the features")
        return self._result(features, query, rows)

    def _notes(self, query: Query | None) -> tuple[str, ...]:
        """What holds for every network: random weights, and a query that it does not take."""
        notes = [RANDOM_WEIGHTS] if self._random else []
        if query is not None and self.contract.query == "ignored":
            notes.append(QUERY_IGNORED.format(self.name))
        return tuple(notes)

    def _tensor(self, values: FloatArray) -> Tensor:
        """On the device, of its own memory."""
        import torch

        return torch.tensor(values, dtype=torch.float32, device=self.device)

    @staticmethod
    def _concatenate(features: Features, streams: Mapping[str, int]) -> FloatArray:
        return np.concatenate([features.streams[name] for name in streams], axis=1)


def reasons_of(parts: Mapping[str, tuple[str, str, FloatArray]]) -> tuple[tuple[Reason, ...], ...]:
    """Per clip the parts, (kind, label, (num_clips,) contribution), by their share of what was added and taken away.

    The strongest come first.
    """
    sizes = np.abs(np.stack([values for _, _, values in parts.values()]))
    shares = sizes / np.maximum(sizes.sum(0), np.finfo(np.float32).tiny)
    named = [(kind, label) for kind, label, _ in parts.values()]
    return tuple(
        tuple(
            Reason(kind, label, float(share))
            for share, (kind, label) in sorted(zip(shares[:, clip], named, strict=True), key=lambda item: -item[0])
        )
        for clip in range(shares.shape[1])
    )


def load_weights(network: nn.Module, path: Path, name: str) -> None:
    """Put the tensors of a safetensors file into `network`, whose names and shapes they must match.

    Raises:
        WeightsError: no such file, not safetensors, or tensors that do not fit.
    """
    import torch

    state = read_tensors(path, "torch")
    expected = {key: value.shape for key, value in network.state_dict().items()}
    problem = misfit(expected, {key: value.shape for key, value in state.items()})
    if problem:
        raise WeightsError(
            f"{path} does not fit {name}: {problem}; it is of another scorer, or was trained with other settings"
        )
    floats = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    network.load_state_dict(floats, assign=True)
    for parameter in network.parameters():
        if not torch.isfinite(parameter).all():
            raise WeightsError(f"{path} holds a value that is not finite; fetch or train it again")
