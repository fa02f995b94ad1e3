"""I3D with few and small frames: optical flow as published takes a CPU ten minutes for twenty seconds of video."""

from __future__ import annotations

from typing import Any

from highlightr.features.backbones.i3d import I3D
from tests.features.backbones.tiny import SMALL_FLOW


class SmallI3D(I3D):
    """Source: none; the published extractor at another rate and size."""

    def __init__(self, *, clip_seconds: float = 1.0, device: str = "cpu", weights: Any = None, random_seed: int = 0):
        super().__init__(
            clip_seconds=clip_seconds,
            device=device,
            weights=weights,
            random_seed=random_seed,
            sampling=SMALL_FLOW,
            flow_updates=1,
        )
