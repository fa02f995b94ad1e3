"""Frames of sound on one time line: each sample of a ramp comes out where its timestamp puts it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
import pytest

from highlightr.media._decode.audio import MonoTrack
from highlightr.media.sampling import AudioRequest

RATE = 8000
SECONDS = 10.0
FRAME = 1024


def frame(first: int, at: int, length: int = FRAME, rate: int = RATE, layout: str = "mono") -> av.AudioFrame:
    """Samples `first` on of a slow ramp, dated for position `at`, both at `rate`."""
    ramp = (np.arange(first, first + length) / (rate * SECONDS)).astype(np.float32)
    # Half the power goes into each channel, and the mix adds the power up again.
    channels = np.stack([ramp, ramp]) / 2**0.5 if layout == "stereo" else ramp[None]
    made = av.AudioFrame.from_ndarray(channels.astype(np.float32), format="fltp", layout=layout)
    made.sample_rate, made.pts, made.time_base = rate, at, Fraction(1, rate)
    return made


def heard(frames: Sequence[av.AudioFrame], start: Fraction = Fraction(0)) -> np.ndarray:
    track = MonoTrack({"sound": AudioRequest(RATE)}, RATE, SECONDS, start)
    blocks = [block for each in frames for _, block in track.push(each)]
    blocks += [block for _, block in track.finish()]
    assert [block.start_sample for block in blocks] == np.cumsum([0, *(len(b.samples) for b in blocks[:-1])]).tolist()
    samples = np.concatenate([block.samples for block in blocks])
    assert len(samples) == RATE * SECONDS
    return samples


RAMP = np.arange(int(RATE * SECONDS)) / (RATE * SECONDS)
COUNT = -(-len(RAMP) // FRAME)


def whole(shift: int = 0) -> list[av.AudioFrame]:
    return [frame(n * FRAME, n * FRAME + shift) for n in range(COUNT)]


def test_frames_that_follow_each_other_come_out_as_they_are() -> None:
    np.testing.assert_array_equal(heard(whole()), RAMP.astype(np.float32))


def test_time_zero_is_where_the_container_begins() -> None:
    np.testing.assert_array_equal(heard(whole(shift=3 * RATE), Fraction(3)), RAMP.astype(np.float32))


@pytest.mark.parametrize("missing", [slice(0, 3), slice(20, 23), slice(COUNT - 5, COUNT)])
def test_what_is_missing_is_silent(missing: slice) -> None:
    frames, expected = whole(), RAMP.astype(np.float32)
    expected[missing.start * FRAME : missing.stop * FRAME] = 0
    del frames[missing]
    np.testing.assert_array_equal(heard(frames), expected)


@pytest.mark.parametrize("back", [300, FRAME, 3 * FRAME + 200])
def test_what_comes_twice_is_left_out_however_long_it_is(back: int) -> None:
    """From frame 30 on, the sound is sent again from `back` samples before."""
    turn = 30 * FRAME - back
    frames = whole()[:30] + [frame(turn + n * FRAME, turn + n * FRAME) for n in range(COUNT - 26)]
    np.testing.assert_array_equal(heard(frames), RAMP.astype(np.float32))


@pytest.mark.parametrize("jitter", [1, 70])
def test_rounded_timestamps_neither_add_nor_drop_samples(jitter: int) -> None:
    frames = [frame(n * FRAME, n * FRAME + (jitter if n % 2 else 0)) for n in range(COUNT)]
    np.testing.assert_array_equal(heard(frames), RAMP.astype(np.float32))


@pytest.mark.parametrize(("rate", "layout"), [(RATE, "stereo"), (2 * RATE, "mono"), (11_025, "mono")])
def test_another_format_in_mid_stream_goes_on_where_it_belongs(rate: int, layout: str) -> None:
    turn = 40 * FRAME
    at = turn * rate // RATE
    count = -(-(int(rate * SECONDS) - at) // FRAME)
    frames = whole()[:40] + [frame(at + n * FRAME, at + n * FRAME, rate=rate, layout=layout) for n in range(count)]
    made = heard(frames)
    np.testing.assert_array_equal(made[:turn], RAMP[:turn].astype(np.float32))
    middle = slice(turn + 200, len(RAMP) - 400)
    np.testing.assert_allclose(made[middle], RAMP[middle], atol=2e-4)


def test_a_frame_without_a_timestamp_follows_the_one_before() -> None:
    frames = whole()
    for each in frames[1::2]:
        each.pts = None
    np.testing.assert_array_equal(heard(frames), RAMP.astype(np.float32))
