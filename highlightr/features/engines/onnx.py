"""Compile once, run without torch.

In: a recipe, which tells how to build a torch module and what goes in and out. Out: a `Model`, a function from named
arrays to arrays. On the CPU an engine runs it, onnxruntime or OpenVINO: the module is exported on first use, checked
against torch, and kept by `highlightr.features.engines.compiled`. On a GPU the torch module itself runs. Importing
torch takes seconds and is avoided whenever the compiled model is there. Engines open the file themselves, seal and all:
a model of 300 MB that went through Python's memory would stand there three times.
"""

from __future__ import annotations

import io
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from highlightr.core.device import Precision, core_count
from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.types import FloatArray
from highlightr.features.base import Weights
from highlightr.features.engines.compiled import keeping, kept_model, place_of

if TYPE_CHECKING:
    import torch

__all__ = [
    "Engine",
    "Model",
    "Recipe",
    "compiled_path",
    "default_threads",
    "open_graph",
    "open_model",
    "open_network",
    "open_session",
    "plain_attention",
]

logger = logging.getLogger(__name__)

Arrays = Mapping[str, npt.NDArray[Any]]
Model = Callable[[Arrays], list[FloatArray]]
"""Named input arrays to output arrays, in the recipe's order. Several threads may call it at once."""

Engine = Literal["onnxruntime", "openvino"]
"""What runs compiled models; OpenVINO has to be installed."""

_OPSET = 17
_EXPORTING = threading.Lock()
"""torch exports one module at a time; the text encoder may be opened while an extractor is."""

_TOLERANCE = 1e-3
"""Largest difference from torch, relative to the largest output, that a compiled model may show in single precision."""

_PRECISIONS: Mapping[Engine, tuple[Precision, ...]] = {"onnxruntime": ("fp32",), "openvino": ("fp32", "bf16")}


@dataclass(frozen=True)
class Recipe:
    """How a model is made from its weights."""

    name: str
    """Part of the compiled file's name: lower case, no spaces."""
    weights: Weights | None
    """`None` for weights that nobody will ask for again: the compiled model is not kept."""
    build: Callable[[], torch.nn.Module]
    """Returns the module in evaluation mode with verified weights; it takes the inputs in order."""
    example: Arrays
    """Inputs, by name, that the export is traced with and checked on."""
    outputs: tuple[str, ...]
    dynamic: Mapping[str, Mapping[int, str]]
    """For each input and output, the axes whose length may vary."""


def open_model(
    recipe: Recipe,
    *,
    device: str = "cpu",
    engine: Engine = "onnxruntime",
    threads: int | None = None,
    calls: int = 1,
    precision: Precision = "fp32",
) -> Model:
    """Make the recipe's model ready to run.

    Args:
        recipe: what to open.
        device: ``cpu`` runs the compiled model in `engine`; ``torch`` runs the module in torch on the CPU; ``cuda`` or
            ``cuda:N`` runs it in torch on that GPU.
        engine: for the compiled model.
        threads: of one call, the calling one included; `None` takes every core this process may use.
        calls: how many are expected at once.
        precision: OpenVINO runs ``bf16``, too, on a processor that has it.

    Raises:
        ConfigError: an unknown device, a GPU that is not there, or a precision that the engine does not have.
        WeightsError: weights that are absent or not as published.
    """
    if device == "cpu":
        if precision not in _PRECISIONS[engine]:
            raise ConfigError(f"{engine} does not run {recipe.name} in {precision}")
        opening = partial(_OPENED[engine], recipe, threads or default_threads(), calls)
        return _kept_model(recipe, partial(opening, precision)) or _compile(recipe, opening, precision)
    if device == "torch" or device.partition(":")[0] == "cuda":
        return _in_torch(recipe, "cpu" if device == "torch" else device)
    raise ConfigError(f"unknown device {device!r}: use cpu, cuda or cuda:N")


def compiled_path(recipe: Recipe) -> Path | None:
    """Where the compiled model is kept, if it is."""
    return None if recipe.weights is None else place_of(recipe.name, recipe.weights.sha256)


def default_threads() -> int:
    """How many cores this process may use: those it is bound to, and no more than ``OMP_NUM_THREADS`` says."""
    cores = core_count()
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, max(1, int(wanted))) if wanted.isdecimal() else cores


def open_session(model: bytes | Path, threads: int | None = None) -> Any:
    """An onnxruntime session for a serialised model.

    Args:
        model: the ONNX protobuf, or the file that it is in.
        threads: `None` takes every core this process may use.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or default_threads()
    options.inter_op_num_threads = 1
    # Threads that spin while waiting would take the cores away from the decoder.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    given = str(model) if isinstance(model, Path) else model
    return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])


def open_graph(path: Path, threads: int | None = None) -> Model:
    """A graph that comes with highlightr, in onnxruntime on the CPU.

    Args:
        path: the ONNX file, already checked.
        threads: as for `open_session`.

    Raises:
        WeightsError: onnxruntime cannot read it.
    """
    try:
        session = open_session(path, threads)
    except Exception as error:  # onnxruntime raises classes of its own
        raise WeightsError(f"onnxruntime cannot open {path}: {error}; reinstall highlightr") from error
    return lambda inputs: list(session.run(None, dict(inputs)))


_Graph = bytes | Path
"""An ONNX protobuf, or the file that it is in."""


def open_network(graph: _Graph, threads: int, streams: int, precision: Precision = "fp32") -> Any:
    """An OpenVINO network; `streams` inputs run at once, each on its share of the `threads`."""
    import openvino  # type: ignore[import-untyped]

    settings = {
        # Where the processor has bfloat16, that is the default; where it has not, single precision runs.
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": str(threads),
        "NUM_STREAMS": str(streams),
    }
    core = openvino.Core()
    return core.compile_model(core.read_model(graph), "CPU", settings)


def _in_onnxruntime(recipe: Recipe, threads: int, calls: int, precision: Precision, graph: _Graph) -> Model:
    del calls, precision  # Callers bring threads of their own, and single precision is all there is.
    session = open_session(graph, threads)
    return lambda inputs: list(session.run(list(recipe.outputs), dict(inputs)))


def _in_openvino(recipe: Recipe, threads: int, calls: int, precision: Precision, graph: _Graph) -> Model:
    """Each call runs in a stream, which has its share of the threads; a caller's own thread only waits."""
    compiled = open_network(graph, threads + calls - 1, calls, precision)
    local = threading.local()

    def run(inputs: Arrays) -> list[FloatArray]:
        if not hasattr(local, "request"):
            local.request = compiled.create_infer_request()
        made = local.request.infer(dict(inputs))
        return [np.array(made[name]) for name in recipe.outputs]

    return run


_OPENED: Mapping[Engine, Callable[[Recipe, int, int, Precision, _Graph], Model]] = {
    "onnxruntime": _in_onnxruntime,
    "openvino": _in_openvino,
}


def _kept_model(recipe: Recipe, opening: Callable[[_Graph], Model]) -> Model | None:
    path = compiled_path(recipe)
    kept = None if path is None else kept_model(path)
    try:
        return None if kept is None else opening(kept)
    except Exception as error:  # noqa: BLE001  engines raise classes of their own
        logger.debug("compiled %s does not open and is made again: %s", recipe.name, error)
        return None


def _compile(recipe: Recipe, opening: Callable[[Precision, _Graph], Model], precision: Precision) -> Model:
    """Export, open, compare with torch, and only then keep."""
    logger.info("Preparing %s for this machine, once", recipe.name)
    module = recipe.build()
    expected = _run_torch(module, recipe.example, "cpu")
    with _EXPORTING:
        graph = _export(recipe, module)
    # Neither the module nor, where it can be kept, the export is needed beside the model that is made of them.
    del module
    path = compiled_path(recipe)
    with nullcontext() if path is None else keeping(path, graph) as unchecked:
        place: _Graph = graph if unchecked is None else unchecked
        del graph
        model = opening("fp32", place)
        _check(recipe, expected, model)
        return model if precision == "fp32" else opening(precision, place)


def _export(recipe: Recipe, module: torch.nn.Module) -> bytes:
    import torch

    buffer: Any = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode(), plain_attention():
        # The tracing exporter warns that it is the older one; the newer needs a package more and takes longer.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(torch.from_numpy(value) for value in recipe.example.values()),
            buffer,
            input_names=list(recipe.example),
            output_names=list(recipe.outputs),
            dynamic_axes={name: dict(axes) for name, axes in recipe.dynamic.items()},
            opset_version=_OPSET,
            dynamo=False,
        )
    exported: bytes = buffer.getvalue()
    return exported


@contextmanager
def plain_attention() -> Iterator[None]:
    """torch's fused attention has no ONNX form; without it the same layers are traced one by one."""
    import torch

    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def _check(recipe: Recipe, expected: Sequence[FloatArray], model: Model) -> None:
    for name, want, got in zip(recipe.outputs, expected, model(recipe.example), strict=True):
        error = float(np.abs(want - got).max() / max(np.abs(want).max(), 1e-12))
        if not error <= _TOLERANCE:
            raise WeightsError(f"compiled {recipe.name} differs from torch in {name} by {error:.2g} of its range")


def _in_torch(recipe: Recipe, device: str) -> Model:
    import torch

    if device != "cpu" and not torch.cuda.is_available():
        raise ConfigError(f"device {device!r} was asked for, but torch sees no GPU: use --device cpu")
    module = recipe.build().to(device)
    return lambda inputs: _run_torch(module, inputs, device)


def _run_torch(module: torch.nn.Module, inputs: Arrays, device: str) -> list[FloatArray]:
    import torch

    with torch.inference_mode():
        outputs = module(*(torch.from_numpy(np.ascontiguousarray(value)).to(device) for value in inputs.values()))
    several = (outputs,) if isinstance(outputs, torch.Tensor) else outputs
    return [output.float().cpu().numpy() for output in several]
