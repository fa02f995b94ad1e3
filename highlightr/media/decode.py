"""The one pass over a video file that feeds every consumer.

A probed `Source` and named requests come in; (request name, item) pairs go out, in order of time for each request.
Frames are picked by timestamp, never by counting. Memory does not grow with the video.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from highlightr.core.errors import MediaError
from highlightr.core.source import Source
from highlightr.media._container.av_types import InputContainer, Packet
from highlightr.media._container.boxes import appended_file
from highlightr.media._container.opening import packets, reading, start_seconds
from highlightr.media._decode.frame_index import has_own_index, on_one_time_line
from highlightr.media._decode.frame_scan import frame_index
from highlightr.media._decode.gop_decoder import GopDecoder
from highlightr.media._decode.sound import Sound
from highlightr.media.sampling import AudioRequest, FrameRequest, Item, SampleRequest, ThumbnailRequest

_logger = logging.getLogger(__name__)

_RESTART_SECONDS = 1.0
"""A stream whose clock falls back by more than this, to so near its beginning, starts again."""

_INTERLEAVED = ("flv", "ogg", "asf")
"""Containers that end in packets, or in an index that is small beside them."""

_LEAST_SHARE, _LEAST_BYTES = 0.05, 1 << 16
"""Of a file; an index, or a page of Ogg that is not complete, is less."""

_LOSSES = {
    "restarted": "Pictures of a second recording, whose clock starts again, are left out: {}; join videos by ffmpeg's "
    "concat, not byte by byte",
    "unread": "The last {} % of the file cannot be read and are left out; join videos by ffmpeg's concat, not byte by "
    "byte",
    "undated": "Pictures without a timestamp are left out: {}",
    "video": "Packets or frames of the picture that are damaged, and not scored: {}",
    "audio": "Packets of the sound that are damaged, and not scored: {}",
    "late": "Frames of the sound that lie too far behind another track in the file, and are not scored: {}",
}
"""What a decode pass could not use."""

LOSSES_OF_SOUND = ("unread", "audio", "late")
LOSSES_OF_PICTURE = ("restarted", "unread", "undated", "video")
"""Kinds of losses that an `AudioRequest`, and another one, meets."""


def decode(
    source: Source,
    requests: Mapping[str, SampleRequest],
    *,
    threads: int = 0,
    every_frame: bool = False,
    skip_calm: bool = False,
    lost: Callable[[str, int], None] | None = None,
) -> Iterator[tuple[str, Item]]:
    """Read a file once and hand every request its items.

    Every `FrameRequest` gets exactly ``ceil(duration * frames_per_second)`` frames and every `AudioRequest` exactly
    ``ceil(duration * sample_rate)`` samples, the sum of all tracks that are heard. A video without (readable) sound
    gives an `AudioRequest` nothing.
    Damaged stretches are passed over; the last good frame stays on screen.

    Args:
        requests: name to request; the name comes back with each item.
        threads: how many decode; 0 takes one per core, at most 8, fewer for large pictures, because each holds frames.
        every_frame: decode every frame, for thumbnails of all of them; by default, pictures that no other one refers
            to and no `FrameRequest` looks at are left out (H.264 and HEVC). The frames are the same to the byte
            where the file is intact.
        skip_calm: leave out the end of groups of pictures in which hardly anything changes, often all but the keyframe;
            the last picture before it stands for it (H.264 and HEVC).
        lost: told at the end what could not be used, a name that `loss_notes` knows, and how many; otherwise the log
            has it.

    Raises:
        MediaError: the file cannot be opened any more, or has changed since it was probed.
        DecodeError: pictures were asked for and not one frame can be decoded, or one cannot be converted.
    """
    if not requests:
        return
    with reading(source.path) as container, ExitStack() as at_the_end:
        consumers: list[GopDecoder | Sound] = []
        frames = {name: each for name, each in requests.items() if isinstance(each, FrameRequest)}
        thumbnails = {name: each for name, each in requests.items() if isinstance(each, ThumbnailRequest)}
        if frames or thumbnails:
            keep_all = every_frame or source.video.dated_when_decoded
            skip_calm = skip_calm and not keep_all and not source.video.interlaced
            video = _stream(container, source, source.video.index)
            wanted = (frames, thumbnails, threads)
            decoder = GopDecoder(container, video, source, *wanted, keep_all=keep_all, skip_calm=skip_calm)
            consumers.append(decoder)
            at_the_end.callback(decoder.stop)
        sounds = {name: request for name, request in requests.items() if isinstance(request, AudioRequest)}
        if sounds and source.audio is not None:
            sound = Sound(source, sounds, start_seconds(container))
            consumers.append(sound)
            at_the_end.callback(sound.stop)
        by_stream = {index: consumer for consumer in consumers for index in consumer.indices}
        streams = [_stream(container, source, index) for index in by_stream]
        undated, restarted, end = 0, 0, 0
        failures: list[Exception] = []
        has_one_clock, clocks = has_own_index(source.container), dict[int, _Clock]()
        for packet in _packets(container, source, streams, failures.append) if streams else ():
            end = max(end, (packet.pos or 0) + packet.size)
            is_dated = packet.pts is not None or packet.dts is not None or not packet.size
            undated += packet.stream.index == source.video.index and not is_dated
            if has_one_clock and _is_of_another_file(packet, clocks):
                restarted += packet.stream.index == source.video.index
                continue
            yield from by_stream[packet.stream.index].push(packet)
        unread = 0 if restarted else unread_percent(source, end, broken_off=bool(failures))
        losses = {"undated": undated, "restarted": restarted, "unread": unread}
        for consumer in consumers:
            yield from consumer.finish()
            losses |= consumer.losses
        if "video" in losses:
            losses["video"] -= undated  # What has no timestamp counts as damaged there.
        for kind, count in losses.items():
            if count > 0 and lost is not None:
                lost(kind, count)
            elif count > 0:
                _logger.warning("%s: %s", source.path, _LOSSES[kind].format(count))


def loss_notes(losses: Mapping[str, int]) -> tuple[str, ...]:
    """A sentence for each kind of what was `lost`."""
    return tuple(f"{words.format(losses[kind])}." for kind, words in _LOSSES.items() if kind in losses)


def _is_of_another_file(packet: Packet, clocks: dict[int, _Clock]) -> bool:
    """Whether a packet is of a file that was appended to the first, where the container has one clock.

    `clocks`: those of the streams so far; packets come in file order.
    """
    index, stamp = packet.stream.index, packet.dts if packet.dts is not None else packet.pts
    if stamp is None or not packet.size:
        return False
    if index not in clocks:
        clocks[index] = _Clock(stamp, _RESTART_SECONDS / float(packet.time_base))
    return clocks[index].restarts_at(stamp)


class _Clock:
    """The timestamps of one stream, in ticks: exact fractions of seconds would be dear for every packet of a video.

    Damage may date a packet anywhere; only a clock that starts again does so near its beginning, and only after damage
    does it jump back to where it was.
    """

    def __init__(self, first: int, near: float) -> None:
        self._first = self._latest = self._before = first
        """Of the recording, its end so far, and the packet before."""
        self._near = near
        self._is_over = False

    def restarts_at(self, stamp: int) -> bool:
        """Take the next timestamp, and say whether it is of another recording than the first."""
        before, self._before = self._before, stamp
        early = self._latest - self._near
        if stamp < early and abs(stamp - self._first) < self._near:
            self._is_over = True
        elif before < early and stamp >= self._latest:
            self._is_over = False
        if not self._is_over:
            self._latest = max(self._latest, stamp)
        return self._is_over


def unread_percent(source: Source, end: int, *, broken_off: bool) -> int:
    """The share of a file's bytes that was not read; 0 where an index or the like may be all that is left.

    Args:
        end: the byte behind the last packet.
        broken_off: reading ended with an error.
    """
    kind, size = source.container.split(",")[0], source.size_bytes
    begin = appended_file(source.path) if kind == "mov" and not broken_off else None
    if begin is not None:
        end = begin
    elif not broken_off and kind not in _INTERLEAVED:
        return 0
    unread = size - end
    return round(100 * unread / size) if unread >= max(_LEAST_BYTES, _LEAST_SHARE * size) else 0


def _stream(container: InputContainer, source: Source, index: int) -> Any:
    streams, kind = container.streams, "video" if index == source.video.index else "audio"
    if index >= len(streams) or streams[index].type != kind or streams[index].codec_context is None:
        raise MediaError(f"{source.path}: the file has changed since it was probed; start again")
    return streams[index]


def _packets(
    container: InputContainer, source: Source, wanted: list[Any], broken_off: Callable[[Exception], object]
) -> Iterator[Packet]:
    """All packets, dated on one time line."""
    index = frame_index(source.path, source.container)
    return on_one_time_line(index, container, packets(container, *wanted, broken_off=broken_off))
