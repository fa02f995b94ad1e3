"""The one pass over a video file that feeds every consumer.

A probed `Source` and named requests come in; (request name, item) pairs go out, in order of time for each request.
Frames are picked by timestamp, never by counting. Memory does not grow with the video.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from highlightr.core.errors import MediaError
from highlightr.core.types import Source
from highlightr.media._container.opening import packets, reading, start_seconds
from highlightr.media._decode.calm import CalmFilter
from highlightr.media._decode.frame_index import has_own_index, on_one_time_line
from highlightr.media._decode.frame_scan import read_frame_index
from highlightr.media._decode.gop_decoder import GopDecoder
from highlightr.media._decode.packet_filter import PacketFilter, looks_of
from highlightr.media._decode.sound import Sound
from highlightr.media.sampling import AudioRequest, FrameRequest, Item, SampleRequest, ThumbnailRequest

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

_logger = logging.getLogger(__name__)


def decode(
    source: Source,
    requests: Mapping[str, SampleRequest],
    *,
    threads: int = 0,
    every_frame: bool = False,
    skip_calm: bool = False,
) -> Iterator[tuple[str, Item]]:
    """Read a file once and hand every request its items.

    Every `FrameRequest` gets exactly ``ceil(duration * frames_per_second)`` frames and every `AudioRequest` exactly
    ``ceil(duration * sample_rate)`` samples, the sum of all tracks that are heard. A video without (readable) sound
    gives an `AudioRequest` nothing.
    Damaged stretches are passed over with a warning; the last good frame stays on screen.

    Args:
        requests: name to request; the name comes back with each item.
        threads: how many decode; 0 takes one per core, at most 8, fewer for large pictures, because each holds frames.
        every_frame: decode every frame, for thumbnails of all of them; by default, pictures that no other one refers
            to and no `FrameRequest` looks at are left out (H.264 and HEVC). The frames are the same to the byte
            where the file is intact.
        skip_calm: leave out the end of groups of pictures in which hardly anything changes, often all but the keyframe;
            the last picture before it stands for it (H.264 and HEVC).

    Raises:
        MediaError: the file cannot be opened any more, or has changed since it was probed.
        DecodeError: pictures were asked for and not one frame can be decoded, or one cannot be converted.
    """
    if not requests:
        return
    with reading(source.path) as container:
        one_pass = _Pass(container, source, requests, threads, every_frame, skip_calm)
        try:
            yield from one_pass.run()
        finally:
            one_pass.stop()


class _Pass:
    """The state of one pass: the streams that are read, and who is fed from them."""

    def __init__(
        self,
        container: InputContainer,
        source: Source,
        requests: Mapping[str, SampleRequest],
        threads: int,
        every_frame: bool,
        skip_calm: bool,
    ) -> None:
        self._container, self._source = container, source
        self._start = start_seconds(container)
        pictures = {
            name: request for name, request in requests.items() if isinstance(request, FrameRequest | ThumbnailRequest)
        }
        sounds = {name: request for name, request in requests.items() if isinstance(request, AudioRequest)}
        self._video, self._decoder, self._packet_filter = None, None, None
        self._calm: CalmFilter | None = None
        self._sound: Sound | None = None
        if pictures:
            self._video = self._stream(source.video.index, "video")
            looking = [request for request in requests.values() if isinstance(request, FrameRequest)]
            keep_all = every_frame or source.video.dated_when_decoded
            self._packet_filter = None if keep_all else PacketFilter(self._video, self._start, looks_of(looking))
            if skip_calm and not keep_all and not source.video.interlaced:
                self._calm = CalmFilter(source, self._video)
            calm = {} if self._calm is None else self._calm.groups
            self._decoder = GopDecoder(container, source, pictures, threads, calm)
        if sounds and source.audio is not None:
            self._sound = Sound(source, sounds, self._start)

    def run(self) -> Iterator[tuple[str, Item]]:
        """Read to the end, then let every consumer finish."""
        wanted = [] if self._video is None else [self._video]
        wanted += [self._stream(index, "audio") for index in (self._sound.indices if self._sound else ())]
        for packet in self._packets(wanted) if wanted else ():
            if packet.stream is self._video:
                yield from self._see(packet)
            elif self._sound is not None:
                yield from self._sound.push(packet)
        if self._decoder is not None:
            yield from self._decoder.finish()
        if self._sound is not None:
            yield from self._sound.finish()
        self._report()

    def _packets(self, wanted: list[Any]) -> Iterator[av.Packet[Any]]:
        """All packets, dated on one time line."""
        read = packets(self._container, *wanted)
        if has_own_index(self._source.container):
            return read
        return on_one_time_line(read_frame_index(self._source.path), self._container, read)

    def stop(self) -> None:
        """End what runs beside the caller."""
        if self._decoder is not None:
            self._decoder.stop()
        if self._sound is not None:
            self._sound.stop()

    def _see(self, packet: av.Packet[Any]) -> Iterator[tuple[str, Item]]:
        if self._decoder is not None:
            for kept in self._to_decode(packet):
                yield from self._decoder.push(kept)

    def _to_decode(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        """The packets to decode next; at the empty one that ends the stream, those that were held back."""
        filters = [each for each in (self._calm, self._packet_filter) if each is not None]
        packets: Iterable[av.Packet[Any]] = () if packet.size == 0 else (packet,)
        for each in filters:
            packets = _filtered(each, packets, ended=packet.size == 0)
        yield from packets

    def _stream(self, index: int, kind: str) -> Any:
        streams = self._container.streams
        if index >= len(streams) or streams[index].type != kind or streams[index].codec_context is None:
            raise MediaError(f"{self._source.path}: the file has changed since it was probed; start again")
        return streams[index]

    def _report(self) -> None:
        damaged = {
            "video": 0 if self._decoder is None else self._decoder.damaged,
            "audio": 0 if self._sound is None else self._sound.damaged,
        }
        for kind, count in damaged.items():
            if count:
                _logger.warning("%s: damaged %s packets or frames left out: %d", self._source.path, kind, count)


def _filtered(
    wanted: CalmFilter | PacketFilter, packets: Iterable[av.Packet[Any]], *, ended: bool
) -> Iterator[av.Packet[Any]]:
    for packet in packets:
        yield from wanted.push(packet)
    if ended:
        yield from wanted.finish()
