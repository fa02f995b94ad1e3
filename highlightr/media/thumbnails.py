"""Still pictures of a few moments, for the report: times in seconds come in, JPEG files (as bytes) go out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from typing import Any

from highlightr.core.source import Source
from highlightr.media._container.av_types import InputContainer, Packet, VideoFrame
from highlightr.media._container.limits import frame_threads
from highlightr.media._container.opening import decoded, packets, reading
from highlightr.media._cut.frame_times import Reach, frame_times, reached
from highlightr.media._decode.decoders import threaded
from highlightr.media._decode.frame_converter import SLACK_SECONDS, FrameConverter, shown_size, to_jpeg
from highlightr.media._decode.packet_filter import PacketFilter

_logger = logging.getLogger(__name__)


def grab_thumbnails(source: Source, times_seconds: Sequence[float], *, width: int = 320) -> list[bytes]:
    """The frame on screen at each time, upright, with square pixels and for any screen, as a JPEG of this width.

    Where none can be decoded the bytes are empty: a picture beside a segment is worth less than the summary.

    Raises:
        MediaError: the file cannot be opened any more.
    """
    pictures = []
    across, down = shown_size(source.video)
    converter = FrameConverter(source.video, max(1, min(width, round(width * down / across))))
    for seconds in times_seconds:
        frame = _frame_at(source, Fraction(seconds))
        if frame is None:
            _logger.warning("%s: no frame can be decoded at %.2f s; its picture is left out", source.path, seconds)
        pictures.append(b"" if frame is None else to_jpeg(converter.convert(frame)))
    return pictures


def _frame_at(source: Source, seconds: Fraction, attempt: int = 0) -> VideoFrame | None:
    """The last frame shown at or before a time, or else the first one after it."""
    # A decoder's threads are set once, so each attempt has a file of its own; and none is open beside it, because the
    # index of ten hours takes 100 MiB.
    with reading(source.path) as container:
        times = frame_times(container, source)
        wanted = next(iter(times.around(seconds, seconds)), None)
        reach = None if wanted is None else next(islice(times.reach(wanted), attempt, None), None)
        if wanted is None or reach is None:
            return None
        frame = _frame_from(container, source, reach, wanted)
    return frame or _frame_at(source, seconds, attempt + 1)


def _frame_from(container: InputContainer, source: Source, reach: Reach, wanted: Fraction) -> VideoFrame | None:
    """The last frame shown at or before a time that a frame is shown at, or else the first one after it."""
    shown: VideoFrame | None = None
    with reached(container, source, reach) as (part, stream):
        if stream is None:
            return None
        with threaded(stream.codec_context, frame_threads(source.video.width, source.video.height)):
            for frame in (each for packet in _needed(part, stream, reach.clock, wanted) for each in decoded(packet)):
                stamp = frame.dts if source.video.dated_when_decoded else frame.pts
                if stamp is None or frame.time_base is None:
                    continue
                if shown is not None and stamp * frame.time_base - reach.clock > wanted:
                    return shown
                shown = frame
    return shown


def _needed(container: InputContainer, stream: Any, clock: Fraction, seconds: Fraction) -> Iterator[Packet]:
    """The packets from here on, without those that no other picture refers to and that are not on screen then."""
    packet_filter = PacketFilter(stream, clock, lambda shown, gone: shown <= seconds + SLACK_SECONDS < gone)
    for packet in packets(container, stream):
        yield from (packet_filter.push(packet) if packet.size > 0 else (*packet_filter.finish(), packet))
