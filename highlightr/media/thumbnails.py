"""Still pictures of a few moments, for the report: times in seconds come in, JPEG files (as bytes) go out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from highlightr.core.types import Source
from highlightr.media._container.limits import frame_threads
from highlightr.media._container.opening import packets, reading, start_seconds
from highlightr.media._decode.frame_converter import Painter, shown_size, to_jpeg
from highlightr.media._decode.packet_filter import Sieve
from highlightr.media._decode.timestamps import STEPS_BACK_SECONDS, Stamps

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

__all__ = ["grab_thumbnails"]

_logger = logging.getLogger(__name__)


def grab_thumbnails(source: Source, times_seconds: Sequence[float], *, width: int = 320) -> list[bytes]:
    """The frame on screen at each time, upright and with square pixels, as a JPEG of this width.

    Where none can be decoded the bytes are empty: a picture beside a segment is worth less than the summary.

    Raises:
        MediaError: the file cannot be opened any more.
    """
    pictures = []
    with reading(source.path) as container:
        stream: Any = container.streams[source.video.index]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = frame_threads(source.video.width, source.video.height)
        painter = Painter(source.video, _short_side(source, width))
        for seconds in times_seconds:
            frame = _frame_at(container, stream, Fraction(seconds))
            if frame is None:
                _logger.warning("%s: no frame can be decoded at %.2f s; its picture is left out", source.path, seconds)
                pictures.append(b"")
                continue
            pictures.append(to_jpeg(painter.paint(frame)))
    return pictures


def _short_side(source: Source, width: int) -> int:
    """The shorter side of the upright picture when it is this wide."""
    across, down = shown_size(source.video)
    return max(1, round(width * min(across, down) / across))


def _frame_at(container: InputContainer, stream: Any, seconds: Fraction) -> av.VideoFrame | None:
    """The last frame shown at or before a time, or else the first one after it.

    Seeking does not always land early enough: where what is read from there begins after the time, or is nothing that
    can be decoded, reading begins earlier.
    """
    start, shown = start_seconds(container), None
    for back in (0, *STEPS_BACK_SECONDS):
        found = _frame_from(container, stream, seconds, back)
        shown = found or shown
        if seconds <= back or (found is not None and found.pts * found.time_base - start <= seconds):
            break
    return shown


def _frame_from(container: InputContainer, stream: Any, seconds: Fraction, back: int) -> Any | None:
    """The same, of the frames that decode from some seconds before the time on."""
    import av

    Stamps(container, stream).seek(seconds - back)
    start, shown = start_seconds(container), None
    for packet in _needed(container, stream, start, seconds):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        for frame in frames:
            if frame.pts is None or frame.time_base is None:
                continue
            if shown is not None and frame.pts * frame.time_base - start > seconds:
                return shown
            shown = frame
    return shown


def _needed(container: InputContainer, stream: Any, start: Fraction, seconds: Fraction) -> Iterator[av.Packet[Any]]:
    """The packets from here on, without those that no other picture refers to and that are not on screen then."""
    sieve = Sieve(stream, start, lambda shown, gone: shown <= seconds < gone)
    for packet in packets(container, stream):
        yield from (sieve.push(packet) if packet.size > 0 else (*sieve.finish(), packet))
