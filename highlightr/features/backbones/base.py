"""What the published backbones share: an extractor that runs on checkpoints."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import numpy.typing as npt

from highlightr.core.device import Precision
from highlightr.core.types import FloatArray
from highlightr.features.base import Extractor
from highlightr.features.engines.network import Network
from highlightr.features.engines.source import NetworkSource


class Backbone(Extractor):
    """An extractor on a published checkpoint.

    Args:
        random_seed: instead of weights; the streams then mean nothing and are to be marked.
        precision: ``fp32`` as published; ``bf16`` and ``fp16`` run matrix products in the short type: faster on a GPU,
            and bf16 on a CPU that has it, where OpenVINO is installed.

    Raises:
        ConfigError: both weights and a seed or neither; a device or package that is not there.
        WeightsError: weights that cannot be read or do not fit.
    """

    packages: ClassVar[tuple[str, ...]] = ("torch", "torchvision")
    batch: ClassVar[Mapping[str, int]]
    """Pictures or windows per forward, for ``cpu`` and ``cuda``."""
    _network: Network

    def __init__(self, *, random_seed: int | None = None, precision: Precision = "fp32", **common: Any) -> None:
        super().__init__(**common)
        self._source = NetworkSource(self.name, self._device, self._weights, random_seed, precision)

    def _forward(self, inputs: npt.NDArray[Any]) -> Mapping[str, FloatArray]:
        """Streams of a batch, (batch, width) each: what the network makes, unless there is more to it."""
        return {next(iter(self.streams)): self._network(inputs)}

    def compile(self) -> None:
        """Have torch compile the networks: the first batches take a minute longer, later ones are faster on a GPU."""
        self._source.compile()


def quiet_import(module: str) -> Any:
    """Import a module that calls what is about to be deprecated, of which its user need not be told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return import_module(module)
