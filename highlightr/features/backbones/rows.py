"""How the published networks are run: each on the backend that is the fastest for it and makes the same numbers.

In: how to build a network, and an example of its inputs. Out: `Rows`, from arrays (batch, ...) to (batch, width). On a
GPU, under autocast and where torch compiles, that is torch; on the CPU in single precision the table decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from highlightr.features.base import Weights
from highlightr.features.onnx import Model, Recipe, default_threads, open_model
from highlightr.timeline import FloatArray

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import torch

__all__ = ["FASTEST_ON_CPU", "Backend", "Blueprint", "Device", "Rows"]

Backend = Literal["torch", "onnxruntime"]

FASTEST_ON_CPU: Mapping[str, Backend] = {
    "clip-vit-b-32": "onnxruntime",
    "clip-vit-b-32-quickgelu": "onnxruntime",
    "cnn14": "onnxruntime",
    "cnn14-16k": "onnxruntime",
    "i3d-r50": "onnxruntime",
    "i3d-rgb": "onnxruntime",
    "inception-imagenet": "onnxruntime",
    "inception-yt8m": "onnxruntime",
    "r3d34": "torch",
    "r3d34-kinetics700": "torch",
    "slowfast": "onnxruntime",
}
"""Measured by tests/benchmarks/backends.py; README has the figures. What was not measured runs in torch."""


class Device(Protocol):
    """What `Rows` needs of a `NetworkSource`."""

    def tensor(self, values: npt.NDArray[Any]) -> torch.Tensor: ...  # noqa: D102
    def forward(self) -> AbstractContextManager[None]: ...  # noqa: D102


@dataclass(frozen=True)
class Blueprint:
    """A network before it is built."""

    name: str
    """A key of `FASTEST_ON_CPU`, or of a network that was not measured."""
    build: Callable[[], torch.nn.Module]
    """Makes the module, filled, on its device, in evaluation mode."""
    example: npt.NDArray[Any]
    """(batch, ...): an input to trace with and to compare backends on; noise will do."""
    varying: Mapping[int, str]
    """Axes of the input, apart from the batch, that may have another length than the example's."""
    batch: int = 1
    """Inputs that come at once on a CPU. They are shared out to the cores: threads that work on one input wait for each
    other after every layer, which costs a fifth to a third of the processor's time, and more beside a decoder."""


class Rows:
    """A network, from arrays to arrays; `module` is it in torch, built when first asked for."""

    def __init__(self, blueprint: Blueprint, device: Device, backend: Backend, weights: Weights | None) -> None:
        self._blueprint, self._device, self.backend = blueprint, device, backend
        self._shares = min(blueprint.batch, default_threads())
        self._model = self._open(weights) if backend == "onnxruntime" else None
        if self._model is None:
            _ = self.module  # What is wrong with the weights is known before any work.

    def __call__(self, inputs: npt.NDArray[Any]) -> FloatArray:
        """(batch, ...) to (batch, width) float32."""
        if self._model is not None:
            return self._shared_out(self._model, np.ascontiguousarray(inputs))
        with self._device.forward():
            made: FloatArray = self.module(self._device.tensor(inputs)).float().cpu().numpy()
        return made

    @cached_property
    def module(self) -> torch.nn.Module:
        """The network in torch, on its device."""
        return self._blueprint.build()

    def compile(self) -> None:
        """Have torch compile the network, in place, at its first call; torch runs it from now on."""
        self._model, self.backend = None, "torch"
        self.module.compile()

    def _shared_out(self, model: Model, inputs: npt.NDArray[Any]) -> FloatArray:
        """The inputs in as many parts as there are cores for them, side by side."""
        parts = np.array_split(inputs, min(self._shares, len(inputs)))
        if len(parts) == 1:
            return model({"given": inputs})[0]
        return np.concatenate(list(self._pool.map(lambda part: model({"given": part})[0], parts)))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._shares, thread_name_prefix=f"rows-{self._blueprint.name}")

    def _open(self, weights: Weights | None) -> Model:
        axes = {0: "batch"}
        recipe = Recipe(
            name=self._blueprint.name,
            weights=weights,
            build=self._blueprint.build,
            example={"given": self._blueprint.example},
            outputs=("rows",),
            dynamic={"given": {**axes, **self._blueprint.varying}, "rows": axes},
        )
        # The session's own threads are those that the shares leave over.
        return open_model(recipe, threads=default_threads() - self._shares + 1)
