"""Preprocessing on real frames: what a request hands over beside the published scaling of the whole frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from highlightr.features import create_extractor
from highlightr.features.backbones import i3d, kinetics
from highlightr.features.backbones.inception import InceptionImageNet, squeeze
from highlightr.features.backbones.pictures import central_square
from highlightr.media import decode, probe
from highlightr.media.sampling import Frame, FrameRequest

Pixels = npt.NDArray[np.uint8]

PROTOCOLS = {
    "i3d": (i3d.PROTOCOL.short_side, i3d.PROTOCOL.crop, Image.Resampling.BILINEAR),
    "slowfast": (kinetics.SlowFast.protocol.short_side, 224, Image.Resampling.BICUBIC),
    "r3d34": (kinetics.R3D34.protocol.short_side, 112, Image.Resampling.BILINEAR),
    "clip": (224, 224, Image.Resampling.BICUBIC),
    "inception-imagenet": (InceptionImageNet.short_side, 299, Image.Resampling.BILINEAR),
}
"""Shorter side, crop, and the filter that the reference scales with."""


def clips(folder: Path) -> list[Path]:
    found = sorted((folder / "captioned").rglob("*.mp4"))[:3]
    if not found:
        pytest.skip("the real data has no clips")
    return found


def frames(path: Path, request: FrameRequest) -> list[Pixels]:
    source = probe(path)
    return [item.image for _, item in decode(source, {"frames": request}) if isinstance(item, Frame)]


@pytest.mark.realdata
@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_frames_are_scaled_as_published(real_data: Path, name: str) -> None:
    """Our bicubic differs from the reference's filter by no more than a few levels in the mean."""
    short_side, crop, resampling = PROTOCOLS[name]
    assert short_side is not None
    for path in clips(real_data):
        whole, scaled = (frames(path, FrameRequest(0.5, side)) for side in (None, short_side))
        assert len(whole) == len(scaled)
        for image, ours in zip(whole, scaled, strict=True):
            height, width = image.shape[:2]
            factor = short_side / min(height, width)
            size = (round(width * factor), round(height * factor))
            theirs = np.asarray(Image.fromarray(image).resize(size, resampling))
            ours, theirs = central_square(ours, crop), central_square(theirs, crop)
            assert ours.shape == (crop, crop, 3)
            assert np.abs(ours.astype(float) - theirs).mean() < 3.0


@pytest.mark.realdata
def test_a_whole_frame_is_squeezed_not_cropped(real_data: Path) -> None:
    """A bilinear scaling with antialiasing is blurrier than TensorFlow's, but shows the same picture."""
    image = frames(clips(real_data)[0], FrameRequest(0.5))[0]
    made = squeeze(image, 299)
    assert made.shape == (299, 299, 3)
    smooth = np.asarray(Image.fromarray(image).resize((299, 299), Image.Resampling.BILINEAR)).astype(float)
    assert np.corrcoef(made.ravel(), smooth.ravel())[0, 1] > 0.97


def test_requests_are_those_of_the_protocols() -> None:
    assert i3d.PROTOCOL.request == FrameRequest(25, 256)
    assert kinetics.SlowFast.protocol.request == FrameRequest(60, 224)
    assert kinetics.R3D34.protocol.request == FrameRequest(25, 112)
    for name, clip_seconds, request in (
        ("inception-yt8m", 1.0, FrameRequest(1.0, None)),
        ("inception-imagenet", 2.0, FrameRequest(1.0, 342)),
        ("clip", 2.0, FrameRequest(0.5, 224, 1e-4)),
    ):
        assert create_extractor(name, clip_seconds=clip_seconds, random_seed=0, load=False).request == request
