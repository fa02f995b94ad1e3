"""Shot boundaries on pictures made with known cuts, flashes and motion, and on real clips joined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from highlightr.core.types import Shot, Signal
from highlightr.media.change import FrameChange
from highlightr.media.sampling import Thumbnail
from highlightr.selection import detect_shots, shots_from_boundaries, shots_from_probability

Image = npt.NDArray[np.uint8]


def scene(seed: int) -> Image:
    """A smooth colourful picture, wider than a thumbnail so that it can be panned."""
    blocks = np.random.default_rng(seed).integers(0, 256, (5, 12, 3)).astype(np.float64)
    rows = np.clip(np.arange(27) * 4 / 27, 0, 3.999)
    columns = np.clip(np.arange(240) * 11 / 240, 0, 10.999)
    r, c = rows.astype(int)[:, None], columns.astype(int)[None]
    fr, fc = (rows - rows.astype(int))[:, None, None], (columns - columns.astype(int))[None, :, None]
    top = blocks[r, c] * (1 - fc) + blocks[r, c + 1] * fc
    low = blocks[r + 1, c] * (1 - fc) + blocks[r + 1, c + 1] * fc
    return (top * (1 - fr) + low * fr).astype(np.uint8)


def held(seed: int, frames: int, pan: int = 0) -> Iterator[Image]:
    noise = np.random.default_rng(seed + 100)
    for index in range(frames):
        view = scene(seed)[:, (index * pan) % 192 :][:, :48].astype(np.int16)
        yield np.clip(view + noise.integers(-4, 5, view.shape), 0, 255).astype(np.uint8)


def found(images: Iterable[Image], frames_per_second: float = 25.0) -> list[float]:
    change, count = FrameChange(), 0
    for index, image in enumerate(images):
        change.push(Thumbnail(index / frames_per_second, image))
        count = index + 1
    shots = detect_shots(change.signal(), count / frames_per_second)
    assert shots[0].start_seconds == 0
    assert shots[-1].stop_seconds == count / frames_per_second
    assert all(a.stop_seconds == b.start_seconds for a, b in pairwise(shots))
    return [round(shot.start_seconds, 3) for shot in shots[1:]]


@pytest.mark.parametrize("frames_per_second", [3.0, 25.0, 60.0])
def test_hard_cuts_to_the_frame(frames_per_second: float) -> None:
    frames = [*held(1, 30), *held(2, 20), *held(3, 40)]
    cuts = [round(30 / frames_per_second, 3), round(50 / frames_per_second, 3)]
    assert found(frames, frames_per_second) == cuts


def test_one_shot_has_no_boundary() -> None:
    assert found(held(4, 80)) == []


def test_a_fast_pan_is_not_a_cut() -> None:
    assert found([*held(5, 30), *held(5, 30, pan=6)]) == []


def test_a_cut_out_of_a_fast_pan_is_found() -> None:
    assert found([*held(5, 32, pan=3), *held(6, 30, pan=3)]) == [1.28]


@pytest.mark.parametrize("flash_frames", [1, 2, 5])
def test_a_flash_is_not_a_cut(flash_frames: int) -> None:
    white = np.full((27, 48, 3), 255, np.uint8)
    frames = list(held(7, 75))
    assert found([*frames[:37], *[white] * flash_frames, *frames[37 + flash_frames :]]) == []


@pytest.mark.parametrize("light", [0.3, 1.6])
def test_a_lamp_that_is_switched_is_not_a_cut(light: float) -> None:
    frames = list(held(7, 60))
    lit = [np.clip(frame * light, 0, 255).astype(np.uint8) for frame in frames[30:]]
    assert found([*frames[:30], *lit]) == []


def test_a_camera_that_shakes_makes_no_boundary() -> None:
    shifts = np.random.default_rng(0).integers(0, 9, 100)
    assert found([scene(5)[:, shift : shift + 48] for shift in shifts]) == []


def test_two_cuts_in_quick_succession_are_both_found() -> None:
    assert found([*held(1, 12), *held(2, 1), *held(3, 12)], 3.0) == [4.0, 4.333]


def test_a_cut_between_like_colours_is_found() -> None:
    # The same colours in other places: only the structure and half of the pixels change.
    one = scene(3)[:, :48]
    assert found([one] * 30 + [np.ascontiguousarray(one[::-1, ::-1] // 2 + one // 4)] * 30) == [1.2]


def mixed(one: Image, other: Image, frames: int) -> list[Image]:
    shares = np.arange(1, frames + 1) / (frames + 1)
    return [np.rint(one * (1 - share) + other * share).astype(np.uint8) for share in shares]


@pytest.mark.parametrize("seconds", [0.4, 0.8, 1.2])
@pytest.mark.parametrize("frames_per_second", [10.0, 25.0, 60.0])
def test_a_dissolve_is_one_boundary(seconds: float, frames_per_second: float) -> None:
    still, frames = round(2 * frames_per_second), round(seconds * frames_per_second)
    one, other = scene(1)[:, :48], scene(2)[:, :48]
    (boundary,) = found([*[one] * still, *mixed(one, other, frames), *[other] * still], frames_per_second)
    assert 1.95 <= boundary <= 2.05 + seconds


@pytest.mark.parametrize("black_frames", [1, 30])
def test_a_fade_is_one_boundary(black_frames: int) -> None:
    one, other, black = scene(1)[:, :48], scene(2)[:, :48], np.zeros((27, 48, 3), np.uint8)
    fading = [*mixed(one, black, 15), *[black] * black_frames, *mixed(black, other, 15)]
    (boundary,) = found([*[one] * 50, *fading, *[other] * 50])
    assert 2.0 <= boundary <= 2.0 + len(fading) / 25


@pytest.mark.parametrize("frames", [4, 10])
def test_a_quick_fade_that_never_is_quite_dark_is_one_boundary(frames: int) -> None:
    one, other, black = scene(1)[:, :48], scene(2)[:, :48], np.zeros((27, 48, 3), np.uint8)
    fading = [*mixed(one, black, frames), *mixed(black, other, frames)]
    (boundary,) = found([*[one] * 50, *fading, *[other] * 50])
    assert 2.0 <= boundary <= 2.0 + len(fading) / 25


def test_frames_repeated_by_a_faster_file_are_not_cuts() -> None:
    slow = [image for image in held(8, 20, pan=7) for _ in range(8)]
    assert found(slow) == []


def test_a_cut_among_repeated_frames_is_found() -> None:
    frames = [*held(8, 10, pan=2), *held(9, 10, pan=2)]
    assert found([image for image in frames for _ in range(8)]) == [3.2]


def test_no_frame_or_one_is_one_shot() -> None:
    assert detect_shots(FrameChange().signal(), 2.0) == (Shot(0.0, 2.0),)
    assert found([scene(1)[:, :48]]) == []


def test_a_signal_of_another_shape_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"columns \('picture', 'colours', 'structure', 'lasting', 'blend', 'unseen'\), got \(2, 1\)"
    ):
        detect_shots(Signal(np.zeros(2), np.zeros((2, 1), np.float32)), 1.0)


def test_boundaries_outside_or_too_close_are_dropped() -> None:
    shots = shots_from_boundaries([5.0, 0.05, 2.0, 2.05, 9.96, 12.0, -1.0], 10.0)
    assert shots == (Shot(0.0, 2.0), Shot(2.0, 5.0), Shot(5.0, 10.0))


def test_a_run_above_the_threshold_is_one_boundary() -> None:
    values = np.array([0.1, 0.9, 0.8, 0.2, 0.1, 0.6, 0.4, 0.9], np.float32)[:, None]
    shots = shots_from_probability(Signal(np.arange(8.0), values), 8.0)
    assert [shot.start_seconds for shot in shots] == [0.0, 3.0, 6.0]  # A run that never ends has no new shot.


def real_thumbnails(path: Path) -> list[Image]:
    with av.open(path) as container:
        return [frame.reformat(48, 27, "rgb24").to_ndarray() for frame in container.decode(video=0)]


@pytest.mark.realdata
def test_joins_of_real_clips_are_found(real_data: Path) -> None:
    # Together 30 frames per second or nearly; frames are dated at 30, so that every join is at a known time.
    names = ["vas_baby_video_01951", "vas_drum_video_02542", "vas_fireworks_video_02997", "mdn_flower"]
    clips = [real_thumbnails(real_data / "events" / f"{name}.mp4") for name in names]
    joins = (np.cumsum([len(clip) for clip in clips])[:-1] / 30).tolist()
    boundaries = found([image for clip in clips for image in clip], 30.0)
    assert all(any(abs(join - boundary) < 0.01 for boundary in boundaries) for join in joins)
    assert len(boundaries) <= len(joins) + 2


def still(seed: int, frames: int) -> Iterator[Image]:
    for _ in range(frames):
        yield scene(seed)[:, :48]


def test_a_slide_show_has_a_cut_at_every_picture() -> None:
    slides = [frame for seed in range(1, 7) for frame in still(seed, 25)]
    assert found(slides) == [1.0, 2.0, 3.0, 4.0, 5.0]


def alike(seed: int, share: float) -> Image:
    """The first scene, with so much of another over it."""
    return np.asarray(scene(1)[:, :48] * (1 - share) + scene(seed)[:, :48] * share, dtype=np.uint8)


@pytest.mark.parametrize("share", [0.3, 0.4, 0.6])
def test_a_slide_show_has_a_cut_at_every_picture_that_is_like_the_one_before(share: float) -> None:
    slides = [alike(seed, share) for seed in (2, 3, 4, 5) for _ in range(40)]
    assert found(slides) == [1.6, 3.2, 4.8]


def test_so_small_a_change_is_no_cut_where_the_picture_moves() -> None:
    slides = [alike(seed, 0.3) for seed in (2, 3, 4, 5) for _ in range(40)]
    noise = np.random.default_rng(0)
    moving = [np.roll(slide.astype(np.int16), at % 7, axis=1) for at, slide in enumerate(slides)]
    assert found(np.clip(each + noise.integers(-4, 5, each.shape), 0, 255).astype(np.uint8) for each in moving) == []


def test_so_small_a_change_is_no_cut_where_the_old_slide_comes_back_at_once() -> None:
    slides = [alike(3 if at in (50, 51, 52) else 2, 0.3) for at in range(100)]
    assert found(slides) == []


def test_a_weaker_cut_after_a_long_still_shot_is_found() -> None:
    assert found([*still(1, 200), *held(2, 50), *still(3, 200), *still(2, 100)]) == [8.0, 10.0, 18.0]
