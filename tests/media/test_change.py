"""Frame changes on pictures whose changes are known."""

from __future__ import annotations

import numpy as np
import pytest

from highlightr.core.types import Signal
from highlightr.media.change import FrameChange
from highlightr.media.sampling import Thumbnail


def measure(levels: list[int], frames_per_second: float = 10.0) -> Signal:
    change = FrameChange()
    for index, level in enumerate(levels):
        change.push(Thumbnail(index / frames_per_second, np.full((27, 48, 3), level, np.uint8)))
    return change.signal()


def test_a_flat_picture_that_brightens() -> None:
    signal = measure([0, 0, 51, 51])
    assert signal.times_seconds.tolist() == pytest.approx([0, 0.1, 0.2, 0.3])
    # 51 of 255 levels is 0.2; levels 0 and 51 fall into the same of four bins.
    np.testing.assert_allclose(signal.values[:, 0], [0, 0, 0.2, 0], atol=1e-6)
    np.testing.assert_allclose(signal.values[:, 1], [0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(signal.values[:, 2], [0, 0, 0.2, 0.2], atol=1e-6)


def test_colours_change_wholly_from_black_to_white() -> None:
    np.testing.assert_allclose(measure([0, 255]).values, [[0, 0, 0], [1, 1, 1]])


def test_motion_leaves_the_colours_alone() -> None:
    change, picture = FrameChange(), np.zeros((27, 48, 3), np.uint8)
    picture[:, :24] = 255
    change.push(Thumbnail(0.0, picture))
    change.push(Thumbnail(0.1, np.roll(picture, 24, axis=1)))
    np.testing.assert_allclose(change.signal().values[1], [1, 0, 1])


def test_lasting_compares_with_half_a_second_earlier() -> None:
    values = measure([255, *[0] * 9]).values[:, 2]
    # The white first frame is the one half a second ago up to 0.5 s, and forgotten from 0.6 s on.
    np.testing.assert_allclose(values, [0, 1, 1, 1, 1, 1, 0, 0, 0, 0])


def test_no_frames_gives_an_empty_signal() -> None:
    assert FrameChange().signal().values.shape == (0, 3)
