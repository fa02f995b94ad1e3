"""What every scorer is: a published contract, and a function from features to one saliency score per clip.

Scorers know tensors and arrays. They never read videos, decode, or know which extractor made a stream.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from highlightr.core.device import Precision
from highlightr.core.errors import ConfigError, NothingToScoreError
from highlightr.core.types import Features, Query, Scores, Shot
from highlightr.scorers.configs import FromMapping
from highlightr.scorers.label_bank import LabelBank

QueryUse = Literal["optional", "required", "ignored"]

_CLIP_TOLERANCE_SECONDS = 1e-6


@dataclass(frozen=True)
class Contract(FromMapping):
    """What a scorer needs and promises, as data."""

    streams: Mapping[str, int]
    """Streams it can use, name to width."""
    signals: Mapping[str, int] = field(default_factory=dict)
    """Signals it can use, name to width."""
    required: tuple[str, ...] = ()
    """Streams and signals it cannot do without; the others may be absent from a video."""
    query: QueryUse = "optional"
    text_width: int | None = None
    """Width of the query tokens it takes; `None` if it takes none."""
    clip_seconds: float | None = None
    """The clip length it was made for; `None`: any."""
    longest_clips: int | None = None
    """More clips than this are scored in overlapping windows; `None`: any number at once."""
    score_range: tuple[float, float] = (0.0, 1.0)

    def check_clips(self, scorer: str, seconds: float) -> None:
        """Refuse clips of another length than that which the scorer was made for, with a `ConfigError`."""
        if self.clip_seconds is not None and abs(seconds - self.clip_seconds) > _CLIP_TOLERANCE_SECONDS:
            raise ConfigError(f"{scorer} scores clips of {self.clip_seconds} s, got clips of {seconds} s")


@dataclass(frozen=True)
class ScorerContext:
    """What a scorer is opened with beside its settings; a scorer refuses what it cannot use."""

    weights: Path | None = None
    """A safetensors file, checked when it was fetched."""
    random_seed: int | None = None
    """Instead of weights; the results say that they mean nothing."""
    device: str = "cpu"
    """``cpu``, ``cuda`` or ``cuda:N``, for scorers that run in torch."""
    precision: Precision = "fp32"
    label_bank: Callable[[str], LabelBank] | None = None
    """From a stream of class scores to its classes in the query's space; a text encoder is opened at the first call."""
    logit_scale: Callable[[], float | None] | None = None
    """How sharply the query's encoder itself compares texts with pictures; `None` for one that knows no pictures."""

    def trained_weights(self, scorer: str) -> Path:
        """The weights file of a scorer that has to have one; a `ConfigError` where there is none."""
        if self.weights is None:
            raise ConfigError(f"{scorer} runs on trained weights, and none were given")
        return self.weights

    def bank(self, scorer: str, stream: str) -> LabelBank:
        """The label bank of a stream of class scores; a `ConfigError` where nothing embeds the names."""
        if self.label_bank is None:
            raise ConfigError(f"{scorer} needs the label bank {stream!r}: name a text encoder in the preset")
        return self.label_bank(stream)

    def refuse_weights(self, scorer: str) -> None:
        """Refuse a weights file for a scorer that has nothing trained, with a `ConfigError`."""
        if self.weights is not None:
            raise ConfigError(f"{scorer} runs without weights, got {self.weights}")


class Scorer(ABC):
    """From features (and a query) to scores."""

    name: ClassVar[str]
    """Key in the registry."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Packages of an extra that it cannot run without."""
    config_class: ClassVar[type[FromMapping]]
    """What settings are read into."""
    contract: Contract

    @classmethod
    @abstractmethod
    def from_config(cls, config: Mapping[str, Any], context: ScorerContext) -> Self:
        """Open the scorer that a preset's settings, plain types, describe.

        Raises:
            ConfigError: an unknown setting or a value that is refused; weights and seed both or neither where one is
                needed; a device or precision that cannot be had.
            WeightsError: weights that cannot be read or do not fit the settings.
        """

    @classmethod
    def contract_of(cls, config: Mapping[str, Any]) -> Contract:
        """The contract that a scorer of these settings would have, without opening it; errors as for `from_config`."""
        return cls._contract(cls.config_class.from_mapping(config))

    @classmethod
    def reads(cls, config: Mapping[str, Any], *, asked: bool) -> frozenset[str]:
        """Names of the streams and signals that a scorer of these settings makes its scores of.

        Args:
            asked: whether there is a query.
        """
        del asked
        contract = cls.contract_of(config)
        return frozenset({*contract.streams, *contract.signals})

    @classmethod
    def _contract(cls, config: Any) -> Contract:  # noqa: ARG003  the class's own, if no setting changes it
        """What a scorer of this configuration needs and promises."""
        return cls.contract

    @classmethod
    def parameter_counts(cls, config: Mapping[str, Any]) -> dict[str, int]:
        """Block, or tensor, to number of parameters, told without taking memory for them; empty without weights."""
        shapes = cls.tensor_shapes(cls.config_class.from_mapping(config))
        return {name: math.prod(shape) for name, shape in shapes.items()}

    @classmethod
    def tensor_shapes(cls, config: Any) -> Mapping[str, tuple[int, ...]]:  # noqa: ARG003  most have none
        """Name and shape of each tensor of the weights file, told without taking memory for them."""
        return {}

    @abstractmethod
    def score(self, features: Features, query: Query | None, shots: Sequence[Shot]) -> Scores:
        """Score every clip.

        Args:
            features: streams on the grid; absent modalities are absent keys.
            shots: the video's shots in order, covering it; a scorer may pool evidence over them.

        Raises:
            ConfigError: the features or the query do not fit the contract, or a query is absent that it needs.
        """

    def needed(self, query: Query | None) -> Query:
        """The query, of a scorer that cannot do without; a `ConfigError` where there is none."""
        if query is None:
            raise ConfigError(f"{self.name} scores clips by how they answer a query, and none was given: use --query")
        return query

    def check(self, features: Features, query: Query | None = None) -> None:
        """Refuse what does not fit the contract.

        Raises:
            ConfigError: clips of another length, a stream or signal that is absent or has another width, or a query of
                another width.
        """
        contract = self.contract
        widths = {name: rows.shape[1] for name, rows in features.streams.items()}
        widths |= {name: signal.values.shape[1] for name, signal in features.signals.items()}
        contract.check_clips(self.name, features.grid.clip_seconds)
        for name in contract.required:
            if name not in widths:
                names = ", ".join(sorted(widths)) or "nothing"
                raise NothingToScoreError(f"{self.name} cannot do without {name!r}, and this video gave {names}")
        for name, width in {**contract.streams, **contract.signals}.items():
            if widths.get(name, width) != width:
                raise ConfigError(f"{self.name} takes {name!r} {width} wide, got {widths[name]}")
        width = contract.text_width or 0
        if width and query is not None and query.tokens.shape[1] != width:
            raise ConfigError(f"{self.name} takes query tokens {width} wide, got {query.tokens.shape[1]}")
