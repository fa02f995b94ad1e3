"""Groups of pictures in which hardly anything changes: what is left out, and that all else stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.types import Shot, TimeGrid
from highlightr.features.extract import extract
from highlightr.features.lite.motion import Motion
from highlightr.media import Frame, FrameRequest, Item, Thumbnail, ThumbnailRequest, decode, probe
from highlightr.media.change import FRAME_CHANGE, unseen_spans
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.selection import detect_shots

SECONDS = 8
STILL, OTHER = "testsrc=size=128x96:rate=25", "mandelbrot=size=128x96:rate=25"
REQUESTS = {"looks": FrameRequest(2.0), "all": ThumbnailRequest()}
CLOSED = ("-c:v", "libx264", "-preset", "veryfast", "-sc_threshold", "0", "-g", "25")


def _joined(
    folder: Path, *parts: tuple[str, float], encoding: tuple[str, ...] = CLOSED, name: str = "joined.mp4"
) -> Path:
    """Sources of pictures one after the other."""
    inputs = [word for source, seconds in parts for word in ("-f", "lavfi", "-t", str(seconds), "-i", source)]
    joined = "".join(f"[{index}:v]" for index in range(len(parts))) + f"concat=n={len(parts)},format=yuv420p"
    run_ffmpeg([*inputs, "-filter_complex", joined, *encoding, "-threads", "1", "-y", str(folder / name)])
    return folder / name


def _items(video: Path, *, skip_calm: bool) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {name: [] for name in REQUESTS}
    for name, item in decode(probe(video), REQUESTS, skip_calm=skip_calm):
        found[name].append(item)
    return found


def _shots(video: Path, *, skip_calm: bool) -> tuple[tuple[Shot, ...], list[tuple[float, float]]]:
    source = probe(video)
    features = extract(source, TimeGrid(source.duration_seconds, 1.0), [Motion()], skip_calm=skip_calm)
    return detect_shots(features.signals["frame_change"], source.duration_seconds), unseen_spans(
        features.signals[FRAME_CHANGE]
    )


@pytest.mark.parametrize("cut", [3.0, 3.48, 3.96], ids="cut at {} s".format)
def test_a_cut_is_found_to_the_frame_and_calm_groups_are_their_keyframe(tmp_path: Path, cut: float) -> None:
    video = _joined(tmp_path, (STILL, cut), (OTHER, SECONDS - cut))
    shots, unseen = _shots(video, skip_calm=True)
    assert shots == _shots(video, skip_calm=False)[0]
    assert [round(shot.start_seconds, 3) for shot in shots] == [0.0, cut]
    assert 4.0 <= sum(stop - start for start, stop in unseen) <= SECONDS - 2
    assert not any(start < cut < stop for start, stop in unseen)


def test_frames_are_those_of_an_exact_pass_or_of_the_keyframe_before(tmp_path: Path) -> None:
    video = _joined(tmp_path, (STILL, 3.48), (OTHER, SECONDS - 3.48))
    exact, auto = (_items(video, skip_calm=skip) for skip in (False, True))
    shown = {item.time_seconds: item.image for item in exact["all"] if isinstance(item, Thumbnail)}
    thumbnails = [item for item in auto["all"] if isinstance(item, Thumbnail)]
    assert all(np.array_equal(item.image, shown[item.time_seconds]) for item in thumbnails)
    calm = {item.time_seconds: item.unseen_seconds for item in thumbnails if item.unseen_seconds}
    assert set(calm.values()) == {1.0} and 4 <= len(calm) < SECONDS
    seen = [time for time in shown if float(int(time)) not in calm]
    assert sorted([*calm, *seen]) == [item.time_seconds for item in thumbnails]

    assert len(auto["looks"]) == len(exact["looks"]) == 2 * SECONDS
    for one, other in zip(exact["looks"], auto["looks"], strict=True):
        assert isinstance(one, Frame) and isinstance(other, Frame) and one.index == other.index
        if float(int(one.time_seconds)) in calm:
            assert other.time_seconds == float(int(one.time_seconds))
        else:
            assert other.time_seconds == one.time_seconds and np.array_equal(one.image, other.image)


def test_a_shot_that_is_over_before_the_next_keyframe_is_seen(tmp_path: Path) -> None:
    video = _joined(tmp_path, (STILL, 3.2), (OTHER, 0.6), (STILL, SECONDS - 3.8))
    shots, unseen = _shots(video, skip_calm=True)
    assert [round(shot.start_seconds, 2) for shot in shots] == [0.0, 3.2, 3.8]
    assert unseen and not any(start < 3.5 < stop for start, stop in unseen)


def test_a_plain_shot_over_a_rich_one_is_seen(tmp_path: Path) -> None:
    """Its pictures are much smaller than the keyframe, and much larger than those of a picture that stands still."""
    bars, red = "smptebars=size=160x90:rate=25", "color=red:size=160x90:rate=25"
    encoding = ("-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0")
    video = _joined(tmp_path, (bars, 2.2), (red, 1.2), (bars, 4.6), encoding=encoding)
    shots, unseen = _shots(video, skip_calm=True)
    assert shots == _shots(video, skip_calm=False)[0] and len(shots) == 3
    assert unseen


WHOLE: Mapping[str, tuple[str, ...]] = {
    "open.mp4": ("-c:v", "libx264", "-g", "25", "-bf", "2", "-x264-params", "open-gop=1:scenecut=0"),
    "interlaced.mp4": ("-c:v", "libx264", "-g", "25", "-flags", "+ildct+ilme", "-x264-params", "tff=1"),
    "mpeg4.mp4": ("-c:v", "mpeg4", "-g", "25"),
    "undescribed.ts": CLOSED,
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_not_plain_is_decoded_whole(tmp_path: Path, name: str) -> None:
    video = _joined(tmp_path, (STILL, 5.0), encoding=WHOLE[name], name=name)
    exact, auto = (_items(video, skip_calm=skip) for skip in (False, True))
    if name == "open.mp4":  # Its first group begins with an IDR picture, and no other one does.
        assert sum(item.unseen_seconds for item in auto["all"] if isinstance(item, Thumbnail)) == 0
    for request in REQUESTS:
        assert len(exact[request]) == len(auto[request])
        assert all(
            np.array_equal(one.image, other.image)  # type: ignore[union-attr]
            for one, other in zip(exact[request], auto[request], strict=True)
        )


def test_of_a_long_group_the_end_is_left_out(tmp_path: Path) -> None:
    encoding = ("-c:v", "libx264", "-g", "125", "-sc_threshold", "0", "-bf", "2")
    video = _joined(tmp_path, (STILL, 12.0), encoding=encoding)
    exact, auto = (_items(video, skip_calm=skip) for skip in (False, True))
    shown = {item.time_seconds: item.image for item in exact["all"] if isinstance(item, Thumbnail)}
    thumbnails = [item for item in auto["all"] if isinstance(item, Thumbnail)]
    assert all(np.array_equal(item.image, shown[item.time_seconds]) for item in thumbnails)
    unseen = {item.time_seconds: item.unseen_seconds for item in thumbnails if item.unseen_seconds}
    assert [round(start + seconds, 3) for start, seconds in unseen.items()] == [5.0, 10.0]
    assert all(2.5 < seconds <= 3.0 for seconds in unseen.values())
    assert len(auto["looks"]) == len(exact["looks"])


CUTTING: Mapping[str, tuple[str, ...]] = {
    "x264": ("-c:v", "libx264", "-preset", "veryfast", "-g", "50", "-bf", "3"),
    "x265": (
        *("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1"),
        *("-x265-params", "keyint=50:min-keyint=5:scenecut=40:open-gop=0:log-level=none"),
    ),
}
"""Encoders that begin a group where they see a cut."""


@pytest.mark.parametrize("encoder", CUTTING)
@pytest.mark.parametrize("cut", [5.4, 5.8])
def test_a_calm_shot_is_left_out_up_to_the_cut_that_its_encoder_saw(tmp_path: Path, encoder: str, cut: float) -> None:
    video = _joined(tmp_path, (STILL, cut), (OTHER, 10.0 - cut), encoding=CUTTING[encoder])
    shots, unseen = _shots(video, skip_calm=True)
    assert shots == _shots(video, skip_calm=False)[0]
    assert [round(shot.start_seconds, 3) for shot in shots] == [0.0, cut]
    assert any(abs(stop - cut) < 1e-3 for _, stop in unseen)


def test_a_picture_before_a_cut_has_no_part_in_the_shot_after_it(tmp_path: Path) -> None:
    video = _joined(tmp_path, (STILL, 5.8), (OTHER, 4.2), encoding=CUTTING["x264"])
    exact, auto = (_items(video, skip_calm=skip)["looks"] for skip in (False, True))
    ending = [item for item in auto if isinstance(item, Frame) and item.ends_shot]
    assert [item.time_seconds for item in ending] == [4.0, 4.0, 4.0, 4.0]  # Looks at 4.25, 4.75, 5.25 and 5.75.
    first = next(item for item in auto if isinstance(item, Frame) and item.time_seconds >= 5.8)
    assert np.array_equal(first.image, exact[first.index].image)  # type: ignore[union-attr]


def test_a_flash_is_no_cut_though_its_encoder_saw_one(tmp_path: Path) -> None:
    white = "color=white:size=128x96:rate=25"
    video = _joined(tmp_path, (STILL, 5.4), (white, 0.08), (STILL, 4.52), encoding=CUTTING["x264"])
    shots, unseen = _shots(video, skip_calm=True)
    assert shots == _shots(video, skip_calm=False)[0] and len(shots) == 1
    assert unseen


def test_hevc_is_taken_alike(tmp_path: Path) -> None:
    encoding = ("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1")
    encoding += ("-x265-params", "keyint=25:min-keyint=25:scenecut=0:open-gop=0:log-level=none")
    video = _joined(tmp_path, (STILL, 3.48), (OTHER, 2.52), encoding=encoding)
    shots, unseen = _shots(video, skip_calm=True)
    assert shots == _shots(video, skip_calm=False)[0] and len(shots) == 2
    assert sum(stop - start for start, stop in unseen) >= 2.0


def test_where_a_keyframe_is_damaged_its_group_is_decoded_whole(tmp_path: Path) -> None:
    video = _joined(tmp_path, (STILL, 6.0))
    import av

    with av.open(str(video)) as container:
        keys = [packet for packet in container.demux(video=0) if packet.is_keyframe and packet.size]
        places = [(packet.pos, packet.size) for packet in keys if packet.pos is not None]
    data = bytearray(video.read_bytes())
    start, size = places[2]
    data[start + 40 : start + size] = b"\x5a" * (size - 40)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(data)
    unseen = _shots(broken, skip_calm=True)[1]
    assert not any(start < 2.5 < stop for start, stop in unseen)
    assert unseen


def test_an_extractor_that_reads_movement_sees_every_picture(tmp_path: Path) -> None:
    class Moving(Motion):
        looks_suffice = False

    source = probe(_joined(tmp_path, (STILL, 4.0)))
    grid = TimeGrid(source.duration_seconds, 1.0)
    dated = replace(source, video=replace(source.video, dated_when_decoded=True))
    for extractor, place, expected in ((Motion(), source, True), (Moving(), source, False), (Motion(), dated, False)):
        features = extract(place, grid, [extractor], skip_calm=True)
        assert bool(unseen_spans(features.signals[FRAME_CHANGE])) is expected
