"""Still pictures of a few moments, for the report: times in seconds come in, JPEG files (as bytes) go out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from highlightr.core.types import Source
from highlightr.media._container.limits import frame_threads
from highlightr.media._container.opening import decoded, open_range, packets, reading
from highlightr.media._cut.frame_times import FrameTimes, Reach, frame_times
from highlightr.media._decode.frame_converter import FrameConverter, shown_size, to_jpeg
from highlightr.media._decode.packet_filter import PacketFilter

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

_logger = logging.getLogger(__name__)


def grab_thumbnails(source: Source, times_seconds: Sequence[float], *, width: int = 320) -> list[bytes]:
    """The frame on screen at each time, upright and with square pixels, as a JPEG of this width.

    Where none can be decoded the bytes are empty: a picture beside a segment is worth less than the summary.

    Raises:
        MediaError: the file cannot be opened any more.
    """
    pictures = []
    with reading(source.path) as container:
        times = frame_times(container, source, container.streams[source.video.index])
        converter = FrameConverter(source.video, _short_side(source, width))
        for seconds in times_seconds:
            frame = _frame_at(source, times, Fraction(seconds))
            if frame is None:
                _logger.warning("%s: no frame can be decoded at %.2f s; its picture is left out", source.path, seconds)
                pictures.append(b"")
                continue
            pictures.append(to_jpeg(converter.convert(frame)))
    return pictures


def _short_side(source: Source, width: int) -> int:
    """The shorter side of the upright picture when it is this wide."""
    across, down = shown_size(source.video)
    return max(1, round(width * min(across, down) / across))


def _frame_at(source: Source, times: FrameTimes, seconds: Fraction) -> av.VideoFrame | None:
    """The last frame shown at or before a time, or else the first one after it."""
    wanted = next(iter(times.around(seconds, seconds)), None)
    if wanted is None:
        return None
    return next((frame for reach in times.reach(wanted) if (frame := _frame_from(source, reach, wanted))), None)


def _frame_from(source: Source, reach: Reach, wanted: Fraction) -> Any | None:
    """The last frame shown at or before a time that a frame is shown at, or else the first one after it."""
    shown = None
    with _reading_from(source, reach) as (container, stream):
        for packet in _needed(container, stream, reach.clock, wanted):
            for frame in decoded(packet):
                stamp = frame.dts if source.video.dated_when_decoded else frame.pts
                if stamp is None or frame.time_base is None:
                    continue
                if shown is not None and stamp * frame.time_base - reach.clock > wanted:
                    return shown
                shown = frame
    return shown


@contextmanager
def _reading_from(source: Source, reach: Reach) -> Iterator[tuple[InputContainer, Any]]:
    """The file where reading begins, and its video."""
    with ExitStack() as open_files:
        if reach.span is not None and reach.format is not None:
            container = open_files.enter_context(open_range(source.path, reach.span, reach.format))
            stream: Any = next(one for one in container.streams.video if one.id == reach.ids[source.video.index])
        else:
            container = open_files.enter_context(reading(source.path))
            stream = container.streams[source.video.index]
        if reach.seek_seconds is not None:
            container.seek(round(reach.seek_seconds * 1_000_000))
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = frame_threads(source.video.width, source.video.height)
        yield container, stream


def _needed(container: InputContainer, stream: Any, clock: Fraction, seconds: Fraction) -> Iterator[av.Packet[Any]]:
    """The packets from here on, without those that no other picture refers to and that are not on screen then."""
    packet_filter = PacketFilter(stream, clock, lambda shown, gone: shown <= seconds < gone)
    for packet in packets(container, stream):
        yield from (packet_filter.push(packet) if packet.size > 0 else (*packet_filter.finish(), packet))
