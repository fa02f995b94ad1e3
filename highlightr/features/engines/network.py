"""One published network: from arrays (batch, ...) to (batch, width), on the backend that runs it fastest here.

In: how to build the torch module, and an example of its inputs. On a GPU, under autocast and where torch compiles, the
module itself runs. On the CPU in single precision an engine does: the module is exported at its first use, compared
with torch, and kept (`highlightr.features.engines.compiled`), so that later runs need not import torch, which takes
seconds.
"""

from __future__ import annotations

import io
import logging
import math
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from highlightr.core.device import Precision
from highlightr.core.errors import WeightsError
from highlightr.core.sealed import is_sealed, mark_used
from highlightr.core.types import FloatArray
from highlightr.features.engines.compiled import compiled_file, keeping
from highlightr.features.engines.onnx import Array, Backend, Engine, Graph, Run, default_threads, open_engine

if TYPE_CHECKING:
    import torch

    from highlightr.features.engines.source import NetworkSource

logger = logging.getLogger(__name__)

_OPSET = 17
_EXPORTING = threading.Lock()
"""torch exports one module at a time; the text encoder may be opened while an extractor is."""

_TOLERANCE = 1e-3
"""Largest difference from torch, relative to the largest output, that a compiled network may show in fp32."""


@dataclass(eq=False)
class Network:
    """A network that makes one row per input and is ready to run, on the backend that is fastest for it here.

    Raises:
        WeightsError: weights that cannot be read or do not fit; a compiled network that differs from torch.
    """

    source: NetworkSource
    """Says the backend and the precision, and moves arrays to the device."""
    name: str
    """As in `FASTEST_ON_CPU`; part of the compiled file's name: lower case, no spaces."""
    checkpoints: Iterable[str]
    """Whose weights it is filled with."""
    build: Callable[[], torch.nn.Module]
    """Makes the module by way of `NetworkSource.open`."""
    example: Array
    """(batch, ...): an input to trace with and to compare backends on; noise will do."""
    varying: Mapping[int, str] = field(default_factory=dict)
    """Axes of the input, apart from the batch, that may have another length than the example's."""
    batch: int = 1
    """Inputs that come at once on a CPU. They are shared out to the cores: threads that work on one input wait for each
    other after every layer, which costs a fifth to a third of the processor's time, and more beside a decoder."""
    settings: str = ""
    """What else tells the network from others of this name."""

    def __post_init__(self) -> None:
        self.backend: Backend = self.source.backend(self.name)
        self._shares = min(self.batch, default_threads())
        self._run = None if self.backend == "torch" else self._kept(self.backend) or self._compiled(self.backend)
        if self._run is None:
            _ = self.module  # What is wrong with the weights is known before any work.
        self.source.networks.add(self)

    def __call__(self, inputs: Array) -> FloatArray:
        """(batch, ...) to (batch, width) float32."""
        if self._run is not None:
            return self._shared_out(self._run, np.ascontiguousarray(inputs))
        return self._in_torch(self.module, inputs)

    @cached_property
    def module(self) -> torch.nn.Module:
        """The network in torch, on its device, built when first asked for."""
        return self.source.ready(self.build())

    def compile(self) -> None:
        """Have torch compile the network, in place, at its first call; torch runs it from now on."""
        self._run, self.backend = None, "torch"
        self.module.compile()

    @cached_property
    def _file(self) -> Path | None:
        """Where the compiled network is kept, named by everything the numbers depend on; nothing random is kept."""
        if self.source.random:
            return None
        shape = [size for axis, size in enumerate(self.example.shape) if axis and axis not in self.varying]
        return compiled_file(self.name, self.source.digest(f"{shape}{self.settings}", self.checkpoints))

    def _in_torch(self, module: torch.nn.Module, inputs: Array) -> FloatArray:
        with self.source.forward():
            return module(self.source.tensor(inputs)).float().cpu().numpy()

    def _shared_out(self, run: Run, inputs: Array) -> FloatArray:
        """The inputs in parts that run side by side: in as many as there are cores for them, or one by one.

        OpenVINO takes up to a third more time for an input that comes together with others.
        """
        parts = np.array_split(inputs, len(inputs) if self.backend == "openvino" else min(self._shares, len(inputs)))
        return run(inputs) if len(parts) == 1 else np.concatenate(list(self._pool.map(run, parts)))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._shares, thread_name_prefix=f"network-{self.name}")

    def _open(self, engine: Engine, graph: Graph, precision: Precision) -> Run:
        # A call's other threads are those that the shares leave over.
        return open_engine(engine, graph, default_threads() - self._shares + 1, self._shares, precision)

    def _kept(self, engine: Engine) -> Run | None:
        file = self._file
        if file is None or not is_sealed(file):
            return None
        mark_used(file)
        try:
            return self._open(engine, file, self.source.precision)
        except Exception as error:  # noqa: BLE001  engines raise classes of their own
            logger.debug("compiled %s does not open and is made again: %s", self.name, error)
            return None

    def _compiled(self, engine: Engine) -> Run:
        """Export, open, compare with torch, and only then keep."""
        logger.info("Preparing %s for this machine, once", self.name)
        module = self.source.ready(self.build())
        # On the example alone, what tracing took for a constant would be right.
        inputs = (self.example, _other(self.example, self.varying))
        expected = [_in_torch_exactly(module, each) for each in inputs]
        with _EXPORTING:
            graph = _export(module, self.example, self.varying)
        # Neither the module nor, where it can be kept, the export is needed beside the network that is made of them.
        del module
        file = self._file
        with nullcontext() if file is None else keeping(file, graph) as unchecked:
            place: Graph = graph if unchecked is None else unchecked
            del graph
            run = self._open(engine, place, "fp32")
            try:
                error = max(_difference(rows, run(each)) for rows, each in zip(expected, inputs, strict=True))
            except Exception as refusal:  # engines raise classes of their own
                raise WeightsError(f"compiled {self.name} does not run: {refusal}") from refusal
            if not error <= _TOLERANCE:
                raise WeightsError(f"compiled {self.name} differs from torch by {error:.2g} of its range")
            precision = self.source.precision
            return run if precision == "fp32" else self._open(engine, place, precision)


def _other(example: Array, varying: Mapping[int, str]) -> Array:
    """An input of other values, half as large, of another number, and longer by other parts where it may be.

    Of one input two are made, otherwise one: a network takes seconds in torch.
    """
    shape = [2 if len(example) == 1 else 1, *example.shape[1:]]
    for halvings, axis in enumerate(sorted(varying), start=1):
        shape[axis] += shape[axis] >> halvings
    drawn = np.random.default_rng(1).choice(example.ravel(), size=shape)
    return (drawn / 2).astype(example.dtype)


def _in_torch_exactly(module: torch.nn.Module, inputs: Array) -> FloatArray:
    """The rows in single precision, whatever the source's."""
    import torch

    with torch.inference_mode():
        return module(torch.from_numpy(inputs)).float().numpy()


def _difference(expected: FloatArray, found: FloatArray) -> float:
    """The largest, relative to the largest that was expected; infinite where something is not a number."""
    if expected.shape != found.shape:
        return math.inf
    error = float(np.abs(expected - found).max() / max(np.abs(expected).max(), 1e-12))
    return error if math.isfinite(error) else math.inf


def _export(module: torch.nn.Module, example: Array, varying: Mapping[int, str]) -> bytes:
    import torch

    buffer: Any = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode(), plain_attention():
        # The tracing exporter warns that it is the older one; the newer needs a package more and takes longer.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (torch.from_numpy(example),),
            buffer,
            input_names=["inputs"],
            output_names=["rows"],
            dynamic_axes={"inputs": {0: "batch", **varying}, "rows": {0: "batch"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    return buffer.getvalue()


@contextmanager
def plain_attention() -> Iterator[None]:
    """Trace attention layers one by one: torch's fused attention has no ONNX form."""
    import torch

    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
