"""Real files with something unusual: each is decoded completely and cut, or refused with a message."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import MediaError
from highlightr.core.types import Segment
from highlightr.media import AudioRequest, FrameRequest, ThumbnailRequest, decode, probe
from highlightr.media.cut import cut_summary

pytestmark = pytest.mark.realdata


@dataclass(frozen=True)
class Odd:
    """What is expected of one file."""

    seconds: float
    frames: int
    """Frames that a full decode shows, at least."""
    upright: tuple[int, int]
    """Width and height of a decoded picture, upright with square pixels."""
    sound: bool = False


EXPECTED = {
    "-video-with-dash-.mp4": Odd(5.0, 5, (1, 1)),
    "ae_cover_art.mp4": Odd(2.0, 60, (640, 360), sound=True),
    "ax_bbb_176x144_128kbps_15fps_h263.3gp": Odd(1.0, 15, (176, 144)),
    "ax_bbb_800x640_768kbps_30fps_avc_2b_firstpts_10_sec.mp4": Odd(4.0, 120, (1137, 640)),
    "ax_bbb_960x540_60fps_vp8.webm": Odd(1.0, 60, (960, 540), sound=True),
    "ax_bear-vp9-odd-dimensions.webm": Odd(1.001, 30, (161, 121)),
    "ax_bt601.mov": Odd(1.02, 30, (640, 428), sound=True),
    "ax_edit_list_positive_shift.mp4": Odd(10.0, 270, (1920, 1080), sound=True),
    "ax_h265_bframes.mp4": Odd(1.0, 30, (854, 480)),
    "ax_hlg10-color-test.mp4": Odd(0.3, 9, (1920, 1080), sound=True),
    "ax_sample.avi": Odd(4.09, 96, (960, 400), sound=True),
    "ax_sample.flv": Odd(1.0, 30, (1080, 720), sound=True),
    "ax_sample_h262_mpeg_audio.ts": Odd(0.11, 3, (640, 426), sound=True),
    "ax_sample_h264.ts": Odd(1.0, 30, (854, 480)),
    "ax_sample_last_cluster.mkv": Odd(1.0, 30, (1080, 720), sound=True),
    "ax_sample_missing_stsd.mp4": Odd(1.001, 30, (1080, 720)),
    "ax_sample_rotate_and_reflect.mp4": Odd(1.001, 30, (720, 1080), sound=True),
    "ax_sample_shorter_audio.mp4": Odd(1.2, 72, (320, 240), sound=True),
    "ax_sample_video_only.mp4": Odd(1.001, 30, (1080, 720)),
    "ax_sample_with_chapters.mkv": Odd(5.0, 150, (320, 240), sound=True),
    "ax_sample_with_invalid_nalu.mp4": Odd(1.001, 25, (1080, 720)),
    "ax_sample_without_stss.mp4": Odd(1.001, 30, (1080, 720)),
    "ax_silent-black-25s.mp4": Odd(25.0, 750, (320, 240), sound=True),
    "dc_corrupted.mp4": Odd(5.0, 45, (1280, 720)),
    "dc_rotated_90.mov": Odd(0.1, 3, (320, 568)),
    "mpy_bitmap.mp4": Odd(5.0, 5, (1, 1)),
    "mpy_no_duration.webm": Odd(4.94, 74, (1280, 720), sound=True),
    "mpy_video_with_failing_audio.mp4": Odd(11.2, 280, (640, 360), sound=True),
    "ps_vfr_drop3.mp4": Odd(9.99, 160, (1280, 544)),
    "tc_h265_10bits.mp4": Odd(1.0, 30, (200, 200)),
    "tc_nasa_two_video_two_audio.mp4": Odd(13.013, 390, (480, 270), sound=True),
}

LONG = {
    "ax_long_180p_av1.mp4": Odd(362.767, 21766, (320, 180), sound=True),
    "ax_long_1080p_lowbitrate.mp4": Odd(362.767, 10883, (1920, 1080), sound=True),
}

CONCEALED = {"dc_corrupted.mp4"}
"""A decoder paints over lost blocks with what it decoded last, which depends on what was decoded at all."""

REFUSED = {
    "ax_sample_audio_only_15s.mp4": "no video stream, only audio",
    "ax_sample_fragmented_uuid.mp4": "not one frame of its h264 video can be decoded",
    "ax_sample_malformed_free_box.mp4": "not a video that can be read, or cut off before its index",
    "empty.mp4": "the file is empty",
    "truncated.mp4": "not one frame of its h264 video can be decoded",
}


def test_every_file_has_an_expectation(real_data: Path) -> None:
    assert {path.name for path in (real_data / "odd").iterdir()} == {*EXPECTED, *LONG, *REFUSED}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused(name: str, real_data: Path) -> None:
    path = real_data / "odd" / name
    with pytest.raises(MediaError, match=REFUSED[name]) as caught:
        probe(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", [*sorted(EXPECTED), *(pytest.param(n, marks=pytest.mark.slow) for n in sorted(LONG))])
def test_decoded_completely(name: str, real_data: Path) -> None:
    expected = {**EXPECTED, **LONG}[name]
    source = probe(real_data / "odd" / name)
    assert source.duration_seconds == pytest.approx(expected.seconds, abs=0.03)
    requests = {"frames": FrameRequest(2.0), "every": ThumbnailRequest(), "sound": AudioRequest(16_000)}
    indices, times, samples = [], [], 0
    for request, item in decode(source, requests, every_frame=True):
        if request == "frames":
            indices.append(item.index)  # type: ignore[union-attr]
            assert item.image.shape == (*expected.upright[::-1], 3)  # type: ignore[union-attr]
        elif request == "every":
            times.append(item.time_seconds)  # type: ignore[union-attr]
        else:
            samples += len(item.samples)  # type: ignore[union-attr]
    assert indices == list(range(math.ceil(source.duration_seconds * 2 - 1e-6)))
    assert len(times) >= expected.frames
    assert times == sorted(times)
    assert -0.001 <= times[0] <= times[-1] < source.duration_seconds
    assert samples == (math.ceil(source.duration_seconds * 16_000) if expected.sound else 0)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_leaving_packets_out_changes_no_frame(name: str, real_data: Path) -> None:
    source = probe(real_data / "odd" / name)
    whole, sieved = (
        [item for _, item in decode(source, {"frames": FrameRequest(3.0)}, every_frame=every)]
        for every in (True, False)
    )
    assert [one.time_seconds for one in whole] == [one.time_seconds for one in sieved]  # type: ignore[union-attr]
    for one, other in zip(whole if name not in CONCEALED else [], sieved, strict=name not in CONCEALED):
        assert np.array_equal(one.image, other.image)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_cut(name: str, real_data: Path, tmp_path: Path) -> None:
    source = probe(real_data / "odd" / name)
    length = source.duration_seconds
    spans = [Segment(0.1 * length, 0.4 * length, 0.5), Segment(0.6 * length, 0.9 * length, 0.5)]
    result = cut_summary(source, spans, tmp_path / "cut.mp4")
    cut = probe(result.path)
    longest_frame = max(0.15, 1.5 * length / EXPECTED[name].frames)
    assert cut.duration_seconds == pytest.approx(result.seconds, abs=longest_frame)
    assert (cut.audio is not None) is EXPECTED[name].sound
    video = source.video
    stored = (video.width, video.height) if video.rotation_degrees % 180 == 0 else (video.height, video.width)
    assert (cut.video.width, cut.video.height) == tuple(max(2, side // 2 * 2) for side in stored)
    assert cut.video.sample_aspect_ratio == source.video.sample_aspect_ratio
    assert len(list(decode(cut, {"every": ThumbnailRequest()}))) >= 1
