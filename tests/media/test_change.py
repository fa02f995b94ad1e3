"""Frame changes on pictures whose changes are known."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pytest

from highlightr.core.types import Signal
from highlightr.media.change import CHANGE_COLUMNS, FrameChange, change_strength
from highlightr.media.sampling import Thumbnail

BARS = np.zeros((27, 48, 3), np.uint8)
BARS[:, ::2] = 200
CHECKS = np.zeros((27, 48, 3), np.uint8)
CHECKS[::2] = (0, 0, 255)


def measured(pictures: Iterable[npt.NDArray[np.uint8]], frames_per_second: float = 10.0) -> Signal:
    change = FrameChange()
    for index, picture in enumerate(pictures):
        change.push(Thumbnail(index / frames_per_second, picture))
    return change.signal()


def column(signal: Signal, name: str) -> list[float]:
    return signal.values[:, CHANGE_COLUMNS.index(name)].tolist()


def grey(level: int) -> npt.NDArray[np.uint8]:
    return np.full((27, 48, 3), level, np.uint8)


def test_a_flat_picture_that_brightens() -> None:
    signal = measured(map(grey, [0, 0, 51, 51]))
    assert signal.times_seconds.tolist() == pytest.approx([0, 0.1, 0.2, 0.3])
    # 51 of 255 levels is 0.2; levels 0 and 51 fall into the same of four bins; nothing flat has structure.
    np.testing.assert_allclose(column(signal, "picture"), [0, 0, 0.2, 0], atol=1e-6)
    np.testing.assert_allclose(column(signal, "colours"), [0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(column(signal, "structure"), [0, 0, 0, 0], atol=1e-6)


def test_colours_change_wholly_from_black_to_white() -> None:
    np.testing.assert_allclose(measured(map(grey, [0, 255])).values[:, :2], [[0, 0], [1, 1]])


def test_light_leaves_the_structure_alone() -> None:
    signal = measured([BARS, BARS // 2])
    assert column(signal, "structure")[1] == pytest.approx(0, abs=1e-3)
    assert column(signal, "picture")[1] > 0.1


def test_structure_is_one_less_the_correlation() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 27, 48, 3), dtype=np.uint8)
    one, other = (picture @ np.array([0.299, 0.587, 0.114]) for picture in pictures)
    expected = 1 - np.corrcoef(one.ravel(), other.ravel())[0, 1]
    assert column(measured(pictures), "structure")[1] == pytest.approx(min(expected, 1.0), abs=1e-4)


def test_something_to_nothing_is_half_a_change_of_structure() -> None:
    np.testing.assert_allclose(column(measured([BARS, grey(0), BARS]), "structure"), [0, 0.5, 0.5], atol=1e-3)


def test_motion_leaves_the_colours_alone() -> None:
    picture = grey(0)
    picture[:, :24] = 255
    np.testing.assert_allclose(measured([picture, np.roll(picture, 24, axis=1)]).values[1, :2], [1, 0])


def test_a_change_that_lasts() -> None:
    assert column(measured([BARS] * 8 + [CHECKS] * 8), "lasting") == pytest.approx([0] * 8 + [1] + [0] * 7)


@pytest.mark.parametrize("frames", [1, 4])
def test_neither_side_of_a_flash_lasts(frames: int) -> None:
    values = column(measured([BARS] * 8 + [CHECKS] * frames + [BARS] * 8), "lasting")
    assert max(values) == pytest.approx(0, abs=1e-6)


def test_after_half_a_second_a_return_is_a_change_of_its_own() -> None:
    values = column(measured([BARS] * 8 + [CHECKS] * 7 + [BARS] * 8), "lasting")
    assert [index for index, value in enumerate(values) if value > 0.9] == [8, 15]


def test_the_strength_needs_all_three() -> None:
    assert change_strength(1, 1, 1) == pytest.approx(1)
    assert change_strength(0.5, 0, 1) == change_strength(0.5, 1, 0) == change_strength(0, 1, 1) == 0
    assert change_strength(0.008, 0.5, 0.5) == pytest.approx((0.2 * 0.25) ** (3 / 7))


def test_no_frames_gives_an_empty_signal() -> None:
    assert FrameChange().signal().values.shape == (0, len(CHANGE_COLUMNS))
