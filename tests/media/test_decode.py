"""The decode pass, against videos whose every frame carries its number and whose clicks sound at known times."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from highlightr.core.errors import DecodeError, MediaError
from highlightr.media import (
    AudioBlock,
    AudioRequest,
    Frame,
    FrameRequest,
    SampleRequest,
    Thumbnail,
    ThumbnailRequest,
    decode,
    probe,
)
from highlightr.media.decode import _Clock, _is_of_another_file, loss_notes, unread_percent
from highlightr.media.ffmpeg import run_ffmpeg
from tests.mediamaker import (
    CLOSED_GOP,
    OPEN_GOP,
    click_times,
    draw,
    frame_times,
    is_flash,
    made,
    read_number,
    variable_times,
    without_some_timestamps,
)

RATES = [1.0, 2.0, 3.7, 25.0, 60.0]

VIDEOS: Mapping[str, Mapping[str, Any]] = {
    "constant.mp4": {},
    "variable.mp4": {"times": tuple(variable_times())},
    "variable.mkv": {"times": tuple(variable_times(seed=1)), **CLOSED_GOP},
    "closed.mp4": CLOSED_GOP,
    "open.mp4": OPEN_GOP,
    "open-variable.mp4": {"times": tuple(variable_times(seed=2)), **OPEN_GOP},
    "shifted.mkv": {"offset": 10.0},
    "hevc.mp4": {"codec": "libx265", "options": (("preset", "ultrafast"), ("x265-params", "log-level=none"))},
    "vp9.webm": {"codec": "libvpx-vp9", "options": (("deadline", "realtime"), ("cpu-used", "8")), "sound": False},
    "ten-bit.mp4": {"pix_fmt": "yuv420p10le"},
    "full.mp4": {"pix_fmt": "yuv444p"},
}


def _truth(how: Mapping[str, Any]) -> list[Fraction]:
    return list(how.get("times") or frame_times(how.get("seconds", 4.0)))


def _on_screen(times: list[Fraction], due: Fraction) -> int:
    return max([n for n, time in enumerate(times) if time <= due], default=0)


def _frames(path: Path, request: FrameRequest) -> list[Frame]:
    items = [item for _, item in decode(probe(path), {"frames": request})]
    assert all(isinstance(item, Frame) for item in items)
    return items  # type: ignore[return-value]


def _sound(path: Path, rate: int = 16_000) -> np.ndarray:
    position, parts = 0, []
    for _, item in decode(probe(path), {"sound": AudioRequest(rate)}):
        assert isinstance(item, AudioBlock)
        assert item.start_sample == position
        assert item.samples.dtype == np.float32
        position += len(item.samples)
        parts.append(item.samples)
    return np.concatenate([np.zeros(0, np.float32), *parts])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", sorted(VIDEOS))
def test_frames_are_picked_by_timestamp(name: str, rate: float) -> None:
    times = _truth(VIDEOS[name])
    path = made(name, **VIDEOS[name])
    frames = _frames(path, FrameRequest(rate))
    duration = probe(path).duration_seconds
    assert [frame.index for frame in frames] == list(range(math.ceil(round(duration * rate, 6))))
    expected = [_on_screen(times, (k + Fraction(1, 2)) / Fraction(rate)) for k in range(len(frames))]
    assert [read_number(frame.image) for frame in frames] == expected
    assert [frame.time_seconds for frame in frames] == pytest.approx([float(times[n]) for n in expected], abs=1e-3)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30)])
def test_a_lead_takes_the_frame_that_began_before(rate: Fraction) -> None:
    """What ffmpeg's fps=1/2 picks: at 25 frames a second 24 and not 25, at 30 29 and not 30."""
    source = probe(made(f"led-{rate}.mp4", times=tuple(frame_times(3.9, rate)), **CLOSED_GOP))
    for every_frame in (True, False):
        items = decode(source, {"frames": FrameRequest(0.5, None, 1e-4)}, every_frame=every_frame)
        numbers = [read_number(item.image) for _, item in items if isinstance(item, Frame)]
        assert numbers == [rate - 1, 3 * rate - 1]


SIEVED: Mapping[str, Mapping[str, Any]] = {
    "sieved.mp4": CLOSED_GOP,
    "sieved.ts": CLOSED_GOP,
    "sieved.mkv": {"times": tuple(variable_times(seed=1)), **CLOSED_GOP},
    "open.mp4": OPEN_GOP,
    "open-variable.mp4": {"times": tuple(variable_times(seed=2)), **OPEN_GOP},
    "open.ts": OPEN_GOP,
    "deep.mp4": {
        "options": (("preset", "veryfast"), ("x264-params", "keyint=60:bframes=16:b-adapt=0:b-pyramid=normal:ref=8"))
    },
    "interlaced.mp4": {"options": (("preset", "veryfast"), ("x264-params", "tff=1:bframes=3:keyint=30"))},
    "hevc-b.mp4": {
        "codec": "libx265",
        "options": (("preset", "fast"), ("x265-params", "log-level=none:bframes=4:keyint=30:scenecut=0")),
    },
    "hevc-layers.mp4": {
        "codec": "libx265",
        "options": (("preset", "fast"), ("x265-params", "log-level=none:temporal-layers=3:bframes=4:keyint=30")),
    },
}


@pytest.mark.parametrize("rate", [0.7, 2.0, 9.0])
@pytest.mark.parametrize("name", sorted(SIEVED))
def test_leaving_packets_out_changes_no_frame(name: str, rate: float) -> None:
    source = probe(made(name, **SIEVED[name]))
    requests: dict[str, SampleRequest] = {
        "one": FrameRequest(rate),
        "two": FrameRequest(rate / 3 + 0.1, 64),
        "tiny": ThumbnailRequest(),
    }
    whole: dict[str, list[Any]] = {name: [] for name in requests}
    sieved: dict[str, list[Any]] = {name: [] for name in requests}
    for every_frame, items in ((True, whole), (False, sieved)):
        for request, item in decode(source, requests, every_frame=every_frame):
            items[request].append(item)
    for request in ("one", "two"):
        assert [(a.index, a.time_seconds) for a in sieved[request]] == [
            (a.index, a.time_seconds) for a in whole[request]
        ]
        for one, other in zip(sieved[request], whole[request], strict=True):
            assert np.array_equal(one.image, other.image)
    assert len(whole["tiny"]) == len(_truth(SIEVED[name]))
    if rate < 1 and name != "hevc-layers.mp4":
        assert len(sieved["tiny"]) < 0.95 * len(whole["tiny"]), "the point of it is to decode less"


def test_a_video_that_begins_late_shows_its_first_frame_until_then(tmp_path: Path) -> None:
    times = tuple(1 + time for time in frame_times(2.0))
    frames = _frames(made("begins-late.mkv", times=times, sound_seconds=3.0), FrameRequest(4.0))
    assert [read_number(frame.image) for frame in frames[:5]] == [0, 0, 0, 0, 3]


@pytest.mark.parametrize("clockwise", [90, 180, 270])
def test_frames_are_upright(clockwise: int) -> None:
    frames = _frames(made("turned.mp4", size=(320, 240), rotation=clockwise, seconds=1.0), FrameRequest(5.0))
    assert frames[0].image.shape == (240, 320, 3)
    assert [read_number(frame.image) for frame in frames] == [2, 7, 12, 17, 22]
    assert not is_flash(frames[0].image)


@pytest.mark.parametrize(("short_side", "shape"), [(None, (240, 427, 3)), (120, (120, 213, 3))])
def test_pixels_are_square(short_side: int | None, shape: tuple[int, int, int]) -> None:
    frames = _frames(
        made("wide.mp4", size=(320, 240), aspect=Fraction(4, 3), seconds=1.0), FrameRequest(5.0, short_side)
    )
    assert frames[0].image.shape == shape
    assert [read_number(frame.image) for frame in frames] == [2, 7, 12, 17, 22]


def test_rotated_anamorphic_picture() -> None:
    frames = _frames(
        made("both.mp4", size=(320, 240), aspect=Fraction(2), rotation=90, seconds=1.0), FrameRequest(1.0, 100)
    )
    assert frames[0].image.shape == (150, 100, 3)  # stored 240 x 320, twice as wide: 480 x 320, upright 320 x 480


@pytest.mark.parametrize(
    ("colorspace", "height", "matrix"),
    [(1, 240, "709"), (5, 720, "601"), (2, 240, "601"), (2, 720, "709")],
    ids=["tagged 709", "tagged 601", "untagged small", "untagged large"],
)
def test_colours(tmp_path: Path, colorspace: int, height: int, matrix: str) -> None:
    red, blue = {"601": (0.299, 0.114), "709": (0.2126, 0.0722)}[matrix]
    colour = np.array([200.0, 60.0, 90.0])
    luma = red * colour[0] + (1 - red - blue) * colour[1] + blue * colour[2]
    chroma = ((colour[2] - luma) / (2 * (1 - blue)), (colour[0] - luma) / (2 * (1 - red)))
    yuv = [16 + luma * 219 / 255, 128 + chroma[0] * 224 / 255, 128 + chroma[1] * 224 / 255]
    path = tmp_path / "colour.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=5)
        stream.width, stream.height, stream.pix_fmt = 320, height, "yuv444p"
        stream.codec_context.colorspace, stream.codec_context.color_range = colorspace, 1
        planes = np.stack([np.full((height, 320), round(value), np.uint8) for value in yuv])
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv444p")
            frame.colorspace, frame.color_range = colorspace, 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    pixel = _frames(path, FrameRequest(1.0))[0].image[height // 2, 160]
    assert np.abs(pixel.astype(float) - colour).max() <= 3


def test_thumbnails_show_every_frame() -> None:
    items = [item for _, item in decode(probe(made("constant.mp4")), {"tiny": ThumbnailRequest()})]
    assert all(isinstance(item, Thumbnail) and item.image.shape == (27, 48, 3) for item in items)
    assert [item.time_seconds for item in items] == pytest.approx([n / 25 for n in range(100)])
    assert [read_number(item.image) for item in items] == list(range(100))


def test_thumbnail_colours_agree_with_a_small_frame() -> None:
    requests: dict[str, SampleRequest] = {"tiny": ThumbnailRequest(48, 36), "frame": FrameRequest(25.0, 36)}
    items: dict[str, list[Any]] = {"tiny": [], "frame": []}
    for name, item in decode(probe(made("constant.mp4")), requests):
        items[name].append(item.image.astype(float))
    difference = np.abs(np.stack(items["tiny"]) - np.stack(items["frame"])).mean()
    assert difference < 6


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("name", ["constant.mp4", "shifted.mkv", "variable.mkv"])
def test_clicks_are_where_they_belong(name: str, rate: int) -> None:
    path = made(name, **VIDEOS[name])
    samples = _sound(path, rate)
    assert len(samples) == math.ceil(probe(path).duration_seconds * rate)
    found = click_times(samples, rate)
    assert len(found) >= 10
    assert found == pytest.approx([0.4 * k for k in range(len(found))], abs=0.003)


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_mixed_to_mono_without_clipping(channels: int) -> None:
    samples = _sound(made("channels.mp4", channels=channels))
    assert click_times(samples, 16_000)[:3] == pytest.approx([0.0, 0.4, 0.8], abs=0.003)
    assert 0.4 < np.abs(samples).max() <= 1.0


def test_sound_that_begins_late_is_preceded_by_silence() -> None:
    samples = _sound(made("late-sound.mp4", sound_start=1.3))
    assert not np.abs(samples[: int(1.25 * 16_000)]).max() > 0.01
    assert click_times(samples, 16_000)[:2] == pytest.approx([1.6, 2.0], abs=0.003)
    assert len(samples) == 64_000


def test_sound_that_ends_early_is_followed_by_silence() -> None:
    samples = _sound(made("short-sound.mp4", sound_seconds=1.5))
    assert len(samples) == 64_000
    assert click_times(samples, 16_000) == pytest.approx([0.0, 0.4, 0.8, 1.2], abs=0.003)


def _with_sound_pts(path: Path, shift: Any) -> Path:
    """A copy of the plain video whose sound packets are moved (or, at `None`, left out) by a function of time."""
    with av.open(str(made("pcm.mkv", sound_codec="pcm_s16le"))) as reading, av.open(str(path), "w") as writing:
        outlets = {s.index: writing.add_stream_from_template(s, opaque=True) for s in reading.streams}
        for packet in reading.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                moved = shift(float(packet.pts * packet.time_base))
                if moved is None:
                    continue
                packet.pts = packet.dts = packet.pts + round(moved / packet.time_base)
            packet.stream = outlets[packet.stream.index]
            writing.mux(packet)
    return path


def test_a_gap_in_the_sound_becomes_silence(tmp_path: Path) -> None:
    path = _with_sound_pts(tmp_path / "gap.mkv", lambda time: None if 1.0 < time < 2.5 else 0)
    samples = _sound(path)
    assert click_times(samples, 16_000) == pytest.approx([0, 0.4, 0.8, 2.8, 3.2, 3.6], abs=0.003)
    assert len(samples) == 64_000


def test_a_jump_in_the_timestamps_is_followed(tmp_path: Path) -> None:
    path = _with_sound_pts(tmp_path / "jump.mkv", lambda time: 0.25 if time > 1.0 else 0)
    found = click_times(_sound(path), 16_000)
    assert found[:3] == pytest.approx([0, 0.4, 0.8], abs=0.003)
    assert found[3:6] == pytest.approx([1.45, 1.85, 2.25], abs=0.003)


def test_overlapping_sound_is_trimmed(tmp_path: Path) -> None:
    path = _with_sound_pts(tmp_path / "overlap.mkv", lambda time: -min(max(time - 1.0, 0.0) / 2, 0.2))
    late = [time for time in click_times(_sound(path), 16_000) if time > 1.35]
    assert late[:3] == pytest.approx([1.4, 1.8, 2.2], abs=0.011)


def test_a_video_without_sound_gives_its_audio_request_nothing() -> None:
    source = probe(made("silent.mp4", sound=False))
    names = [name for name, _ in decode(source, {"sound": AudioRequest(16_000), "frames": FrameRequest(1.0)})]
    assert names == ["frames"] * 4


def test_all_requests_share_one_pass_and_equal_their_own_passes() -> None:
    requests: dict[str, SampleRequest] = {
        "slow": FrameRequest(1.0, 64),
        "fast": FrameRequest(7.0),
        "tiny": ThumbnailRequest(),
        "low": AudioRequest(16_000),
        "high": AudioRequest(32_000),
    }
    source = probe(made("constant.mp4"))
    together: dict[str, list[Any]] = {name: [] for name in requests}
    for name, item in decode(source, requests):
        together[name].append(item)
    for name, request in requests.items():
        alone = [item for _, item in decode(source, {name: request})]
        assert len(alone) == len(together[name]) > 0
        for one, other in zip(alone, together[name], strict=True):
            content = "samples" if isinstance(one, AudioBlock) else "image"
            assert np.array_equal(getattr(one, content), getattr(other, content))


def _damage(path: Path, first: int, last: int, name: str = "first.mp4") -> Path:
    """A copy of a video with the packets of frames [first, last) overwritten."""
    source = made(name, muxing=(("movflags", "faststart"),), **CLOSED_GOP)
    content = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        hit = [p for p in container.demux(video=0) if p.pts is not None and first <= p.pts * p.time_base * 25 < last]
        spans = [(p.pos, p.size) for p in hit]
    for position, size in spans:
        content[position : position + size] = bytes(size)
    path.write_bytes(content)
    return path


def test_damage_in_the_middle_is_passed_over_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = _frames(_damage(tmp_path / "damaged.mp4", 25, 75), FrameRequest(5.0))
    assert len(frames) == 20
    numbers = [read_number(frame.image) for frame in frames]
    assert numbers[:5] == [2, 7, 12, 17, 22]
    assert numbers[15:] == [77, 82, 87, 92, 97]
    assert set(numbers[5:15]) <= {24, 23, 22}, "the last good frame stays on screen"
    assert "of the picture that are damaged" in caplog.text


def _losses(path: Path, *requests: Any) -> dict[str, int]:
    lost: dict[str, int] = {}
    named = {str(number): request for number, request in enumerate(requests)}
    list(decode(probe(path), named, lost=lost.__setitem__))
    return lost


def test_what_could_not_be_used_is_told(tmp_path: Path) -> None:
    path = _damage(tmp_path / "damaged.mp4", 25, 75)
    assert _losses(made("first.mp4"), FrameRequest(5.0), AudioRequest(16_000)) == {}
    lost = _losses(path, FrameRequest(5.0), AudioRequest(16_000))
    assert set(lost) == {"video"} and 40 <= lost["video"] <= 60
    assert _losses(path, AudioRequest(16_000)) == {}, "nobody looked"
    (note,) = loss_notes(lost)
    assert note == f"Packets or frames of the picture that are damaged, and not scored: {lost['video']}."


def test_pictures_without_a_timestamp_are_told_and_not_taken_for_damaged(tmp_path: Path) -> None:
    path = without_some_timestamps(tmp_path, "-bf", "0")
    with av.open(str(path)) as container:
        undated = sum(packet.size > 0 and packet.pts is None for packet in container.demux(video=0))
    assert undated > 5
    assert _losses(path, FrameRequest(5.0)) == {"undated": undated}


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.webm", "libvpx"), ("fragments.mp4", "libx264")])
def test_a_second_recording_in_a_container_with_one_clock_is_left_out_and_told(
    name: str, codec: str, tmp_path: Path
) -> None:
    how = ["-c:v", codec, "-g", "25", "-c:a", "libopus", "-movflags", "+frag_keyframe+empty_moov"]
    parts = []
    for filters in ("null", "negate"):
        run_ffmpeg(["-i", f"file:{made('first.mp4')}", "-vf", filters, *how, f"file:{tmp_path / name}"])
        parts.append((tmp_path / name).read_bytes())
    (tmp_path / name).write_bytes(b"".join(parts))
    frames = _frames(tmp_path / name, FrameRequest(5.0))
    numbers = [read_number(frame.image) for frame in frames[:20]]
    assert numbers == pytest.approx([n * 5 + 2 for n in range(20)], abs=2)
    lost = _losses(tmp_path / name, FrameRequest(5.0), AudioRequest(16_000))
    assert lost == {"restarted": 100}
    assert "second recording, whose clock starts again, are left out: 100; join" in loss_notes(lost)[0]


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", ["-c:a", "aac"]),
        ("a.mov", ["-c:a", "aac", "-movflags", "+faststart"]),
        ("a.flv", ["-c:v", "flv", "-c:a", "aac"]),
        ("a.ogv", ["-c:v", "libtheora", "-c:a", "libvorbis"]),
        ("a.wmv", ["-c:v", "wmv2", "-c:a", "wmav2"]),
    ],
)
def test_what_ffmpeg_does_not_read_of_a_file_is_told(name: str, how: list[str], tmp_path: Path) -> None:
    first, second = tmp_path / name, tmp_path / f"second-{name}"
    for path, seconds in ((first, 3), (second, 2)):
        picture = ["-f", "lavfi", "-i", f"testsrc2=s=640x360:r=25:d={seconds}"]
        sound = ["-f", "lavfi", "-i", f"sine=d={seconds}"]
        run_ffmpeg([*picture, *sound, "-pix_fmt", "yuv420p", "-b:v", "2M", *how, f"file:{path}"])
    content, appended = first.read_bytes(), second.read_bytes()
    asked = (FrameRequest(5.0), AudioRequest(16_000))
    assert "unread" not in _losses(first, *asked)
    first.write_bytes(content + appended)
    share = 100 * len(appended) / len(content + appended)
    lost = _losses(first, *asked)
    assert lost["unread"] == pytest.approx(share, abs=2)
    assert f"The last {lost['unread']} % of the file cannot be read" in " ".join(loss_notes(lost))
    if name != "a.mp4":  # Its index is at the end.
        first.write_bytes(content[: len(content) * 2 // 3])
        assert "unread" not in _losses(first, *asked)


def test_what_lies_behind_an_error_is_told_of_every_container() -> None:
    source = replace(probe(made("first.mkv")), size_bytes=1_000_000)
    assert unread_percent(source, 400_000, broken_off=False) == 0
    assert unread_percent(source, 400_000, broken_off=True) == 60


def test_a_clock_that_is_damaged_is_not_taken_for_a_second_recording() -> None:
    """A second of it is dated an hour late."""
    clocks: dict[int, _Clock] = {}
    with av.open(str(made("first.mkv"))) as container:
        for packet in container.demux(video=0):
            if packet.size and 1.5 < packet.dts * packet.time_base < 2.5:
                packet.pts, packet.dts = packet.pts + 3_600_000, packet.dts + 3_600_000
            assert not _is_of_another_file(packet, clocks)


def test_packets_that_damage_dates_near_the_beginning_end_no_recording() -> None:
    clocks, left = dict[int, _Clock](), []
    with av.open(str(made("first.mkv"))) as container:
        for packet in container.demux(video=0):
            if packet.size and (seconds := packet.dts * packet.time_base) > 2:
                if seconds < 2.5:
                    packet.pts, packet.dts = packet.pts - 2000, packet.dts - 2000
                left += [float(seconds)] * _is_of_another_file(packet, clocks)
            elif packet.size:
                assert not _is_of_another_file(packet, clocks)
    assert left and max(left) < 2.5


def test_nothing_decodable_is_an_error(tmp_path: Path) -> None:
    good = probe(made("first.mp4", muxing=(("movflags", "faststart"),), **CLOSED_GOP))
    damaged = _damage(tmp_path / "damaged.mp4", 0, 100)
    with pytest.raises(DecodeError, match="not one frame can be decoded"):
        list(decode(replace(good, path=damaged), {"frames": FrameRequest(1.0)}))


def test_a_file_that_changed_since_it_was_probed(tmp_path: Path) -> None:
    source = probe(made("two.mp4", second_size=(640, 360), seconds=1.0))
    with pytest.raises(MediaError, match="changed since it was probed"):
        list(decode(replace(source, path=made("silent.mp4", sound=False)), {"frames": FrameRequest(1.0)}))


def test_leaving_early_closes_the_file(tmp_path: Path) -> None:
    source = probe(made("constant.mp4"))
    opened = len(list(Path("/proc/self/fd").iterdir()))
    items = decode(source, {"frames": FrameRequest(5.0)})
    next(items)
    assert len(list(Path("/proc/self/fd").iterdir())) == opened + 1
    items.close()  # type: ignore[attr-defined]
    assert len(list(Path("/proc/self/fd").iterdir())) == opened


def test_no_requests_no_items() -> None:
    assert list(decode(probe(made("constant.mp4")), {})) == []


def test_the_maker_reads_what_it_draws() -> None:
    for number in (0, 1, 0x5555, 0xFFFF):
        assert read_number(draw(number)) == number
