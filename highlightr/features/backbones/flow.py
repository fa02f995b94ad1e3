"""Optical flow on whichever backend is fastest for it.

In: frames of a window in order. Out: the flow from each to the next, in pixels. On a CPU with OpenVINO the two parts of
RAFT (what is known of a frame, and the flow of a pair) are compiled networks of their own and pairs run side by side;
elsewhere torch runs them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from highlightr.core.types import FloatArray
from highlightr.features.backbones.pictures import noise
from highlightr.features.engines.network import Network
from highlightr.features.engines.onnx import default_threads
from highlightr.features.engines.source import NetworkSource

if TYPE_CHECKING:
    import torch

STRIDE = 8
"""Sides that RAFT takes are multiples of this, and it works on positions of so many pixels each way."""

CODES = 1152
"""Numbers per position that are known of a frame: features, hidden state, and the context's part in six gates."""

_PAIRS = {"cpu": 1, "cuda": 16}
"""Frame pairs per forward in torch; a CPU is fastest one by one."""

_MOST_SIDE_BY_SIDE = 4
"""Compiled, each pair has a core of its own, and takes some hundred MB."""

_RANDOM_STEPS = 0.01
"""Random weights refine by this much less: else flow grows to hundreds of pixels, and the last bit decides which."""

_logger = logging.getLogger(__name__)


class OpticalFlow:
    """torchvision's RAFT-large between neighbouring frames; `updates` refine each pair.

    Raises:
        WeightsError: as for `NetworkSource.open`.

    Source: Z. Teed, J. Deng, RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, ECCV 2020.
    """

    def __init__(self, source: NetworkSource, checkpoint: str, updates: int) -> None:
        if source.device == "cpu":
            _logger.warning("optical flow on a CPU takes up to 30 s for a second of video: use a GPU, or i3d-rgb alone")

        def frames() -> torch.nn.Module:
            from highlightr.features.backbones.raft import FrameCodes

            return FrameCodes(open_raft(source, checkpoint))

        def pairs() -> torch.nn.Module:
            from highlightr.features.backbones.raft import PairFlow

            return PairFlow(open_raft(source, checkpoint), updates)

        self._source = source
        compiled = source.backend("raft-pairs") != "torch"
        side_by_side = min(default_threads(), _MOST_SIDE_BY_SIDE)
        self._at_once = side_by_side if compiled else _PAIRS[source.device.partition(":")[0]]
        sides, batch = {1: "height", 2: "width"}, self._at_once
        pictures = noise(1, 1, 128)[:, 0]
        self._frames = Network(source, "raft-frames", (checkpoint,), frames, pictures, sides, batch)
        codes = np.random.default_rng(0).normal(scale=0.1, size=(1, 2, CODES, 16, 16)).astype(np.float32)
        sides = {3: "rows", 4: "columns"}
        self._pairs = Network(source, "raft-pairs", (checkpoint,), pairs, codes, sides, batch, f"{updates} updates")

    def __call__(self, frames: npt.NDArray[np.uint8]) -> FloatArray:
        """The flow from each frame (frames, height, width, 3) to the next; at least two, of sides of at least 128.

        Where a frame stays for longer, what is between two of it is computed once.

        Returns:
            (frames - 1, 2, height, width): x and y, pixels.
        """
        height, width = frames.shape[1:3]
        still = (frames[1:] == frames[:-1]).all(axis=(1, 2, 3))
        is_new = np.append(True, ~(still[1:] & still[:-1]))  # (frames - 1,): not a frame's third and later showing
        padded, top, left = _padded(frames[np.append(True, is_new)])
        flow = self._flow(padded)[..., top : top + height, left : left + width]
        return flow[np.cumsum(is_new) - 1]

    def _flow(self, frames: npt.NDArray[np.uint8]) -> FloatArray:
        if self._pairs.backend != "torch":
            return flow_between(frames, self._frames, self._pairs, self._at_once, np.concatenate)
        import torch

        with self._source.forward():  # What is known of frames stays on the device.
            codes, pairs = self._frames.module, self._pairs.module
            flow = flow_between(self._source.tensor(frames), codes, pairs, self._at_once, torch.cat).float().cpu()
        return np.asarray(flow)


def open_raft(source: NetworkSource, checkpoint: str) -> Any:
    """torchvision's RAFT-large, filled; errors as for `NetworkSource.open`."""
    from torchvision.models.optical_flow import raft_large

    network: Any = source.open(checkpoint, lambda: raft_large(weights=None, progress=False))
    if source.random:
        network.update_block.flow_head.conv2.weight.mul_(_RANDOM_STEPS)
    return network


def flow_between(
    frames: Any,
    codes: Callable[[Any], Any],
    pairs: Callable[[Any], Any],
    at_once: int,
    joined: Callable[[list[Any], int], Any],
) -> Any:
    """From (frames, height, width, 3), at least two, to their flow (frames - 1, 2, height, width), arrays or tensors.

    Every frame is encoded once, by `codes` from (batch, height, width, 3) to (batch, codes, rows, columns); `pairs`
    goes from (batch, 2, codes, rows, columns) to (batch, 2, height, width). Both get `at_once` in one call; `joined`
    concatenates along an axis.
    """
    last, parts = codes(frames[:1]), []
    for start in range(1, len(frames), at_once):
        known = joined([last, codes(frames[start : start + at_once])], 0)
        parts.append(pairs(joined([known[:-1, None], known[1:, None]], 1)))
        last = known[-1:]
    return joined(parts, 0)


def _padded(frames: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], int, int]:
    """Edges repeated on both sides until height and width are multiples of 8, and how much at the top and left."""
    rows, columns = ((-side) % STRIDE for side in frames.shape[1:3])
    top, left = rows // 2, columns // 2
    pads = ((0, 0), (top, rows - top), (left, columns - left), (0, 0))
    return np.pad(frames, pads, mode="edge"), top, left
