"""How the published networks are run: each on the backend that is the fastest for it and makes the same numbers.

In: how to build a network, and an example of its inputs. Out: `Rows`, from arrays (batch, ...) to (batch, width). On a
GPU, under autocast and where torch compiles, that is torch; on the CPU in single precision the table decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from highlightr.core.device import Precision
from highlightr.core.types import FloatArray
from highlightr.features.base import Weights
from highlightr.features.engines.onnx import Engine, Model, Recipe, default_threads, open_model

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import torch

__all__ = ["FASTEST_ON_CPU", "Backend", "Blueprint", "Device", "Rows", "fastest_here"]

Backend = Literal["torch", "onnxruntime", "openvino"]

FASTEST_ON_CPU: Mapping[str, tuple[Backend, ...]] = {
    "clip-vit-b-32": ("onnxruntime",),
    "clip-vit-b-32-quickgelu": ("onnxruntime",),
    "cnn14": ("openvino", "onnxruntime"),
    "cnn14-16k": ("openvino", "onnxruntime"),
    "i3d-flow": ("openvino", "onnxruntime"),
    "i3d-r50": ("openvino", "onnxruntime"),
    "i3d-rgb": ("openvino", "onnxruntime"),
    "inception-imagenet": ("onnxruntime",),
    "inception-yt8m": ("onnxruntime",),
    "r3d34": ("openvino", "torch"),
    "r3d34-kinetics700": ("openvino", "torch"),
    "raft-frames": ("openvino",),
    "raft-pairs": ("openvino",),
    "slowfast": ("openvino", "onnxruntime"),
}
"""The fastest first; one that is not installed is passed over. Measured by benchmarks/backends.py; README has the
figures. What was not measured runs in torch."""


_NOT_IN_SHORT = ("raft-frames", "raft-pairs")
"""Networks that OpenVINO must not run in bfloat16: it would round places in a picture to parts of a pixel."""


def fastest_here(name: str, precision: Precision = "fp32") -> Backend:
    """What runs a network on this machine's CPU; in bfloat16 OpenVINO, if it is installed and may."""
    if precision != "fp32":
        openvino = name in FASTEST_ON_CPU and name not in _NOT_IN_SHORT and find_spec("openvino") is not None
        return "openvino" if openvino else "torch"
    installed = (each for each in FASTEST_ON_CPU.get(name, ()) if each == "torch" or find_spec(each) is not None)
    return next(installed, "torch")


class Device(Protocol):
    """What `Rows` needs of a `NetworkSource`."""

    precision: Precision

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
        self._model = None if backend == "torch" else self._open(backend, weights)
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
        """The inputs in parts that run side by side: in as many as there are cores for them, or one by one.

        OpenVINO takes up to a third more time for an input that comes together with others.
        """
        parts = np.array_split(inputs, len(inputs) if self.backend == "openvino" else min(self._shares, len(inputs)))
        if len(parts) == 1:
            return model({"given": inputs})[0]
        return np.concatenate(list(self._pool.map(lambda part: model({"given": part})[0], parts)))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._shares, thread_name_prefix=f"rows-{self._blueprint.name}")

    def _open(self, engine: Engine, weights: Weights | None) -> Model:
        axes = {0: "batch"}
        recipe = Recipe(
            name=self._blueprint.name,
            weights=weights,
            build=self._blueprint.build,
            example={"given": self._blueprint.example},
            outputs=("rows",),
            dynamic={"given": {**axes, **self._blueprint.varying}, "rows": axes},
        )
        # A call's other threads are those that the shares leave over.
        threads = default_threads() - self._shares + 1
        return open_model(recipe, engine=engine, threads=threads, calls=self._shares, precision=self._device.precision)
