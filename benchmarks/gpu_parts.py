"""The parts of benchmarks.gpu_check, each run in a process of its own: its crash is a row, its peak memory its own.

In: the name of a part, what of it to try, a video and a device. Out: lines of JSON in a file: a row once it is known,
and before the rows of each thing that is tried its name, so that what ended the process can be told.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from benchmarks.command import one_of, run_command
from benchmarks.decoding import WAYS, NotHere, expected_picks, picks
from benchmarks.extractors import BACKBONES, SLOW, recorded_items
from benchmarks.gpu_rows import Row, gpu_memory, reset_peak, words
from benchmarks.gpu_throughput import throughput, worker
from benchmarks.gpu_training import training
from benchmarks.running import machine, timed
from highlightr.core.device import PRECISIONS
from highlightr.core.errors import HighlightrError
from highlightr.core.source import Source
from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features import Extractor
from highlightr.features.backbones import i3d
from highlightr.media import probe
from highlightr.media.sampling import FrameRequest, Item
from highlightr.model_loader import open_extractor

LEAST_COSINE = {"fp32": 0.999, "bf16": 0.85, "fp16": 0.85}
"""Of a row with the CPU's in single precision: random weights amplify rounding more than trained ones do."""

CLIP_SECONDS, CHECKED_SECONDS = 2.0, 4.0
"""Of the clips and of the video that backbones are compared on."""

OPTIONS: Mapping[str, Mapping[str, Any]] = {"open-clip": {"model": "ViT-B-32/laion2b_s34b_b79k"}}
SMALL = ("i3d", "i3d-flow")
"""Optical flow is compared, for the CPU's sake, on fewer and smaller frames than published."""

NAMES = (*(name for name in BACKBONES if name not in SLOW), *SLOW)

REQUESTS = {"1 frame a second": FrameRequest(1.0, 256), "25 frames a second": FrameRequest(25.0, 256)}
DECODERS = ("highlightr's", "frame threads, sieved", "NVDEC", "torchcodec")


def about(source: Source, options: argparse.Namespace) -> Iterator[Row | str]:
    """The machine."""
    yield "machine"
    import torch

    found = {**machine(options.device), "torch": torch.__version__, "cuda": torch.version.cuda or "none"}
    figures = {"video seconds": source.duration_seconds, "lines": float(source.video.height)}
    if options.device != "cpu":
        figures["GPU MiB"] = torch.cuda.get_device_properties(0).total_memory / 2**20
    yield Row("machine", source.path.name, "ok", figures, ", ".join(f"{key} {value}" for key, value in found.items()))


def decoding(source: Source, options: argparse.Namespace) -> Iterator[Row | str]:
    """How many times real time each decoder gives the frames of a request, and whether they are the right ones."""
    wanted = {asked: expected_picks(source, [request]) for asked, request in REQUESTS.items()}
    for way in options.names or DECODERS:
        yield way
        for asked in REQUESTS:
            yield _decoded(source, way, asked, wanted[asked])


def _decoded(source: Source, way: str, asked: str, wanted: Sequence[Any]) -> Row:
    name, found = f"{way}, {asked}", list[Any]()
    try:
        seconds = timed(lambda: found.extend(picks(WAYS[way](source, [REQUESTS[asked]]))))
    except NotHere as error:
        return Row("decode", name, "not here", note=words(error.__cause__ or error))
    state = "ok" if found == list(wanted) else "differs"
    return Row("decode", name, state, {"x real time": source.duration_seconds / seconds})


def backbones(source: Source, options: argparse.Namespace) -> Iterator[Row | str]:
    """Every backbone on random weights, in each precision beside the CPU in single precision."""
    grid = TimeGrid(min(CHECKED_SECONDS, source.duration_seconds), CLIP_SECONDS)
    for name in options.names or NAMES:
        yield name
        try:
            on_cpu, on_device = (_opened(name, device) for device in ("cpu", options.device))
        except HighlightrError as error:
            yield Row("backbones", name, "not here", note=words(error))
            continue
        items = recorded_items(source, on_cpu, grid)
        expected = _made(on_cpu, grid, items)
        for precision in options.precisions if hasattr(on_device, "_source") else PRECISIONS[:1]:
            yield _compared(name, on_device, precision, options.device, grid, items, expected)


def _opened(name: str, device: str) -> Extractor:
    made = open_extractor(name, clip_seconds=CLIP_SECONDS, device=device, random_seed=0, **OPTIONS.get(name, {}))
    if name in SMALL:
        less = replace(i3d.I3D.protocol, frames_per_second=4, short_side=128, crop=112, span=8)
        vars(made).update(protocol=less, flow_updates=4)
    made.load()
    return made


def _compared(
    name: str,
    extractor: Any,
    precision: str,
    device: str,
    grid: TimeGrid,
    items: Sequence[Item],
    expected: Mapping[str, FloatArray],
) -> Row:
    named = f"{name}, {precision}"
    if precision == "fp16" and device == "cpu":
        return Row("backbones", named, "not here", note="fp16 needs a CUDA device")
    if hasattr(extractor, "_source"):
        extractor._source.precision = precision  # Opening it again would draw the same numbers again, for seconds.
    reset_peak(device)
    if device != "cpu":
        _made(extractor, grid, items)  # The first run of a GPU chooses among kernels.
    found: dict[str, FloatArray] = {}
    seconds = timed(lambda: found.update(_made(extractor, grid, items)))
    cosine = min(least_cosine(found[stream], rows) for stream, rows in expected.items())
    figures = {"cosine": cosine, "ms per second": 1000 * seconds / grid.duration_seconds, **gpu_memory(device)}
    return Row("backbones", named, "ok" if cosine >= LEAST_COSINE[precision] else "differs", figures)


def _made(extractor: Extractor, grid: TimeGrid, items: Sequence[Item]) -> dict[str, FloatArray]:
    extraction = extractor.start(grid)
    for item in items:
        extraction.push(item)
    made = extraction.finish()
    return {**made.streams, **{name: signal.values for name, signal in made.signals.items()}}


def least_cosine(found: FloatArray, expected: FloatArray) -> float:
    """Of two rows at the same place; 0 where shapes differ or a number is not one."""
    if found.shape != expected.shape or not np.isfinite(found).all():
        return 0.0
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    return float(((found * expected).sum(axis=1) / np.maximum(lengths, 1e-12)).min())


PARTS: Mapping[str, Callable[[Source, argparse.Namespace], Iterator[Row | str]]] = {
    "machine": about,
    "decode": decoding,
    "throughput": throughput,
    "worker": worker,
    "training": training,
    "backbones": backbones,
}


def main() -> None:
    """Run one part."""
    rounds: dict[str, Any] = {"type": int, "default": 2}
    names: dict[str, Any] = {"nargs": "*", "default": ()}
    precisions = {**names, "choices": PRECISIONS, "default": PRECISIONS}
    options = one_of(PARTS, __doc__, device={"default": "cuda"}, rounds=rounds, names=names, precisions=precisions)
    with options.output.open("a", encoding="utf-8") as lines:
        for each in PARTS[options.what](probe(options.video), options):
            lines.write(json.dumps({"begun": each} if isinstance(each, str) else asdict(each)) + "\n")
            lines.flush()


if __name__ == "__main__":
    run_command(main)
