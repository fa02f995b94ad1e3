"""I3D with few and small frames: optical flow as published takes a CPU ten minutes for twenty seconds of video."""

from __future__ import annotations

from highlightr.features.backbones.i3d import I3D
from tests.features.backbones.tiny import SMALL_FLOW


class SmallI3D(I3D):
    """Source: none; the published extractor at another rate and size."""

    protocol = SMALL_FLOW
    flow_updates = 1
