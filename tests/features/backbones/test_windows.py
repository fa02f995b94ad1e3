from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PILImage

from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features.backbones.davihd import R3D34DAViHD
from highlightr.features.backbones.i3d import PROTOCOL as I3D
from highlightr.features.backbones.kinetics import I3DR50, R3D34, SlowFast
from highlightr.features.backbones.pictures import PictureExtraction, central_square, frames_per_clip
from highlightr.features.backbones.windows import WindowExtraction, WindowProtocol, window_indices
from highlightr.features.clip_pooling import ClipBatches
from highlightr.media.sampling import Frame, FrameRequest

Forward = Callable[[npt.NDArray[Any]], Mapping[str, FloatArray]]


def windows_of(grid: TimeGrid, protocol: WindowProtocol, forward: Forward, batch: int = 1) -> WindowExtraction:
    return WindowExtraction(grid, protocol, ClipBatches(grid, {"seen": 1}, forward, batch))


def test_a_clip_shorter_than_the_window_gives_its_own_frames() -> None:
    np.testing.assert_array_equal(window_indices(50, I3D), np.arange(50)[None])


def test_a_longer_clip_is_covered_by_as_few_even_windows_as_hold_it() -> None:
    np.testing.assert_array_equal(window_indices(25, R3D34.protocol), [np.arange(16), np.arange(9, 25)])
    assert set(window_indices(100, I3D).ravel()) == set(range(100))


def test_slowfast_samples_as_lighthouse_does() -> None:
    """Their rule: linspace over 64 frames, clamped to the 60 that two seconds have, rounded down."""
    torch = pytest.importorskip("torch")
    expected = torch.clamp(torch.linspace(0, 63, 32), 0, 59).long().numpy()
    np.testing.assert_array_equal(window_indices(60, SlowFast.protocol), expected[None])


@pytest.mark.parametrize("rate", [19.6, 23.976, 25.0, 29.97, 30.0, 50.0])
def test_slowfasts_span_follows_the_rate_of_the_source(rate: float) -> None:
    """HERO and Lighthouse: linspace(0, 64 * floor(fps) / 30 - 1, 32) frames of the source."""
    count = round(2 * rate)
    frames = [np.full((224, 224, 3), index, np.uint8) for index in range(count)]
    seen: list[npt.NDArray[np.uint8]] = []

    def forward(windows: npt.NDArray[np.uint8]) -> dict[str, FloatArray]:
        seen.append(windows[0, :, 0, 0, 0])
        return {"seen": np.zeros((len(windows), 1), np.float32)}

    extraction = windows_of(TimeGrid(2.0, 2.0), SlowFast.protocol, forward)
    for index in range(120):
        source = min(int((index + 0.5) / 60 * rate), count - 1)
        extraction.push(Frame(index, source / rate, frames[source]))
    extraction.finish()
    wanted = np.linspace(0, 64 * int(rate) / 30 - 1, 32).astype(int).clip(max=count - 1)
    np.testing.assert_array_equal(seen[0], wanted)


def test_eight_frames_with_a_stride_of_nine_of_sixty() -> None:
    np.testing.assert_array_equal(window_indices(60, I3DR50.protocol), [[0, 9, 18, 27, 36, 45, 54, 59]])


@pytest.mark.parametrize("available", [1, 2, 15, 16, 17])
@pytest.mark.parametrize("protocol", [I3D, R3D34.protocol, SlowFast.protocol])
def test_short_clips_repeat_their_last_frame(available: int, protocol: WindowProtocol) -> None:
    indices = window_indices(available, protocol)
    assert indices.shape[1] >= 16
    assert indices.max() == available - 1
    assert (np.diff(indices, axis=1) >= 0).all()


def mean_colour(windows: npt.NDArray[np.uint8]) -> dict[str, FloatArray]:
    return {"seen": windows.astype(np.float32).mean(axis=(1, 2, 3))[:, :1]}


SPARSE = replace(I3D, frames_per_second=25, short_side=8, crop=8)


def flashes(grid: TimeGrid, *events: float, batch: int = 3) -> FloatArray:
    """The stream of a black video that is white during the one frame at each event."""
    extraction = windows_of(grid, SPARSE, mean_colour, batch)
    rate = SPARSE.frames_per_second
    black, white = np.zeros((8, 12, 3), np.uint8), np.full((8, 12, 3), 255, np.uint8)
    hits = {int(event * rate) for event in events}
    for index in range(int(np.ceil(grid.duration_seconds * rate))):
        extraction.push(Frame(index, index / rate, white if index in hits else black))
    return extraction.finish().streams["seen"][:, 0]


@pytest.mark.parametrize("clip_seconds", [1.0, 2.0])
def test_a_frame_shows_in_its_own_clip_alone_for_an_hour(clip_seconds: float) -> None:
    """The first and the last frame of a clip of a second, at the beginning and at the end."""
    events = (1.0, 1.99, 3599.0, 3599.96)
    expected = np.zeros(round(3600 / clip_seconds))
    for event in events:
        expected[int(event / clip_seconds)] += 255 / (25 * clip_seconds)
    np.testing.assert_allclose(flashes(TimeGrid(3600.0, clip_seconds), *events), expected, rtol=1e-6)


@pytest.mark.parametrize("clip_seconds", [0.3, 1.4, 2.56])
def test_clips_that_the_frame_rate_does_not_divide_do_not_drift(clip_seconds: float) -> None:
    grid = TimeGrid(400.0, clip_seconds)
    seen = flashes(grid, 399.02)
    assert np.flatnonzero(seen).tolist() == [int(399.02 // clip_seconds)]


def test_batches_do_not_change_the_rows() -> None:
    grid = TimeGrid(9.3, 1.0)
    one, many = (flashes(grid, 4.2, batch=batch) for batch in (1, 16))
    np.testing.assert_array_equal(one, many)


def test_a_long_clip_averages_its_windows() -> None:
    grid = TimeGrid(8.0, 4.0)
    seen = flashes(grid, 4.5)
    # Frame 12 of the clip's 100 is in the first of two windows of 64.
    np.testing.assert_allclose(seen, [0.0, 255 / 64 / 2], rtol=1e-5)


def test_whole_frames_are_handed_over_uncropped() -> None:
    shapes = []

    def forward(windows: npt.NDArray[np.uint8]) -> dict[str, FloatArray]:
        shapes.append(windows.shape[2:4])
        return mean_colour(windows)

    for whole in (True, False):
        protocol = replace(SPARSE, whole_frames=whole)
        extraction = windows_of(TimeGrid(1.0, 1.0), protocol, forward)
        extraction.push(Frame(0, 0.0, np.zeros((8, 12, 3), np.uint8)))
        extraction.finish()
    assert shapes == [(8, 12), (8, 8)]


def test_frames_behind_the_first_ones_of_a_clip_are_not_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two clips with 50 frames each, which are looked at 60 times."""
    scaled: list[int] = []
    seen: list[list[int]] = []

    def squeezed(image: npt.NDArray[np.uint8], _: int) -> npt.NDArray[np.uint8]:
        scaled.append(int(image[0, 0, 0]))
        return image

    def forward(windows: npt.NDArray[np.uint8]) -> dict[str, FloatArray]:
        seen.extend(windows[:, :, 0, 0, 0].tolist())
        return {"seen": np.zeros((len(windows), 1), np.float32)}

    monkeypatch.setattr("highlightr.features.backbones.windows.squeezed_square", squeezed)
    extraction = windows_of(TimeGrid(2.0, 1.0), R3D34DAViHD.protocol, forward)
    for index in range(120):
        number = int((index + 0.5) / 60 * 50)
        extraction.push(Frame(index, number / 50, np.full((2, 2, 3), number, np.uint8)))
    extraction.finish()
    assert seen == [list(range(16)), list(range(50, 66))]
    assert scaled == [*range(16), *range(50, 66)]


def test_nothing_pushed_makes_nothing() -> None:
    extraction = windows_of(TimeGrid(1.0, 1.0), SPARSE, mean_colour)
    assert not extraction.finish().streams


@pytest.mark.parametrize(
    ("clip_seconds", "rate", "expected"), [(1.0, 1.0, 1), (2.0, 0.5, 1), (0.5, 1.0, 1), (5.0, 1.0, 5)]
)
def test_frames_per_clip_are_whole(clip_seconds: float, rate: float, expected: int) -> None:
    assert frames_per_clip(clip_seconds, rate) == expected


@pytest.mark.parametrize("event", [1, 3599])
def test_pictures_land_in_their_clip_for_an_hour(event: int) -> None:
    grid, request = TimeGrid(3600.0, 1.0), FrameRequest(1.0)

    def forward(pictures: npt.NDArray[np.generic]) -> dict[str, FloatArray]:
        return {"seen": np.asarray(pictures, dtype=np.float32).mean(axis=(1, 2, 3))[:, None]}

    extraction = PictureExtraction(grid, request, lambda image: image, ClipBatches(grid, {"seen": 1}, forward, 7))
    for index in range(3600):
        extraction.push(Frame(index, float(index), np.full((2, 2, 3), 255 * (index == event), np.uint8)))
    assert np.flatnonzero(extraction.finish().streams["seen"]).tolist() == [event]


def test_the_central_square_is_central() -> None:
    image = np.arange(6 * 9 * 3, dtype=np.uint8).reshape(6, 9, 3)
    np.testing.assert_array_equal(central_square(image, 4), image[1:5, 2:6])
    torchvision = pytest.importorskip("torchvision")
    for side in (3, 4, 5):
        expected = torchvision.transforms.functional.center_crop(PILImage.fromarray(image), side)
        np.testing.assert_array_equal(central_square(image, side), np.asarray(expected))
    assert central_square(image, 12).shape == (12, 12, 3)
