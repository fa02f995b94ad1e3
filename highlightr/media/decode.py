"""The one pass over a video file that feeds every consumer.

A probed `Source` and named taps come in; (tap name, item) pairs go out, in order of time for each tap.
Frames are picked by timestamp, never by counting. Memory does not grow with the video.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from highlightr.errors import DecodeError, MediaError
from highlightr.media._bounds import frame_threads
from highlightr.media._container import packets, reading, start_seconds
from highlightr.media._pictures import FramePicker, ThumbnailMaker
from highlightr.media._sieve import Sieve
from highlightr.media._sound import Soundtrack
from highlightr.media.taps import AudioTap, FrameTap, Item, Tap, ThumbnailTap
from highlightr.timeline import Source

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

__all__ = ["decode"]

_logger = logging.getLogger(__name__)


def decode(
    source: Source, taps: Mapping[str, Tap], *, threads: int = 0, every_frame: bool = False
) -> Iterator[tuple[str, Item]]:
    """Read a file once and hand every tap its items.

    Every `FrameTap` gets exactly ``ceil(duration * frames_per_second)`` frames and every `AudioTap` exactly
    ``ceil(duration * sample_rate)`` samples. A video without (readable) sound gives an `AudioTap` nothing.
    Damaged stretches are passed over with a warning; the last good frame stays on screen.

    Args:
        source: what `probe` returned.
        taps: name to tap; the name comes back with each item.
        threads: decoder threads; 0 takes one per core, at most 8, fewer for large pictures, because each holds frames.
        every_frame: decode every frame, for thumbnails of all of them; by default, pictures that no other one refers
            to and no `FrameTap` looks at are left out (H.264 and HEVC). The same frames come either way, to the byte
            where the file is intact.

    Raises:
        MediaError: the file cannot be opened any more, or has changed since it was probed.
        DecodeError: pictures were asked for and not one frame can be decoded, or one cannot be converted.
    """
    if not taps:
        return
    with reading(source.path) as container:
        yield from _Pass(container, source, taps, threads, every_frame).run()


class _Pass:
    """The state of one pass: the streams that are read, and who is fed from them."""

    def __init__(
        self, container: InputContainer, source: Source, taps: Mapping[str, Tap], threads: int, every_frame: bool
    ) -> None:
        self._container, self._source = container, source
        self._start = start_seconds(container)
        self._pictures: dict[str, FramePicker | ThumbnailMaker] = {}
        for name, tap in taps.items():
            if isinstance(tap, FrameTap):
                self._pictures[name] = FramePicker(tap, source)
            elif isinstance(tap, ThumbnailTap):
                self._pictures[name] = ThumbnailMaker(tap)
        sounds = {name: tap for name, tap in taps.items() if isinstance(tap, AudioTap)}
        self._video = self._stream(source.video.index, "video") if self._pictures else None
        self._audio, self._sound = None, None
        if sounds and source.audio is not None:
            self._audio = self._stream(source.audio.index, "audio")
            self._sound = Soundtrack(sounds, source.audio.sample_rate, source.duration_seconds)
        if self._video is not None:
            self._video.thread_type = "AUTO"
            self._video.codec_context.thread_count = frame_threads(source.video.width, source.video.height, threads)
        rates = [Fraction(tap.frames_per_second) for tap in taps.values() if isinstance(tap, FrameTap)]
        self._sieve = None if every_frame or self._video is None else Sieve(self._video, self._start, rates)
        self._last: Fraction | None = None
        self._damaged = {"video": 0, "audio": 0}

    def run(self) -> Iterator[tuple[str, Item]]:
        """Read to the end, then let every consumer finish."""
        wanted = [stream for stream in (self._video, self._audio) if stream is not None]
        for packet in packets(self._container, *wanted) if wanted else ():
            if packet.stream is self._video:
                for kept in self._sifted(packet):
                    yield from self._show(kept)
            else:
                yield from self._hear(packet)
        if self._pictures and self._last is None:
            raise DecodeError(f"{self._source.path}: not one frame can be decoded; give an intact file")
        for name, consumer in self._pictures.items():
            yield from ((name, item) for item in consumer.finish())
        if self._sound is not None:
            yield from self._sound.finish()
        self._report()

    def _sifted(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        """The packets to decode next; the empty one that ends the stream comes after all that were held back."""
        if self._sieve is None:
            yield packet
        elif packet.size > 0:
            yield from self._sieve.push(packet)
        else:
            yield from self._sieve.finish()
            yield packet

    def _show(self, packet: av.Packet[Any]) -> Iterator[tuple[str, Item]]:
        for frame in self._decoded(packet, "video"):
            seconds = self._seconds(frame)
            if seconds is None:
                self._damaged["video"] += 1
                continue
            self._last = seconds
            for name, consumer in self._pictures.items():
                yield from ((name, item) for item in consumer.push(frame, seconds))

    def _hear(self, packet: av.Packet[Any]) -> Iterator[tuple[str, Item]]:
        if self._sound is None:
            return
        for frame in self._decoded(packet, "audio"):
            yield from self._sound.push(frame, self._start)

    def _decoded(self, packet: av.Packet[Any], kind: str) -> list[Any]:
        import av

        try:
            return list(packet.decode())
        except av.FFmpegError:
            self._damaged[kind] += 1
            return []

    def _seconds(self, frame: av.VideoFrame) -> Fraction | None:
        """A frame's time from time zero; `None` for one that is damaged, undated or out of order."""
        stamp = frame.pts if frame.pts is not None else frame.dts
        if stamp is None or frame.time_base is None:
            return None
        seconds = stamp * Fraction(frame.time_base) - self._start
        if self._last is not None and (frame.is_corrupt or seconds <= self._last):
            return None
        return seconds

    def _stream(self, index: int, kind: str) -> Any:
        streams = self._container.streams
        if index >= len(streams) or streams[index].type != kind or streams[index].codec_context is None:
            raise MediaError(f"{self._source.path}: the file has changed since it was probed; start again")
        return streams[index]

    def _report(self) -> None:
        for kind, count in self._damaged.items():
            if count:
                _logger.warning("%s: %d damaged %s packets or frames were left out", self._source.path, count, kind)
