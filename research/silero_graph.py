"""Silero VAD as one convolution over all frames of a call.

In: the published graph, which convolves each frame of 36 ms on its own: 125 small products in place of one. Out: one of
our own with the same numbers, in which frames are the rows of a picture: (frames, 576) samples and the state of the
recurrent layer to (frames,) probabilities and the state after them. A third of the time, equal but for rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from research.yamnet_graph import IR_VERSION, OPSET

FRAME_SAMPLES = 576
STATE_SHAPE = (1, 1, 128)

_WINDOW, _HOP = 256, 128
"""Samples of the short-time spectrum. Its first window of each frame, which reaches back before it, is not used by the
published graph either."""

_STRIDES = (1, 2, 2, 1)
"""Of the four convolutions, whose kernels take in 3 steps of time; one step is left of the four of a frame."""

_LSTM = ("onnx::LSTM_209", "onnx::LSTM_210", "onnx::LSTM_211")
"""Weights of the input and of the state, and biases."""


def joined_graph(published: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with frames as rows.

    Raises:
        KeyError: not the published graph: a tensor is missing.
    """
    tensors = {item.name: numpy_helper.to_array(item) for item in published.graph.initializer}
    constants: dict[str, npt.NDArray[np.generic]] = {
        "after": np.array([0, 0, 0, _HOP]),
        "axes.plane": np.array([0, 1]),
        "axis.time": np.array([3]),
        "axis.batch": np.array([1]),
        "all": np.array([-1]),
        "basis": tensors["stft.forward_basis_buffer"][:, :, None],
        **dict(zip(("lstm.input", "lstm.state", "lstm.bias"), (tensors[name] for name in _LSTM), strict=True)),
        "output.weight": tensors["output.weight"][0],
        "output.bias": tensors["output.bias"],
    }
    nodes = _spectrum()
    for index, stride in enumerate(_STRIDES):
        constants[f"kernel{index}"] = tensors[f"encoder.{index}.weight"][:, :, None]
        constants[f"bias{index}"] = tensors[f"encoder.{index}.bias"]
        nodes += _convolution(index, stride)
    nodes += _recurrent(f"layer{len(_STRIDES)}")
    state = [helper.make_tensor_value_info(name, TensorProto.FLOAT, STATE_SHAPE) for name in ("h", "c", "hn", "cn")]
    graph = helper.make_graph(
        nodes,
        "silero_vad",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["frames", FRAME_SAMPLES]), *state[:2]],
        [helper.make_tensor_value_info("speech_probs", TensorProto.FLOAT, ["frames"]), *state[2:]],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _spectrum() -> Sequence[onnx.NodeProto]:
    """Magnitudes of the short-time spectrum, (1, 129, frames, 4)."""
    return [
        helper.make_node("Pad", ["input", "after"], ["padded"], mode="reflect"),
        helper.make_node("Unsqueeze", ["padded", "axes.plane"], ["plane"]),
        helper.make_node("Conv", ["plane", "basis"], ["spectrum"], kernel_shape=[1, _WINDOW], strides=[1, _HOP]),
        helper.make_node("Split", ["spectrum"], ["real", "imaginary"], axis=1),
        helper.make_node("Mul", ["real", "real"], ["real.square"]),
        helper.make_node("Mul", ["imaginary", "imaginary"], ["imaginary.square"]),
        helper.make_node("Add", ["real.square", "imaginary.square"], ["power"]),
        helper.make_node("Sqrt", ["power"], ["layer0"]),
    ]


def _convolution(index: int, stride: int) -> Sequence[onnx.NodeProto]:
    """Along time alone: rows do not see each other."""
    inputs, made = [f"layer{index}", f"kernel{index}", f"bias{index}"], f"layer{index + 1}"
    shape = {"kernel_shape": [1, 3], "pads": [0, 1, 0, 1], "strides": [1, stride]}
    return [
        helper.make_node("Conv", inputs, [f"{made}.sum"], **shape),
        helper.make_node("Relu", [f"{made}.sum"], [made]),
    ]


def _recurrent(current: str) -> Sequence[onnx.NodeProto]:
    """From (1, 128, frames, 1) to probabilities, frame after frame."""
    weights = ["lstm.input", "lstm.state", "lstm.bias", "", "h", "c"]
    return [
        helper.make_node("Squeeze", [current, "axis.time"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["sequence"], perm=[2, 0, 1]),
        helper.make_node("LSTM", ["sequence", *weights], ["recurrent", "hn", "cn"], hidden_size=STATE_SHAPE[-1]),
        helper.make_node("Squeeze", ["recurrent", "axis.batch"], ["rows"]),
        helper.make_node("Relu", ["rows"], ["positive"]),
        helper.make_node("Squeeze", ["positive", "axis.batch"], ["flat"]),
        helper.make_node("MatMul", ["flat", "output.weight"], ["product"]),
        helper.make_node("Add", ["product", "output.bias"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["probabilities"]),
        helper.make_node("Reshape", ["probabilities", "all"], ["speech_probs"]),
    ]
