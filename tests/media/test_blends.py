"""Dissolves and fades of made pictures, and what only looks like one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from highlightr.media.blends import Blends
from highlightr.media.looks import look_at
from highlightr.media.sampling import Thumbnail

Pictures = list[npt.NDArray[np.float64]]
FRAMES_PER_SECOND = 25


def texture(seed: int, width: int = 48) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).integers(0, 256, (27, width, 3)).astype(np.float64)


def between(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], frames: int) -> Pictures:
    return [one + (other - one) * step / (frames + 1) for step in range(1, frames + 1)]


def middles(pictures: Pictures) -> dict[float, float]:
    """Time to strength."""
    blends, found = Blends(), {}
    for row, picture in enumerate(pictures):
        look = look_at(Thumbnail(row / FRAMES_PER_SECOND, np.rint(picture).astype(np.uint8)), row)
        found.update({at / FRAMES_PER_SECOND: strength for at, strength in blends.push(look)})
    return found


def strongest(pictures: Pictures) -> float:
    found = middles(pictures)
    assert max(found) - min(found) < 1.0
    return max(found, key=lambda time: found[time])


@pytest.mark.parametrize("frames", [10, 20, 30])
def test_a_dissolve_has_its_middle_where_both_show(frames: int) -> None:
    found = strongest([texture(1)] * 50 + between(texture(1), texture(2), frames) + [texture(2)] * 50)
    assert found == pytest.approx((50 + frames / 2) / FRAMES_PER_SECOND, abs=0.13)


def test_a_fade_is_told_where_the_new_scene_comes_up() -> None:
    black = np.zeros((27, 48, 3))
    out, into = between(texture(1), black, 12), between(black, texture(2), 12)
    found = strongest([texture(1)] * 50 + out + [black] * 5 + into + [texture(2)] * 50)
    assert 67 / 25 <= found <= 75 / 25


def test_a_fade_to_black_and_back_to_the_same_scene_is_none() -> None:
    black = np.zeros((27, 48, 3))
    assert middles([texture(1)] * 50 + between(texture(1), black, 12) + between(black, texture(1), 12)) == {}


def test_coming_up_from_black_at_the_start_is_none() -> None:
    black = np.zeros((27, 48, 3))
    assert middles([black] * 30 + between(black, texture(1), 12) + [texture(1)] * 50) == {}


def test_light_that_is_dimmed_is_none() -> None:
    assert middles([texture(1)] * 50 + between(texture(1), texture(1) / 4, 25) + [texture(1) / 4] * 50) == {}


def test_a_hard_cut_is_none() -> None:
    assert middles([texture(1)] * 50 + [texture(2)] * 50) == {}


def test_a_pan_over_a_blurred_picture_is_none() -> None:
    wide = Image.fromarray(texture(3, 10)[:6].astype(np.uint8)).resize((200, 27), Image.Resampling.BICUBIC)
    assert middles([np.asarray(wide, dtype=np.float64)[:, at : at + 48] for at in range(150)]) == {}
