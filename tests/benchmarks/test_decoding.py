"""Every way that a floor may stand on gives the frames of `decode`, on B-frames, variable rates and open GOPs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.decoding import WAYS, NotHere, expected_picks, fastest_exact, picks, sound_rates
from highlightr.media import probe
from highlightr.media.sampling import FrameRequest
from tests.mediamaker import CLOSED_GOP, OPEN_GOP, SIZE, made, read_number, variable_times

VIDEOS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "b-frames": ("closed.mp4", {**CLOSED_GOP, "seconds": 4.2}),
    "open-gop": ("open.mp4", {**OPEN_GOP, "seconds": 4.2}),
    "variable": ("variable.mkv", {**CLOSED_GOP, "times": variable_times(4.0)}),
    "offset": ("offset.mkv", {**CLOSED_GOP, "seconds": 3.0, "offset": 0.7}),
}
NOT_EVERYWHERE = ("torchcodec", "NVDEC")
EXACT_WAYS = [name for name in WAYS if name not in ("keyframes only", *NOT_EVERYWHERE)]
TAPS = [FrameRequest(1.0, 64), FrameRequest(7.5)]


def _video(name: str) -> Path:
    file, how = VIDEOS[name]
    return made(file, **how)


@pytest.mark.parametrize("way", EXACT_WAYS)
@pytest.mark.parametrize("name", VIDEOS)
def test_a_way_picks_the_frames_of_a_full_decode(name: str, way: str) -> None:
    source = probe(_video(name))
    assert picks(WAYS[way](source, TAPS)) == expected_picks(source, TAPS)


@pytest.mark.parametrize("way", EXACT_WAYS)
def test_the_pictures_are_those_that_were_drawn(way: str) -> None:
    source = probe(_video("b-frames"))
    for request, frame in WAYS[way](source, TAPS):
        assert read_number(frame.image) == round(frame.time_seconds * 25)
        assert min(frame.image.shape[:2]) == (64, min(SIZE))[request]


def test_parallel_groups_give_the_bytes_of_the_decode_pass() -> None:
    source = probe(_video("open-gop"))
    ways = ("highlightr's", "groups of pictures sought in parallel, sieved")
    one, other = ({(t, f.index): f.image for t, f in WAYS[way](source, TAPS)} for way in ways)
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[place], other[place]) for place in one)


def test_a_way_with_other_frames_is_no_floor() -> None:
    source = probe(_video("b-frames"))
    way, attempts = fastest_exact(source, [FrameRequest(5.0, 64)])
    exact = {each.way: each.exact for each in attempts if each.way not in NOT_EVERYWHERE}
    assert exact == {**dict.fromkeys(EXACT_WAYS, True), "keyframes only": False}
    assert way in (*EXACT_WAYS, *NOT_EVERYWHERE)


@pytest.mark.parametrize("way", ["torchcodec", pytest.param("NVDEC", marks=pytest.mark.gpu)])
def test_the_same_frames_where_the_way_is_there(way: str) -> None:
    source = probe(_video("b-frames"))
    try:
        found = list(WAYS[way](source, TAPS))
    except NotHere as error:
        pytest.skip(f"{way} is not here: {error.__cause__}")
    assert [(*place, pytest.approx(seconds, abs=1e-6)) for *place, seconds in expected_picks(source, TAPS)] == picks(
        iter(found)
    )


def test_a_sample_rate_counts_once() -> None:
    from highlightr.media.sampling import AudioRequest

    assert sound_rates([FrameRequest(1.0), AudioRequest(16_000), AudioRequest(32_000), AudioRequest(16_000)]) == [
        16_000,
        32_000,
    ]
