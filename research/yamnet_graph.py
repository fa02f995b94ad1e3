"""YAMNet with float activations, from the numbers of an 8-bit graph.

In: the 8-bit graph, whose kernels lie on a grid of 8 bits per channel and are stored as floats, and which rounds what
flows between layers. Out: a graph of our own with the same kernels, stored as their 8-bit codes, and nothing rounded in
between: log-mel patches (batch, 96, 64) to class probabilities (batch, 521).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
"""The smallest that the opset goes with."""

INPUT, OUTPUT = "log_mels", "probabilities"
PATCH = (96, 64)

Tensors = Mapping[str, npt.NDArray[np.generic]]


def float_graph(quantised: onnx.ModelProto) -> onnx.ModelProto:
    """The graph, layer by layer as the quantised one has them.

    Raises:
        ValueError: a layer that YAMNet does not have, or a kernel off its grid.
    """
    tensors = {item.name: numpy_helper.to_array(item) for item in quantised.graph.initializer}
    scales = {
        node.input[0]: tensors[node.input[1]]
        for node in quantised.graph.node
        if node.op_type == "QuantizeLinear" and node.input[0] in tensors
    }
    nodes = [helper.make_node("Unsqueeze", [INPUT, "channel"], ["patches"])]
    constants = [numpy_helper.from_array(np.array([1], dtype=np.int64), "channel")]
    current = "patches"
    for index, layer in enumerate(_layers(quantised)):
        made, kept = _layer(layer, f"layer{index}", current, tensors, scales)
        nodes, constants, current = [*nodes, *made], [*constants, *kept], made[-1].output[0]
    nodes.append(helper.make_node("Sigmoid", [current], [OUTPUT]))
    classes = int(tensors[_layers(quantised)[-1].input[2]].shape[0])
    graph = helper.make_graph(
        nodes,
        "yamnet",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", *PATCH])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", classes])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def _layers(quantised: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes that compute, without those that round and restore."""
    rounding = ("QuantizeLinear", "DequantizeLinear")
    return [node for node in quantised.graph.node if node.op_type not in rounding]


def _layer(
    layer: onnx.NodeProto, name: str, current: str, tensors: Tensors, scales: Tensors
) -> tuple[list[onnx.NodeProto], list[TensorProto]]:
    """Nodes and constants of one layer; the last node's output is the layer's."""
    if layer.op_type in ("Relu", "GlobalAveragePool"):
        return [helper.make_node(layer.op_type, [current], [name])], []
    if layer.op_type == "Reshape":
        return [helper.make_node("Flatten", [current], [name])], []
    if layer.op_type not in ("Conv", "Gemm"):
        raise ValueError(f"YAMNet has no layer of type {layer.op_type}")
    kernel = layer.input[1].removesuffix("_qdq")
    restored, kept = _kernel(name, tensors[kernel], scales[kernel])
    bias = numpy_helper.from_array(tensors[layer.input[2]].astype(np.float32), f"{name}.bias")
    node = helper.make_node(layer.op_type, [current, f"{name}.kernel", f"{name}.bias"], [name])
    node.attribute.extend(layer.attribute)
    return [*restored, node], [*kept, bias]


def _kernel(
    name: str, values: npt.NDArray[np.generic], scale: npt.NDArray[np.generic]
) -> tuple[list[onnx.NodeProto], list[TensorProto]]:
    """A kernel as its 8-bit codes, and the nodes that make it float again."""
    scales = np.broadcast_to(scale, values.shape[:1]).reshape(-1, *[1] * (values.ndim - 1)).astype(np.float32)
    codes = np.rint(values / scales)
    if np.abs(values - codes * scales).max() > 1e-4 * scales.max() or np.abs(codes).max() > 128:
        raise ValueError(f"the kernel of {name} does not lie on its grid of 8 bits")
    kept = [
        numpy_helper.from_array(codes.astype(np.int8), f"{name}.codes"),
        numpy_helper.from_array(scales, f"{name}.scales"),
    ]
    nodes = [
        helper.make_node("Cast", [f"{name}.codes"], [f"{name}.single"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.single", f"{name}.scales"], [f"{name}.kernel"]),
    ]
    return nodes, kept
