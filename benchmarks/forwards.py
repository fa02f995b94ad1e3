"""The ways to run a network, and what a forward costs in each: torch, onnxruntime, OpenVINO.

In: a `Network` that has heard a video. Out: `Trial`s, one per backend and batch size: seconds per input, and how far
the outputs are from those of the pipeline. A backend whose package is not installed is left out: 8 bit needs `onnx`,
OpenVINO needs `openvino`, neither of which highlightr depends on.
"""

from __future__ import annotations

import copy
import io
import math
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks.networks import Array, Network, Run
from highlightr.core.device import Precision
from highlightr.features.engines.network import plain_attention
from highlightr.features.engines.onnx import default_threads, open_network, open_session

BATCHES = (1, 2, 4, 8)

LONGEST_SECONDS = 3.0
"""A backend that needs longer for the sample is timed once and not tried with larger batches than 2."""

TOLERANCE = 1e-3
"""Largest difference from the pipeline's outputs, relative to the largest of them, that single precision may show."""

OPSET = 17


@dataclass(frozen=True)
class Trial:
    """A network on one backend with one batch size."""

    backend: str
    batch: int
    seconds_per_input: float
    worst: float
    """Largest difference from the pipeline's outputs, relative to the largest of them."""
    correlation: float
    """Lowest rank correlation of one input's outputs with the pipeline's."""
    run: Run
    processor_seconds_per_input: float | None = None
    """Of every core together; what counts where a decoder has the cores, too. `None`: not measured."""

    @property
    def agrees(self) -> bool:
        """Whether the floor may stand on it."""
        return self.worst <= TOLERANCE


def trials(network: Network, backends: Sequence[str], rounds: int = 2) -> Iterator[Trial]:
    """Every backend that this network and this machine allow, at every batch size that helps to know."""
    sample, expected = network.sample, network.expected
    for name in backends:
        run = BACKENDS[name](network)
        if run is None:
            continue
        for batch in BATCHES if network.graph is None else (1,):
            if batch > len(sample):
                break
            run(sample[:batch])  # the first run of a size also makes room for it
            seconds, made = _fastest(run, sample, batch, rounds)
            yield Trial(name, batch, seconds / len(sample), *agreement(made, expected), run)
            # torch runs a single small window without its fast convolutions: one input does not tell.
            if seconds > LONGEST_SECONDS and batch > 1:
                break


def by_turns(network: Network, found: Sequence[Trial], rounds: int) -> list[Trial]:
    """The trials timed again, one of each per round: medians, wall and processor."""
    spent: list[list[tuple[float, float]]] = [[] for _ in found]
    for _ in range(rounds):
        for times, each in zip(spent, found, strict=True):
            began, worked = time.perf_counter(), time.process_time()
            in_batches(each.run, network.sample, each.batch)
            times.append((time.perf_counter() - began, time.process_time() - worked))
    medians = [[median(part) / len(network.sample) for part in zip(*times, strict=True)] for times in spent]
    return [
        replace(each, seconds_per_input=wall, processor_seconds_per_input=processor)
        for each, (wall, processor) in zip(found, medians, strict=True)
    ]


def _fastest(run: Run, sample: Array, batch: int, rounds: int) -> tuple[float, Array]:
    """Seconds of the fastest round over the sample, and its outputs; one slow round is enough."""
    seconds, made = math.inf, sample
    for _ in range(rounds):
        began = time.perf_counter()
        made = in_batches(run, sample, batch)
        seconds = min(seconds, time.perf_counter() - began)
        if seconds > LONGEST_SECONDS:
            break
    return seconds, made


def best(found: Sequence[Trial]) -> Trial:
    """The fastest that agrees."""
    return min((each for each in found if each.agrees), key=lambda each: each.seconds_per_input)


def in_batches(run: Run, inputs: Array, batch: int, count: int | None = None) -> Array:
    """Outputs of `inputs`, or of so many times the inputs that there are `count`."""
    parts = []
    done, count = 0, len(inputs) if count is None else count
    while done < count:
        first = done % len(inputs)
        taken = inputs[first : first + min(batch, count - done)]
        parts.append(run(taken))
        done += len(taken)
    return np.concatenate(parts)


def agreement(found: Array, expected: Array) -> tuple[float, float]:
    """Largest difference relative to the largest output, and the lowest rank correlation of a row."""
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    worst = float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))
    rows = zip(rankdata(found, axis=1), rankdata(expected, axis=1), strict=True)
    return worst, min(float(np.corrcoef(one, other)[0, 1]) for one, other in rows)


def _own(network: Network) -> Run | None:
    """As the pipeline runs it."""
    return network.own


def _torch(network: Network, layout: str = "", autocast: bool = False, compiled: bool = False) -> Run | None:
    """torch: single precision, channels-last layout, bfloat16 under autocast, or compiled and frozen."""
    if network.module is None:
        return None
    import torch

    module, memory = copy.deepcopy(network.module), torch.contiguous_format
    if layout:
        memory = torch.channels_last_3d if network.sample.ndim == 5 else torch.channels_last
        _lay_out(module, memory)
    if compiled:
        import torch._inductor.config as inductor

        inductor.freezing = True
        module = torch.compile(module)
    # Pictures that come channels last are turned inside the module, which leaves them so in memory.
    given_as = memory if network.sample.ndim in (4, 5) and network.sample.shape[-1] != 3 else None

    def run(batch: Array) -> Array:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            given = torch.from_numpy(np.ascontiguousarray(batch))
            made: Array = (
                module(given if given_as is None else given.contiguous(memory_format=given_as)).float().numpy()
            )
        return made

    return run


def _lay_out(module: Any, memory: Any) -> None:
    """Put the weights of the convolutions of as many axes into this layout."""
    axes = 5 if "3d" in str(memory) else 4
    for parameter in module.parameters():
        if parameter.ndim == axes:
            parameter.data = parameter.data.contiguous(memory_format=memory)


@cache
def _graph(network: Network) -> bytes:
    """The network as ONNX, with a batch of any size."""
    import torch

    buffer: Any = io.BytesIO()
    axes = {"given": {0: "batch"}, "made": {0: "batch"}}
    with warnings.catch_warnings(), torch.inference_mode(), plain_attention():
        warnings.simplefilter("ignore")
        example = torch.from_numpy(np.ascontiguousarray(network.sample[:2]))
        names: dict[str, Any] = {"input_names": ["given"], "output_names": ["made"], "dynamic_axes": axes}
        torch.onnx.export(copy.deepcopy(network.module), (example,), buffer, opset_version=OPSET, dynamo=False, **names)
    made: bytes = buffer.getvalue()
    return made


def forget() -> None:
    """Drop the graphs that were made; each is as large as its network."""
    _graph.cache_clear()


def _onnxruntime(network: Network, convert: Callable[[bytes, Array], bytes] | None = None) -> Run | None:
    """onnxruntime on every core, the graph as it is or converted."""
    if network.graph is not None and convert is None:
        session = open_session(network.graph)
        (given,) = session.get_inputs()
        return lambda batch: session.run(None, {given.name: np.ascontiguousarray(batch)})[0]
    if network.module is None or (convert is not None and find_spec("onnx") is None):
        return None
    graph = _graph(network) if convert is None else convert(_graph(network), network.sample)
    session = open_session(graph)
    return lambda batch: session.run(None, {"given": np.ascontiguousarray(batch)})[0]


def _onnxruntime_beside(network: Network) -> Run | None:
    """onnxruntime with one thread per call and as many calls side by side as there are cores."""
    if network.module is None:
        return None
    session = open_session(_graph(network), threads=1)
    pool = ThreadPoolExecutor(default_threads())

    def one(part: Array) -> Array:
        made: Array = session.run(None, {"given": np.ascontiguousarray(part)})[0]
        return made

    return lambda batch: np.concatenate(list(pool.map(one, np.array_split(batch, min(len(batch), default_threads())))))


def _dynamic_int8(graph: bytes, _: Array) -> bytes:
    """Weights of the matrix products in 8 bit, their inputs scaled as they come."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "int8.onnx"
        products = ["MatMul", "Gemm"]  # convolutions stay: onnxruntime has no fast kernel for those
        quantize_dynamic(onnx.load_from_string(graph), made, op_types_to_quantize=products, weight_type=QuantType.QInt8)
        return made.read_bytes()


def _static_int8(graph: bytes, sample: Array) -> bytes:
    """Weights and values of convolutions and products in 8 bit, scaled on half of the sample."""
    from onnxruntime.quantization import QuantType, quantize_static

    class Reader:
        def __init__(self) -> None:
            self._left = [sample[index : index + 1] for index in range(0, len(sample), 2)]

        def get_next(self) -> dict[str, Array] | None:
            return {"given": np.ascontiguousarray(self._left.pop())} if self._left else None

    with tempfile.TemporaryDirectory() as folder:
        whole, made = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        whole.write_bytes(graph)
        heavy: dict[str, Any] = {"op_types_to_quantize": ["Conv", "MatMul", "Gemm"], "per_channel": True}
        kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
        quantize_static(whole, made, Reader(), **heavy, **kinds)
        return made.read_bytes()


def _openvino(network: Network, streams: int = 1, precision: Precision = "fp32") -> Run | None:
    """OpenVINO; several streams run inputs side by side, one core each."""
    try:
        import openvino  # type: ignore[import-untyped]
    except ImportError:
        return None
    if network.module is None and network.graph is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(_graph(network) if network.graph is None else network.graph)
        compiled = open_network(path, default_threads(), streams, precision)
    if streams > 1:
        return partial(_side_by_side, openvino.AsyncInferQueue(compiled, streams))
    return lambda batch: compiled(np.ascontiguousarray(batch))[0].copy()


def _side_by_side(queue: Any, batch: Array) -> Array:
    """Every input a request of its own."""
    rows: dict[int, Array] = {}
    queue.set_callback(lambda request, place: rows.__setitem__(place, request.get_output_tensor().data.copy()))
    for place, each in enumerate(batch):
        queue.start_async(each[None], place)
    queue.wait_all()
    return np.concatenate([rows[place] for place in range(len(batch))])


BACKENDS: dict[str, Callable[[Network], Run | None]] = {
    "pipeline": _own,
    "torch": _torch,
    "torch, channels last": partial(_torch, layout="channels last"),
    "torch, bfloat16": partial(_torch, layout="channels last", autocast=True),
    "torch, compiled": partial(_torch, compiled=True),
    "onnxruntime": _onnxruntime,
    "onnxruntime, side by side": _onnxruntime_beside,
    "onnxruntime, dynamic int8": partial(_onnxruntime, convert=_dynamic_int8),
    "onnxruntime, static int8": partial(_onnxruntime, convert=_static_int8),
    "OpenVINO": _openvino,
    "OpenVINO, streams": lambda network: _openvino(network, default_threads()),
    "OpenVINO, bfloat16": lambda network: _openvino(network, default_threads(), "bf16"),
}

EXACT = (
    "pipeline",
    "torch",
    "torch, channels last",
    "onnxruntime",
    "onnxruntime, side by side",
    "OpenVINO",
    "OpenVINO, streams",
)
"""Those that compute in the network's own precision and open in seconds: what a floor is looked for among."""
