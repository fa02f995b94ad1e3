from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features.base import Extracted
from highlightr.features.lite.motion import Motion
from highlightr.media.sampling import Thumbnail

Image = npt.NDArray[np.uint8]


def extracted(images: list[Image], frames_per_second: float = 10.0) -> Extracted:
    extraction = Motion().start(TimeGrid(len(images) / frames_per_second, 1.0))
    for index, image in enumerate(images):
        extraction.push(Thumbnail(index / frames_per_second, image))
    return extraction.finish()


def plain(red: int, green: int, blue: int) -> Image:
    return np.full((27, 48, 3), (red, green, blue), dtype=np.uint8)


def motion(images: list[Image], frames_per_second: float = 10.0) -> FloatArray:
    return extracted(images, frames_per_second).streams["motion"]


RED, BLUE = plain(200, 0, 0), plain(0, 0, 200)


def test_a_still_picture_neither_moves_nor_is_new() -> None:
    made = extracted([RED] * 30)
    assert not made.streams["motion"].any()
    assert not made.streams["novelty"].any()


def test_a_cut_is_no_motion() -> None:
    assert not motion([RED] * 15 + [BLUE] * 15).any()


def test_motion_is_change_per_second() -> None:
    brighter = [plain(value, value, value) for value in range(100, 130)]
    values = motion(brighter)
    # One grey level per frame, ten frames a second.
    np.testing.assert_allclose(values[1:], 10 / 255, rtol=1e-4)


def test_peak_tells_the_one_frame_that_moved() -> None:
    mean, peak = motion([plain(90, 90, 90)] * 15 + [plain(100, 100, 100)] * 15)[1]
    assert peak == pytest.approx(100 / 255, rel=1e-4)
    assert mean == pytest.approx(peak / 10, rel=1e-4)


def test_a_new_look_is_new_once_and_not_when_it_comes_back() -> None:
    looks = [RED] * 50 + [BLUE] * 50 + [RED] * 20
    novelty = extracted(looks).streams["novelty"][:, 0]
    assert novelty[5] == pytest.approx((200 + 200) / 3 / 255, rel=1e-3)
    np.testing.assert_allclose(np.delete(novelty, 5), 0, atol=1e-6)


def test_ten_seconds_later_a_look_is_new_again() -> None:
    looks = [RED] * 20 + [BLUE] * 120 + [RED] * 20
    novelty = extracted(looks).streams["novelty"][:, 0]
    assert novelty[2] == novelty[14] > 0.5
    assert np.flatnonzero(novelty).tolist() == [2, 14]


def test_one_clip_is_not_new() -> None:
    assert extracted([RED, BLUE]).streams["novelty"].tolist() == [[0.0]]


def test_a_single_frame_does_not_move() -> None:
    made = extracted([RED])
    assert made.streams["motion"].tolist() == [[0.0, 0.0]]
    assert len(made.signals["frame_change"].times_seconds) == 1


def test_every_frame_has_a_row_of_change_at_its_own_time() -> None:
    signal = extracted([RED] * 5 + [BLUE] * 5).signals["frame_change"]
    np.testing.assert_allclose(signal.times_seconds, np.arange(10) / 10)
    assert np.flatnonzero(signal.values[:, 0]).tolist() == [5]
