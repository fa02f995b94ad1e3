"""Groups of pictures side by side give the frames of one decoder, whatever the video and the timing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from highlightr.core.errors import DecodeError
from highlightr.core.source import Source
from highlightr.media import FrameRequest, SampleRequest, ThumbnailRequest, decode, probe
from highlightr.media._decode import gop as group
from highlightr.media._decode import gop_decoder as groups
from highlightr.media._decode.frame_converter import ThumbnailMaker
from highlightr.media._decode.gop import GopTask
from highlightr.media._decode.gop_boundaries import LEAST_PACKETS, GopBoundaries
from highlightr.media._decode.nal import NalReader
from highlightr.media._decode.worker import Worker
from highlightr.media.sampling import Item
from tests.mediamaker import CLOSED_GOP, OPEN_GOP, made, read_number, variable_times

LONG = {"seconds": 8.0, "sound": False}
X265 = {"codec": "libx265", **LONG}

VIDEOS: Mapping[str, Mapping[str, Any]] = {
    "closed.mp4": {**CLOSED_GOP, **LONG},
    "closed.mkv": {**CLOSED_GOP, **LONG, "offset": 3.0},
    "variable.mp4": {**CLOSED_GOP, "times": tuple(variable_times(20.0)), "sound": False},
    "repeated.mp4": {
        "options": (("preset", "veryfast"), ("x264-params", "keyint=40:scenecut=0:repeat-headers=1")),
        **LONG,
    },
    "interlaced.mp4": {"options": (("preset", "veryfast"), ("x264-params", "tff=1:bframes=3:keyint=40")), **LONG},
    "hevc.mp4": {
        "options": (("preset", "fast"), ("x265-params", "log-level=none:bframes=4:keyint=40:scenecut=0:open-gop=0")),
        **X265,
    },
}
IN_ONE_PIECE: Mapping[str, Mapping[str, Any]] = {
    "open.mp4": {**OPEN_GOP, **LONG},
    "closed.ts": {**CLOSED_GOP, **LONG},
    "closed.avi": {"options": (("preset", "veryfast"), ("x264-params", "keyint=40:bframes=0")), **LONG},
    "hevc-open.mp4": {
        "options": (("preset", "fast"), ("x265-params", "log-level=none:bframes=4:keyint=40:scenecut=0:open-gop=1")),
        **X265,
    },
    "vp9.webm": {
        "codec": "libvpx-vp9",
        "options": (("deadline", "realtime"), ("cpu-used", "8"), ("g", "40")),
        **LONG,
    },
}
REQUESTS: Mapping[str, SampleRequest] = {
    "some": FrameRequest(0.7, 64),
    "many": FrameRequest(9.0),
    "tiny": ThumbnailRequest(),
}


@pytest.fixture(autouse=True)
def _several_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "frame_threads", lambda *_: 3)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[GopTask]:
    """Every group that is made."""
    made_groups: list[GopTask] = []

    class Seen(GopTask):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made_groups.append(self)

    monkeypatch.setattr(groups, "GopTask", Seen)
    return made_groups


def _items(source: Source, **how: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {name: [] for name in REQUESTS}
    for name, item in decode(source, REQUESTS, **how):
        found[name].append(item)
    return found


def _told(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """All that an item says, without the pictures."""
    return {
        name: [(getattr(item, "index", None), item.time_seconds) for item in items] for name, items in found.items()
    }


def _one_decoder(source: Source) -> tuple[list[Fraction], list[int]]:
    """When each frame appears and the number that is drawn into it, from one decoder with one thread."""
    with av.open(str(source.path)) as container:
        frames: list[Any] = list(container.decode(video=0))
        start = Fraction(container.start_time or 0, 1_000_000)
        stamps = [frame.dts if source.video.dated_when_decoded else frame.pts for frame in frames]
        times = [stamp * frame.time_base - start for stamp, frame in zip(stamps, frames, strict=True)]
        return times, [read_number(frame.to_ndarray(format="rgb24")) for frame in frames]


@pytest.mark.parametrize("name", [*VIDEOS, *IN_ONE_PIECE])
def test_the_frames_are_those_of_one_decoder(name: str, seen: list[Any]) -> None:
    source = probe(made(name, **{**VIDEOS, **IN_ONE_PIECE}[name]))
    found = _items(source, every_frame=True)
    assert (len(seen) >= 3) == (name in VIDEOS), f"{len(seen)} groups"
    times, numbers = _one_decoder(source)
    slack = Fraction(1, 1_000_000)
    for request, rate in (("some", Fraction(0.7)), ("many", Fraction(9))):
        for index, frame in enumerate(found[request]):
            due = (index + Fraction(1, 2)) / rate + slack
            shown = max([n for n, time in enumerate(times) if time <= due], default=0)
            assert (frame.index, read_number(frame.image)) == (index, numbers[shown])
    assert [item.time_seconds for item in found["tiny"]] == pytest.approx([float(time) for time in times], abs=1e-9)


@pytest.mark.parametrize("name", VIDEOS)
def test_workers_and_backlog_change_no_byte(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = probe(made(name, **VIDEOS[name]))
    usual = _items(source)
    monkeypatch.setattr(group, "LARGEST_LEAD_BYTES", 1)
    monkeypatch.setattr(group, "LARGEST_BACKLOG_BYTES", 3 * group.PACKET_BYTES)
    pressed = _items(source)
    monkeypatch.setattr(groups, "frame_threads", lambda *_: 1)
    alone = _items(source)
    for other in (pressed, alone):
        assert _told(other) == _told(usual)
        for name_of_request in REQUESTS:
            pairs = zip(other[name_of_request], usual[name_of_request], strict=True)
            assert all(np.array_equal(one.image, two.image) for one, two in pairs)


SPARSE = {"one": FrameRequest(0.3, 64), "two": FrameRequest(0.45)}
"""In eight seconds they look at 1.1, 1.7, 3.3, 5.0, 5.6 and 7.8 s, and at the end."""


@pytest.mark.parametrize("name", [name for name in VIDEOS if "variable" not in name])
def test_what_no_request_looks_at_is_not_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = probe(made(name, **VIDEOS[name]))
    decoded: list[Any] = []
    show = Worker._show

    def seen_to(*arguments: Any) -> None:
        decoded.append(arguments[-1])
        show(*arguments)

    monkeypatch.setattr(Worker, "_show", seen_to)
    sparse: dict[str, list[Any]] = {request: [] for request in SPARSE}
    for request, item in decode(source, SPARSE, every_frame=True):
        sparse[request].append(item)
    some = len(decoded)
    whole: dict[str, list[Any]] = {request: [] for request in SPARSE}
    for request, item in decode(source, {**SPARSE, "tiny": ThumbnailRequest()}, every_frame=True):
        if request in SPARSE:
            whole[request].append(item)
    assert _told(sparse) == _told(whole)
    for request in SPARSE:
        assert all(
            np.array_equal(one.image, two.image) for one, two in zip(sparse[request], whole[request], strict=True)
        )
    assert some < 0.9 * (len(decoded) - some)


def test_little_room_for_packets_means_one_piece(seen: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "LARGEST_BACKLOG_BYTES", 3 * group.PACKET_BYTES)
    _items(probe(made("closed.mp4", **VIDEOS["closed.mp4"])))
    assert len(seen) == 1


def test_a_long_first_group_means_one_piece(seen: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "LONGEST_PACKETS", LEAST_PACKETS)
    _items(probe(made("closed.mp4", **VIDEOS["closed.mp4"])), every_frame=True)
    assert len(seen) == 1


def test_where_pictures_are_large_one_decoder_has_all_threads(seen: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "decoders", lambda *_: 1)
    _items(probe(made("closed.mp4", **VIDEOS["closed.mp4"])))
    assert len(seen) == 1


def _packets(path: Path) -> Iterator[Any]:
    with av.open(str(path)) as container:
        yield from (packet for packet in container.demux(video=0) if packet.size)


def _spoil(source: Path, target: Path, frames: range) -> Source:
    """A copy whose packets of these frames (25 per second) hold nothing that can be decoded."""
    content = bytearray(source.read_bytes())
    for packet in _packets(source):
        if round(packet.pts * packet.time_base * 25) in frames:
            content[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    target.write_bytes(content)
    return probe(target)


def test_what_follows_a_damaged_beginning_is_on_screen_from_the_start(tmp_path: Path, seen: list[Any]) -> None:
    source = _spoil(made("closed.mp4", **VIDEOS["closed.mp4"]), tmp_path / "spoilt.mp4", range(50))
    found = _items(source)
    assert len(seen) >= 3
    assert found["some"][0].time_seconds == found["many"][0].time_seconds == 2.0
    assert [frame.index for frame in found["many"]] == list(range(72))
    assert {read_number(frame.image) for frame in found["many"][:18]} == {50}
    assert read_number(found["many"][18].image) == 51


def test_the_frame_before_a_damaged_group_stays(tmp_path: Path, seen: list[Any]) -> None:
    source = _spoil(made("closed.mp4", **VIDEOS["closed.mp4"]), tmp_path / "spoilt.mp4", range(101, 150))
    numbers = [read_number(frame.image) for frame in _items(source)["many"]]
    assert len(seen) >= 3
    assert len(numbers) == 72
    assert set(numbers[36:54]) == {100}
    assert numbers[54] == 151


def test_nothing_that_decodes_is_an_error(tmp_path: Path) -> None:
    source = _spoil(made("closed.mp4", **VIDEOS["closed.mp4"]), tmp_path / "spoilt.mp4", range(1, 200))
    content = bytearray(source.path.read_bytes())
    first = next(_packets(source.path))
    content[first.pos : first.pos + first.size] = bytes(first.size)
    source.path.write_bytes(content)
    with pytest.raises(DecodeError, match="not one frame"):
        _items(source)


def _decoders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("decode-")]


def _decoders_end() -> bool:
    """Whether all end soon: a worker says that it is done just before its thread is gone."""
    deadline = time.monotonic() + 5
    while _decoders() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not _decoders()


def test_leaving_early_ends_the_workers() -> None:
    items = decode(probe(made("closed.mp4", **VIDEOS["closed.mp4"])), REQUESTS)
    next(items)
    assert _decoders()
    items.close()  # type: ignore[attr-defined]
    assert _decoders_end()


def test_an_error_beside_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Iterator[Item]:
        raise RuntimeError("a worker's")

    monkeypatch.setattr(ThumbnailMaker, "of", fail)
    with pytest.raises(RuntimeError, match="a worker's"):
        _items(probe(made("closed.mp4", **VIDEOS["closed.mp4"])))
    assert _decoders_end()


def _boundaries(name: str, how: Mapping[str, Any], touched: Any = None) -> list[int]:
    """Where groups begin, by place of the packet; `touched` may change what the reader says about one."""
    path = made(name, **how)
    with av.open(str(path)) as container:
        seams = GopBoundaries(container.streams.video[0].codec_context)
        if touched is not None:
            touched(seams)
        return [n for n, packet in enumerate(container.demux(video=0)) if packet.size and seams.lies_before(packet)]


def test_groups_have_a_least_length() -> None:
    assert _boundaries("closed.mp4", VIDEOS["closed.mp4"]) == [50, 100, 150]


def test_a_new_parameter_set_ends_the_parting(monkeypatch: pytest.MonkeyPatch) -> None:
    brought = iter([frozenset({b"one"})] * 60 + [frozenset({b"other"})] + [frozenset({b"one"})] * 200)
    monkeypatch.setattr(NalReader, "parameter_sets", lambda *_: next(brought))
    assert _boundaries("closed.mp4", VIDEOS["closed.mp4"]) == [50]


def test_a_new_header_ends_the_parting() -> None:
    class Packet:
        def __init__(self, packet: Any, renewed: bool) -> None:
            self._packet, self._renewed = packet, renewed

        def has_sidedata(self, kind: str) -> bool:
            return self._renewed and kind == "new_extradata"

        def __getattr__(self, name: str) -> Any:
            return getattr(self._packet, name)

    path = made("closed.mp4", **VIDEOS["closed.mp4"])
    with av.open(str(path)) as container:
        seams = GopBoundaries(container.streams.video[0].codec_context)
        reader: Any = seams._nal
        reader.parameter_sets = lambda _: frozenset()
        reader.begins_afresh = lambda packet: packet.is_keyframe
        packets = [packet for packet in container.demux(video=0) if packet.size]
        begins = [n for n, packet in enumerate(packets) if seams.lies_before(Packet(packet, renewed=n == 60))]  # type: ignore[arg-type]
    assert begins == [50]


def test_a_picture_that_is_dated_back_begins_no_group() -> None:
    def late(seams: GopBoundaries) -> None:
        seams.latest_pts = 10**9

    assert _boundaries("closed.mp4", VIDEOS["closed.mp4"], late) == []


def test_parameter_sets_that_come_again_are_known() -> None:
    path = made("repeated.mp4", **VIDEOS["repeated.mp4"])
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        reader = NalReader(context.codec.canonical_name, context.extradata)
        sets = [reader.parameter_sets(packet) for packet in container.demux(video=0) if packet.is_keyframe]
    assert len(sets) == 5
    assert len(set(sets)) == 1
    assert {unit[0] & 31 for unit in sets[0]} == {7, 8}
