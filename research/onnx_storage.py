"""How the weights of an ONNX graph are stored: in half precision, or in 8 bit with scales.

In: a graph with weights in single precision. Out: the same graph with smaller weights, and nodes that make them single
precision again. Those are constants, so a runtime computes them once, when it opens the file; nothing else changes.
Only operators of the ONNX standard are used.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

SMALLEST_STORED = 1024
"""Tensors of fewer numbers stay as they are."""

LARGEST_CODE = 127

Array = npt.NDArray[np.float32]


def weights_of(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Shapes of the graph's matrices and kernels that are worth being stored smaller, by name."""
    floats = (item for item in model.graph.initializer if item.data_type == TensorProto.FLOAT)
    shapes = {item.name: tuple(item.dims) for item in floats}
    return {name: shape for name, shape in shapes.items() if len(shape) >= 2 and math.prod(shape) >= SMALLEST_STORED}


def store_half(model: onnx.ModelProto, name: str) -> None:
    """Store a weight in half precision, in place."""
    _add(model, f"{name}.half", _take(model, name).astype(np.float16))
    _restore(model, [helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT)])


def store_8bit(model: onnx.ModelProto, name: str, axis: int, block: int) -> None:
    """Store a weight in 8 bit, in place: one scale for each `block` numbers along `axis`, which a product sums over."""
    array = _take(model, name)
    split = (*array.shape[:axis], -1, block, *array.shape[axis + 1 :])
    codes, scales = quantise(array.reshape(split), axis + 1)
    _add(model, f"{name}.codes", codes)
    _add(model, f"{name}.scales", scales)
    _add(model, f"{name}.shape", np.array(array.shape, dtype=np.int64))
    _restore(
        model,
        [
            helper.make_node("Cast", [f"{name}.codes"], [f"{name}.single"], to=TensorProto.FLOAT),
            helper.make_node("Cast", [f"{name}.scales"], [f"{name}.scale"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}.single", f"{name}.scale"], [f"{name}.product"]),
            helper.make_node("Reshape", [f"{name}.product", f"{name}.shape"], [name]),
        ],
    )


def store_table_8bit(model: onnx.ModelProto, name: str) -> None:
    """Store the table of a `Gather` in 8 bit, in place: one scale per row, and only gathered rows are restored."""
    codes, scales = quantise(_take(model, name), axis=1)
    _add(model, f"{name}.codes", codes)
    _add(model, f"{name}.scales", scales)
    nodes = list(model.graph.node)
    position = next(index for index, node in enumerate(nodes) if node.op_type == "Gather" and node.input[0] == name)
    rows, out = nodes[position].input[1], nodes[position].output[0]
    nodes[position : position + 1] = [
        helper.make_node("Gather", [f"{name}.codes", rows], [f"{name}.row_codes"]),
        helper.make_node("Gather", [f"{name}.scales", rows], [f"{name}.row_scales"]),
        helper.make_node("Cast", [f"{name}.row_codes"], [f"{name}.row_single"], to=TensorProto.FLOAT),
        helper.make_node("Cast", [f"{name}.row_scales"], [f"{name}.row_scale"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.row_single", f"{name}.row_scale"], [out]),
    ]
    _replace_nodes(model, nodes)


def quantise(values: Array, axis: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float16]]:
    """Codes of -127 to 127 and the scales, of length 1 along `axis`, that they are to be multiplied by."""
    scales = (np.abs(values).max(axis=axis, keepdims=True) / LARGEST_CODE).astype(np.float16)
    divisors = np.where(scales > 0, scales, 1).astype(np.float32)
    codes = np.clip(np.rint(values / divisors), -LARGEST_CODE, LARGEST_CODE).astype(np.int8)
    return codes, scales


def _take(model: onnx.ModelProto, name: str) -> Array:
    """Remove a constant from the graph and return it."""
    item = next(item for item in model.graph.initializer if item.name == name)
    array = numpy_helper.to_array(item)
    model.graph.initializer.remove(item)
    return array


def _add(model: onnx.ModelProto, name: str, array: npt.NDArray[np.generic]) -> None:
    model.graph.initializer.append(numpy_helper.from_array(array, name))


def _restore(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    """Put nodes that only read constants before all others."""
    _replace_nodes(model, [*nodes, *model.graph.node])


def _replace_nodes(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(kept)
