"""One published network: from arrays (batch, ...) to (batch, width), on the backend that runs it fastest here.

In: how to build the torch module, and an example of its inputs. On a GPU, under autocast and where torch compiles, the
module itself runs. On the CPU in single precision an engine does: the module is exported at its first use, compared
with torch, and kept (`highlightr.features.engines.compiled`), so that later runs need not import torch, which takes
seconds.
"""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.sealed import is_sealed, mark_used
from highlightr.core.types import FloatArray
from highlightr.features.engines.compiled import compiled_file, keeping
from highlightr.features.engines.onnx import PRECISIONS, Array, Engine, Graph, Run, default_threads, open_engine

if TYPE_CHECKING:
    import torch

    from highlightr.features.engines.source import NetworkSource

logger = logging.getLogger(__name__)

Backend = Literal["torch", Engine]

_OPSET = 17
_EXPORTING = threading.Lock()
"""torch exports one module at a time; the text encoder may be opened while an extractor is."""

_TOLERANCE = 1e-3
"""Largest difference from torch, relative to the largest output, that a compiled network may show in fp32."""


@dataclass(eq=False)
class Network:
    """A network that is ready to run.

    Raises:
        ConfigError: a precision that the engine does not have.
        WeightsError: weights that cannot be read or do not fit; a compiled network that differs from torch.
    """

    name: str
    """Part of the compiled file's name: lower case, no spaces."""
    build: Callable[[], torch.nn.Module]
    """Makes the module, with its weights, on its device, in evaluation mode."""
    example: Array
    """(batch, ...): an input to trace with and to compare backends on; noise will do."""
    source: NetworkSource
    """Says the precision, and moves arrays to the device."""
    backend: Backend = "torch"
    varying: Mapping[int, str] = field(default_factory=dict)
    """Axes of the input, apart from the batch, that may have another length than the example's."""
    batch: int = 1
    """Inputs that come at once on a CPU. They are shared out to the cores: threads that work on one input wait for each
    other after every layer, which costs a fifth to a third of the processor's time, and more beside a decoder."""
    weights_sha256: str | None = None
    """Of everything the numbers depend on, names the compiled file; `None`: it is not kept."""

    def __post_init__(self) -> None:
        self._shares = min(self.batch, default_threads())
        self._run = None if self.backend == "torch" else self._kept(self.backend) or self._compiled(self.backend)
        if self._run is None:
            _ = self.module  # What is wrong with the weights is known before any work.

    def __call__(self, inputs: Array) -> FloatArray:
        """(batch, ...) to (batch, width) float32."""
        if self._run is not None:
            return self._shared_out(self._run, np.ascontiguousarray(inputs))
        return self._in_torch(self.module, inputs)

    @cached_property
    def module(self) -> torch.nn.Module:
        """The network in torch, on its device, built when first asked for."""
        return self.build()

    def compile(self) -> None:
        """Have torch compile the network, in place, at its first call; torch runs it from now on."""
        self._run, self.backend = None, "torch"
        self.module.compile()

    @property
    def compiled_file(self) -> Path | None:
        """Where the compiled network is kept, if it is."""
        return None if self.weights_sha256 is None else compiled_file(self.name, self.weights_sha256)

    def _in_torch(self, module: torch.nn.Module, inputs: Array) -> FloatArray:
        with self.source.forward():
            rows: FloatArray = module(self.source.tensor(inputs)).float().cpu().numpy()
        return rows

    def _shared_out(self, run: Run, inputs: Array) -> FloatArray:
        """The inputs in parts that run side by side: in as many as there are cores for them, or one by one.

        OpenVINO takes up to a third more time for an input that comes together with others.
        """
        parts = np.array_split(inputs, len(inputs) if self.backend == "openvino" else min(self._shares, len(inputs)))
        return run(inputs) if len(parts) == 1 else np.concatenate(list(self._pool.map(run, parts)))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._shares, thread_name_prefix=f"network-{self.name}")

    def _open(self, engine: Engine, graph: Graph, precision: str) -> Run:
        if precision not in PRECISIONS[engine]:
            raise ConfigError(f"{engine} does not run {self.name} in {precision}")
        # A call's other threads are those that the shares leave over.
        return open_engine(engine, graph, default_threads() - self._shares + 1, self._shares, precision)

    def _kept(self, engine: Engine) -> Run | None:
        file = self.compiled_file
        if file is None or not is_sealed(file):
            return None
        mark_used(file)
        try:
            return self._open(engine, file, self.source.precision)
        except ConfigError:
            raise
        except Exception as error:  # noqa: BLE001  engines raise classes of their own
            logger.debug("compiled %s does not open and is made again: %s", self.name, error)
            return None

    def _compiled(self, engine: Engine) -> Run:
        """Export, open, compare with torch, and only then keep."""
        logger.info("Preparing %s for this machine, once", self.name)
        module = self.build()
        expected = self._in_torch_exactly(module)
        with _EXPORTING:
            graph = _export(module, self.example, self.varying)
        # Neither the module nor, where it can be kept, the export is needed beside the network that is made of them.
        del module
        file = self.compiled_file
        with nullcontext() if file is None else keeping(file, graph) as unchecked:
            place: Graph = graph if unchecked is None else unchecked
            del graph
            run = self._open(engine, place, "fp32")
            error = float(np.abs(expected - run(self.example)).max() / max(np.abs(expected).max(), 1e-12))
            if not error <= _TOLERANCE:
                raise WeightsError(f"compiled {self.name} differs from torch by {error:.2g} of its range")
            precision = self.source.precision
            return run if precision == "fp32" else self._open(engine, place, precision)

    def _in_torch_exactly(self, module: torch.nn.Module) -> FloatArray:
        """The example's rows in single precision, whatever the source's."""
        import torch

        with torch.inference_mode():
            rows: FloatArray = module(torch.from_numpy(self.example)).float().numpy()
        return rows


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
    exported: bytes = buffer.getvalue()
    return exported


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
