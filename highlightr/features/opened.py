"""An extractor with what it runs on: known when a preset is loaded, opened when its streams are first needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from highlightr.features.base import Extractor, Weights

__all__ = ["OpenedExtractor"]


@dataclass(frozen=True)
class OpenedExtractor:
    """An extractor and what it runs on."""

    kind: type[Extractor]
    """Its class: name, streams, modality."""
    options: Mapping[str, Any]
    """Keywords it was opened with, beside clip length, device and weights."""
    weights: tuple[Weights, ...]
    """Of each checkpoint; empty without a model or on random weights."""
    random_seed: int | None
    """Set if it runs on random weights, and then its streams mean nothing."""
    open: Callable[[], Extractor]
    """Makes the extractor; `extractor` calls it once."""

    @cached_property
    def extractor(self) -> Extractor:
        """The extractor itself, opened at the first use.

        Raises:
            ConfigError: a package that is not installed, or a device that is not there.
            WeightsError: weights that are damaged.
        """
        return self.open()

    def load(self) -> OpenedExtractor:
        """Open it now, so that what is wrong with it is known before any work; errors as for `extractor`."""
        _ = self.extractor
        return self

    @property
    def names(self) -> Mapping[str, int]:
        """What it makes to be kept, name to width: its streams, and signals that were asked for or are all it makes."""
        signals = self.kind.signals if self.options.get("keep_signal") or not self.kind.streams else {}
        return {**self.kind.streams, **signals}
