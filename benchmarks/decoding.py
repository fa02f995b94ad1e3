"""Ways to the same frames: which is the fastest decode that gives exactly what the frame requests ask for.

In: a probed source and frame requests. Out: (request, index, time, picture) from each way, and which ways are exact:
the expected time of every pick comes from a list of all frames' timestamps, not from the code that is measured.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.codec.hwaccel import HWAccel

from benchmarks.running import timed
from highlightr.core.source import Source
from highlightr.media import decode
from highlightr.media._container.opening import open_container, packets, start_seconds
from highlightr.media._decode.frame_converter import SLACK_SECONDS, FramePicker, num_frames
from highlightr.media._decode.nal import NalReader
from highlightr.media._decode.packet_filter import PacketFilter, sampled_by
from highlightr.media.sampling import AudioRequest, Frame, FrameRequest

Way = Callable[[Source, Sequence[FrameRequest]], Iterator[tuple[int, Frame]]]
"""Gives (index of the request, frame) for every frame that the requests ask for, in order per request."""

Pick = tuple[int, int, float]
"""SampleRequest, index of the interval, seconds at which the picked frame appeared."""


class NotHere(Exception):  # noqa: N818  not an error
    """A way whose package is not installed or does not find FFmpeg, or whose device is not here."""


@dataclass(frozen=True)
class Attempt:
    """One way on one video."""

    way: str
    seconds: float
    exact: bool


def fastest_exact(source: Source, requests: Sequence[FrameRequest], rounds: int = 1) -> tuple[str, list[Attempt]]:
    """The name of the fastest way whose frames are right, and all that were tried."""
    wanted = expected_picks(source, requests)
    attempts = []
    for name, way in WAYS.items():
        found: list[list[Pick]] = []
        run = partial(_pick, way, source, requests, found)
        with suppress(NotHere):
            seconds = min(timed(run) for _ in range(rounds))
            attempts.append(Attempt(name, seconds, all(each == wanted for each in found)))
    return min((each for each in attempts if each.exact), key=lambda each: each.seconds).way, attempts


def expected_picks(source: Source, requests: Sequence[FrameRequest]) -> list[Pick]:
    """The last frame dated at or before the middle of each interval, from the timestamps of a full decode."""
    with open_container(source.path) as container:
        stream: Any = container.streams[source.video.index]
        stream.thread_type = "AUTO"
        start = start_seconds(container)
        times = [frame.pts * frame.time_base - start for frame in container.decode(stream)]
    found = []
    for request_index, request in enumerate(requests):
        for index in range(num_frames(source.duration_seconds, request.frames_per_second)):
            due = (index + Fraction(1, 2)) / Fraction(request.frames_per_second) + SLACK_SECONDS
            due -= Fraction(request.lead_seconds)
            found.append((request_index, index, float(times[max(0, bisect_right(times, due) - 1)])))
    return sorted(found)


def picks(frames: Iterator[tuple[int, Frame]]) -> list[Pick]:
    """What a way picked, without the pictures."""
    return sorted((request, frame.index, frame.time_seconds) for request, frame in frames)


def _pick(way: Way, source: Source, requests: Sequence[FrameRequest], found: list[list[Pick]]) -> None:
    found.append(picks(way(source, requests)))


def sound(source: Source, sample_rates: Sequence[int]) -> None:
    """Decode the sound to mono at each rate and drop it: no alignment, no blocks."""
    if source.audio is None or not sample_rates:
        return
    with open_container(source.path) as container:
        stream = container.streams[source.audio.index]
        resamplers = [av.AudioResampler(format="fltp", layout="mono", rate=rate) for rate in sample_rates]
        for frame in container.decode(stream):
            for resampler in resamplers:
                for piece in resampler.resample(frame):  # type: ignore[arg-type]
                    piece.to_ndarray()


def _decode(source: Source, requests: Sequence[FrameRequest], **how: Any) -> Iterator[tuple[int, Frame]]:
    for name, item in decode(source, {str(index): request for index, request in enumerate(requests)}, **how):
        assert isinstance(item, Frame)
        yield int(name), item


def every_packet(source: Source, requests: Sequence[FrameRequest]) -> Iterator[tuple[int, Frame]]:
    """highlightr's decode with every frame decoded."""
    return _decode(source, requests, every_frame=True)


def own(source: Source, requests: Sequence[FrameRequest]) -> Iterator[tuple[int, Frame]]:
    """highlightr's decode: groups of pictures side by side, without those that nothing refers to or requests."""
    return _decode(source, requests)


def frame_threads(source: Source, requests: Sequence[FrameRequest]) -> Iterator[tuple[int, Frame]]:
    """One decoder with a thread per core, the same pictures left out."""
    return _in_one_piece(source, [FramePicker(request, source) for request in requests])


def keyframes_only(source: Source, requests: Sequence[FrameRequest]) -> Iterator[tuple[int, Frame]]:
    """Nothing but keyframes: right only where every frame is one."""
    with open_container(source.path) as container:
        stream: Any = container.streams[source.video.index]
        stream.thread_type, stream.codec_context.skip_frame = "AUTO", "NONKEY"
        pickers = [FramePicker(request, source) for request in requests]
        start = start_seconds(container)
        for frame in container.decode(stream):
            yield from _shown(pickers, frame, start)
        yield from _left(pickers)


class _GraphPainter:
    """Scales and converts in one filter graph with threads, instead of a scaler per picture."""

    def __init__(self, source: Source, short_side: int | None) -> None:
        video = source.video
        factor = short_side / min(video.width, video.height) if short_side else 1.0
        self._size = round(video.width * factor), round(video.height * factor)
        self._graph: Any = None

    def convert(self, frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
        if self._graph is None:
            self._graph = self._made(frame)
        self._graph.push(frame)
        picture: npt.NDArray[np.uint8] = self._graph.pull().to_ndarray()
        return picture

    def _made(self, frame: av.VideoFrame) -> Any:
        graph = av.filter.Graph()
        size = f"{self._size[0]}:{self._size[1]}:flags=bicubic"
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        scale, rgb, sink = graph.add("scale", size), graph.add("format", "rgb24"), graph.add("buffersink")
        source.link_to(scale)
        scale.link_to(rgb)
        rgb.link_to(sink)
        graph.configure()
        return graph


def filter_graph(source: Source, requests: Sequence[FrameRequest]) -> Iterator[tuple[int, Frame]]:
    """As `frame_threads`, with the picked frames scaled by a filter graph. Upright videos with square pixels only."""
    pickers = [FramePicker(request, source) for request in requests]
    for picker, request in zip(pickers, requests, strict=True):
        picker._converter = _GraphPainter(source, request.short_side)  # type: ignore[assignment]
    return _in_one_piece(source, pickers)


def nvdec(source: Source, requests: Sequence[FrameRequest]) -> Iterator[tuple[int, Frame]]:
    """A GPU's own decoder, through PyAV; every frame that it decodes comes back to main memory, where requests look."""
    try:
        container = av.open(str(source.path), hwaccel=HWAccel("cuda", allow_software_fallback=False))
    except (av.FFmpegError, NotImplementedError, RuntimeError) as error:
        raise NotHere from error
    return _in_one_piece(source, [FramePicker(request, source) for request in requests], container)


def _in_one_piece(
    source: Source, pickers: Sequence[FramePicker], opened: Any | None = None
) -> Iterator[tuple[int, Frame]]:
    with opened or open_container(source.path) as container:
        stream: Any = container.streams[source.video.index]
        stream.thread_type = "AUTO"
        start = start_seconds(container)
        packet_filter = PacketFilter(stream, start, sampled_by([picker.request for picker in pickers]))
        for packet in packets(container, stream):
            # The empty packet that ends the stream empties the decoder.
            for each in packet_filter.push(packet) if packet.size else (*packet_filter.finish(), packet):
                for frame in each.decode():
                    yield from _shown(pickers, frame, start)
    yield from _left(pickers)


def groups_in_parallel(source: Source, requests: Sequence[FrameRequest]) -> Iterator[tuple[int, Frame]]:
    """Each stretch that begins afresh (IDR) sought, decoded on one thread, sieved, and left after its last pick."""
    starts = _fresh_starts(source)
    spans = list(zip(starts, [*starts[1:], None], strict=True))
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    local = threading.local()
    opened: list[Any] = []
    with ThreadPoolExecutor(workers) as pool:
        waiting = []
        for number, (first, stop) in enumerate(spans):
            waiting.append(pool.submit(_stretch, local, opened, source, requests, None if number == 0 else first, stop))
            if len(waiting) > workers:
                yield from waiting.pop(0).result()
        for future in waiting:
            yield from future.result()
    for container in opened:
        container.close()


def torchcodec(source: Source, requests: Sequence[FrameRequest]) -> Iterator[tuple[int, Frame]]:
    """torchcodec, which highlightr does not depend on: 16 frames by time at once, a thread per core, unscaled."""
    try:
        from torchcodec.decoders import VideoDecoder  # type: ignore[import-not-found, unused-ignore]
    except (ImportError, RuntimeError, OSError) as error:
        raise NotHere from error
    with open_container(source.path) as container:
        start = float(start_seconds(container))
    decoder = VideoDecoder(str(source.path), seek_mode="approximate", num_ffmpeg_threads=os.cpu_count() or 1)
    for request_index, request in enumerate(requests):
        count = num_frames(source.duration_seconds, request.frames_per_second)
        first, last = decoder.metadata.begin_stream_seconds, decoder.metadata.end_stream_seconds - 1e-3
        due = [min(max((k + 0.5) / request.frames_per_second + start, first), last) for k in range(count)]
        for done in range(0, count, 16):
            found = decoder.get_frames_played_at(due[done : done + 16])
            for place, (pts, picture) in enumerate(zip(found.pts_seconds, found.data, strict=True)):
                yield request_index, Frame(done + place, float(pts) - start, picture.permute(1, 2, 0).numpy())


WAYS: dict[str, Way] = {
    "highlightr's": own,
    "highlightr's, every packet": every_packet,
    "frame threads, sieved": frame_threads,
    "frame threads, sieved, filter graph": filter_graph,
    "groups of pictures sought in parallel, sieved": groups_in_parallel,
    "torchcodec": torchcodec,
    "NVDEC": nvdec,
    "keyframes only": keyframes_only,
}


def _fresh_starts(source: Source) -> list[int]:
    """pts of the pictures at which decoding can begin; the packets are read, not decoded."""
    with open_container(source.path) as container:
        stream: Any = container.streams[source.video.index]
        nal = NalReader(stream.codec_context.codec.canonical_name, stream.codec_context.extradata)
        found = [p.pts for p in container.demux(stream) if p.is_keyframe and p.pts is not None and nal.begins_afresh(p)]
    return found or [0]


def _stretch(
    local: threading.local,
    opened: list[Any],
    source: Source,
    requests: Sequence[FrameRequest],
    first: int | None,
    stop: Any,
) -> list[tuple[int, Frame]]:
    """The picks in ``[first, stop)``, in pts; `None` is the video's own end on that side."""
    if not hasattr(local, "container"):
        local.container = open_container(source.path)
        local.container.streams[source.video.index].codec_context.thread_count = 1
        opened.append(local.container)
    container = local.container
    stream: Any = container.streams[source.video.index]
    start = start_seconds(container)
    since = None if first is None else first * stream.time_base - start
    pickers = [FramePicker(request, source, since) for request in requests]
    for picker in pickers:
        if stop is not None:
            picker._count = min(picker._count, picker.times.first_from(stop * stream.time_base - start))
    found: list[tuple[int, Frame]] = []
    if all(picker._index >= picker._count for picker in pickers):
        return found
    container.seek((stream.start_time or 0) if first is None else first, stream=stream)
    for frame in _frames(
        container, stream, PacketFilter(stream, start, sampled_by([picker.request for picker in pickers])), stop
    ):
        found += _shown(pickers, frame, start)
        if all(picker._index >= picker._count for picker in pickers):
            return found
    return found + list(_left(pickers))


def _frames(container: Any, stream: Any, packet_filter: PacketFilter, stop: int | None) -> Iterator[av.VideoFrame]:
    for packet in packets(container, stream):
        if packet.size == 0 or (stop is not None and packet.is_keyframe and packet.pts == stop):
            break
        for kept in packet_filter.push(packet):
            yield from kept.decode()
    ending = av.Packet()
    ending.stream, ending.time_base = stream, stream.time_base
    for kept in (*packet_filter.finish(), ending):
        yield from kept.decode()


def _shown(pickers: Sequence[FramePicker], frame: Any, start: Fraction) -> Iterator[tuple[int, Frame]]:
    seconds = frame.pts * frame.time_base - start
    for request, picker in enumerate(pickers):
        yield from ((request, item) for item in picker.push(frame, seconds))


def _left(pickers: Sequence[FramePicker]) -> Iterator[tuple[int, Frame]]:
    for request, picker in enumerate(pickers):
        yield from ((request, item) for item in picker.until(None))


def sound_rates(requests: Sequence[object]) -> list[int]:
    """The sample rates that are asked for, each once."""
    return sorted({request.sample_rate for request in requests if isinstance(request, AudioRequest)})
