"""What every extractor is: a name, the streams it makes, what it needs from the decode pass, and its weights.

An `Extractor` holds a model and may serve many videos. `start` opens an `Extraction`, the state for one video:
items are pushed in order of time, and `finish` returns the streams on the grid.
"""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

import numpy as np

from highlightr.core.checks import check_text
from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.types import FloatArray, Query, Signal, TimeGrid
from highlightr.media.sampling import AudioBlock, AudioRequest, Frame, SampleRequest, Thumbnail

ItemT = TypeVar("ItemT", AudioBlock, Frame, Thumbnail)


@dataclass(frozen=True)
class Weights:
    """Which weights a model runs on."""

    name: str
    sha256: str
    """Of the file as the manifest states it, or as it was fetched; checked before the file is loaded."""
    licence: str
    source: str
    """The package or URL it comes from."""


@dataclass(frozen=True)
class ExtractorOrigin:
    """What decides an extractor's numbers, beside the video, the grid and the code."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Keywords it was opened with, beside clip length, device and weights."""
    weights: tuple[Weights, ...] = ()
    """Of each checkpoint; empty without a model or on random weights."""
    random_seed: int | None = None
    """Set if it runs on random weights, and then its streams mean nothing."""
    device: str = "cpu"
    """Part of it, because rounding differs."""


@dataclass(frozen=True)
class Extracted:
    """What one extraction made."""

    streams: Mapping[str, FloatArray] = field(default_factory=dict)
    """Stream name to (num_clips, width) float32."""
    signals: Mapping[str, Signal] = field(default_factory=dict)
    losses: Mapping[str, int] = field(default_factory=dict)
    """What of the video could not be used, and how often (`highlightr.media.decode.loss_notes`)."""


class Extraction(ABC, Generic[ItemT]):
    """The state of one extractor for one video; memory is bounded by a batch, results aside."""

    @abstractmethod
    def push(self, item: ItemT) -> None:
        """Take the next item, of the kind that the extractor's request asks for."""

    def so_far(self) -> Extracted:
        """Streams of the clips from the first on that are known already, each as long as it is; none by default."""
        return Extracted()

    @abstractmethod
    def finish(self) -> Extracted:
        """Return everything once the last item was pushed."""


class Model(ABC):
    """What presets name: an extractor or a text encoder."""

    name: ClassVar[str]
    """In presets and in the registry."""
    checkpoints: ClassVar[tuple[str, ...]] = ()
    """Entries of the weights manifest that are opened with it, the network's first; empty for one that computes without
    a model."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Packages of an extra that it cannot run without."""
    _weights: Mapping[str, Path] | None

    @classmethod
    def checkpoints_for(cls, options: Mapping[str, Any]) -> tuple[str, ...]:  # noqa: ARG003  few choose by options
        """The `checkpoints` of an instance that is opened with these keywords."""
        return cls.checkpoints

    def _file(self, checkpoint: str) -> Path:
        """That of a checkpoint that it was opened with; a `WeightsError` where it was not."""
        return given_file(self.name, self._weights, checkpoint)


class Extractor(Model):
    """A backbone and the streams it makes."""

    streams: ClassVar[Mapping[str, int]] = {}
    """Stream name to width."""
    signals: ClassVar[Mapping[str, int]] = {}
    """Signal name to width."""
    looks_suffice: ClassVar[bool] = False
    """Whether a look every few seconds is enough for it where the picture hardly changes: it reads no movement."""

    origin: ExtractorOrigin = ExtractorOrigin()
    """Of an instance."""
    _loaded = False

    def __init__(
        self, *, clip_seconds: float = 1.0, device: str = "cpu", weights: Mapping[str, Path] | None = None
    ) -> None:
        """Remember how it is to be opened.

        Args:
            clip_seconds: clip length of the grids it will be started on; most take any.
            device: ``cpu``, ``cuda`` or ``cuda:N``; networks that are little work run on the CPU whatever it says.
            weights: name of each of its `checkpoints` to the checked file.
        """
        self._clip_seconds, self._device, self._weights = clip_seconds, device, weights

    @property
    @abstractmethod
    def request(self) -> SampleRequest:
        """What it needs from the decode pass."""

    @property
    def modality(self) -> Literal["visual", "audio"]:
        """What of a video it looks at or hears."""
        return "audio" if isinstance(self.request, AudioRequest) else "visual"

    @abstractmethod
    def start(self, grid: TimeGrid) -> Extraction[Any]:
        """Open the state for one video; the networks have been loaded."""

    def load(self) -> None:
        """Open the networks, unless they are open: no work is done for an extractor whose streams are all cached.

        Raises:
            ConfigError: a package that is not installed.
            WeightsError: weights that are damaged or do not fit.
        """
        if not self._loaded:
            self._open()
            self._loaded = True

    def _open(self) -> None:
        """Open the networks; one that computes without a model has none."""

    def compile(self) -> None:
        """Have torch compile the networks that it runs, in place, at their first call."""

    def _check_clips(self, grid: TimeGrid) -> None:
        """Refuse a grid of another clip length than its frames are asked for, with a `ConfigError`."""
        if grid.clip_seconds != self._clip_seconds:
            raise ConfigError(
                f"{self.name} was opened for clips of {self._clip_seconds} s, the grid has {grid.clip_seconds} s"
            )


class TextEncoder(Model):
    """A model that embeds queries."""

    width: ClassVar[int]
    logit_scale: float | None = None
    """What the model multiplies cosines with when it compares texts with pictures; `None` if it knows no pictures."""
    sha256: str
    """Of the network's file; vectors that are kept for later runs carry it in their name."""

    @abstractmethod
    def encode(self, text: str) -> Query:
        """Embed one query; a `ConfigError` for an empty one."""

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """(len(texts), width) float32 unit vectors; encoders that can take many texts at once override this."""
        return np.stack([self.encode(text).vector for text in texts])

    def release(self) -> None:
        """Give back the network's memory, if it can be had again in a moment; the next text opens it."""


def check_query(text: object) -> None:
    """Refuse a query that is no text, or says nothing, with a `ConfigError`."""
    if not isinstance(text, str):
        raise ConfigError(f"a query is text, got {text!r}; for several: Highlighter.analyse_queries")
    if not text.strip():
        raise ConfigError("the query is empty: say what to look for, or leave the query out")
    check_text("the query", text)
    if not any(letter.isalnum() or unicodedata.category(letter) == "So" for letter in text):  # CLIP knows emoji.
        raise ConfigError(f"the query {text.strip()!r} holds no word: say what to look for, or leave the query out")


def given_file(owner: str, weights: Mapping[str, Path] | None, checkpoint: str) -> Path:
    """The file of a checkpoint that an owner was opened with; a `WeightsError` where it was not."""
    if weights is None or checkpoint not in weights:
        raise WeightsError(f"{owner} was opened without the weights {checkpoint}")
    return weights[checkpoint]
