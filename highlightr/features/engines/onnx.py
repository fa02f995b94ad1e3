"""ONNX graphs in an engine: onnxruntime, or OpenVINO where it is installed.

In: a graph, or the file that it is in, which the engine opens itself: a network of 300 MB that went through Python's
memory would stand there three times. Out: a function from arrays to arrays, which several threads may call at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from highlightr.core.device import Precision, core_count
from highlightr.core.errors import WeightsError
from highlightr.core.types import FloatArray

Array = npt.NDArray[Any]

Graph = bytes | Path
"""An ONNX protobuf, or the file that it is in."""

RunGraph = Callable[[Mapping[str, Array]], list[FloatArray]]
"""Named input arrays to all outputs, in the graph's order."""

Run = Callable[[Array], FloatArray]
"""The only input to the only output."""

Engine = Literal["onnxruntime", "openvino"]

Backend = Literal["torch", Engine]


def default_threads() -> int:
    """How many cores this process may use: those it is bound to, and no more than ``OMP_NUM_THREADS`` says."""
    cores = core_count()
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, max(1, int(wanted))) if wanted.isdecimal() else cores


def open_session(graph: Graph, threads: int | None = None, *, unpacked: bool = True) -> Any:
    """An onnxruntime session.

    Args:
        threads: of one call, the calling one included; `None`: every usable core.
        unpacked: weights that are stored in 8 bit are made float once, and not in every call; they take four times
            the memory then.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or default_threads()
    options.inter_op_num_threads = 1
    # Threads that spin while waiting would take the cores away from the decoder.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    given = str(graph) if isinstance(graph, Path) else graph
    left_out = [] if unpacked else ["ConstantFolding"]
    return onnxruntime.InferenceSession(
        given, options, providers=["CPUExecutionProvider"], disabled_optimizers=left_out
    )


def open_graph(path: Path, threads: int | None = None, *, unpacked: bool = True) -> RunGraph:
    """A graph of highlightr's own on the CPU, opened as by `open_session`; a `WeightsError` if it cannot be read."""
    try:
        session = open_session(path, threads, unpacked=unpacked)
    except Exception as error:  # onnxruntime raises classes of its own
        raise WeightsError(f"onnxruntime cannot open {path}: {error}; reinstall highlightr") from error
    return lambda inputs: list(session.run(None, dict(inputs)))


def open_network(graph: Graph, threads: int, streams: int, precision: Precision = "fp32") -> Any:
    """An OpenVINO network; `streams` inputs run at once, each on its share of the `threads`."""
    settings = {
        # Where the processor has bfloat16, that is the default; where it has not, single precision runs.
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": str(threads),
        "NUM_STREAMS": str(streams),
    }
    core = _openvino_core()
    return core.compile_model(core.read_model(graph), "CPU", settings)


@cache
def _openvino_core() -> Any:
    """The one of this process, which stays: it gives the thread that makes it a stack for signals, and takes it back
    with itself. Closed by another thread, it would leave the first one with a stack that is not there: the next signal,
    Ctrl-C say, would crash.
    """
    import openvino  # type: ignore[import-untyped]

    return openvino.Core()


def open_engine(engine: Engine, graph: Graph, threads: int, calls: int, precision: Precision) -> Run:
    """A graph of one input and one output for `calls` at once; with onnxruntime, callers bring threads of their own."""
    if engine == "onnxruntime":
        session = open_session(graph, threads)
        name = session.get_inputs()[0].name
        return lambda inputs: np.asarray(session.run(None, {name: inputs})[0])
    # A caller's own thread only waits: each call runs in a stream, which has its share of the threads.
    compiled = open_network(graph, threads + calls - 1, calls, precision)
    local = threading.local()

    def run(inputs: Array) -> FloatArray:
        if not hasattr(local, "request"):
            local.request = compiled.create_infer_request()
        return np.array(local.request.infer([inputs])[0])

    return run
