"""Finding out what a video file holds, before any of it is decoded in earnest.

A path comes in, a `Source` goes out. Time zero is the container's first timestamp. The duration is read from
the packets at the end of the video stream, because headers may be missing, false, or count trailing sound; a file
whose container has no index to trust is read as a whole.
One frame is decoded: it proves that the codec can be read and carries the rotation.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from highlightr.core.errors import DecodeError, MediaError
from highlightr.core.hashing import FileIdentity
from highlightr.core.source import Source, VideoStream
from highlightr.media._container.audio import heard_tracks
from highlightr.media._container.av_types import InputContainer, VideoFrame
from highlightr.media._container.contents import picture_timecode
from highlightr.media._container.description import describe
from highlightr.media._container.limits import believable_aspect, check_length, check_picture
from highlightr.media._container.opening import best_video, decoded, packets, reading, start_seconds
from highlightr.media._container.picture_format import INTERLACED_ORDERS
from highlightr.media._decode.frame_scan import frame_index
from highlightr.media._decode.timestamps import FASTEST_RATE, LastFrames
from highlightr.media.choices import AudioChoice

_logger = logging.getLogger(__name__)


def probe(path: Path, audio_track: AudioChoice = "all") -> Source:
    """Open a video file and describe the streams that will be used.

    Args:
        audio_track: which audio tracks are heard: one by its number from 1, or all of them together.

    Raises:
        ConfigError: there is no audio track of that number.
        MediaError: the path is missing, a directory, unreadable, empty or no media file; it has no video stream; its
            picture or its length is beyond what is handled, or more than so few bytes can hold.
        DecodeError: not one frame can be decoded.
    """
    path = Path(path)
    # Before it is opened: what is read from here on is this file, or is found out to be another.
    identity = FileIdentity.of(path) if path.is_file() else None
    with reading(path) as container:
        stream = best_video(container, path)
        audio, tracks = heard_tracks(container, audio_track, path, stream.index)
        if audio is None and container.streams.audio:
            _logger.warning("%s: the sound cannot be read and is left out", path)
        frame = _first_frame(container, stream, path)
        start, video, size_bytes = (
            start_seconds(container),
            _video_stream(container, stream, frame),
            path.stat().st_size,
        )
        check_picture(path, *video.visible_size, video.sample_aspect_ratio)
        index = frame_index(path, container.format.name)
        shown = start if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
        late_seconds = float(shown - start)
        duration_seconds = _video_seconds(container, stream, start, path) if index is None else float(index.seconds)
        check_length(path, duration_seconds, size_bytes)
        return Source(
            path=path,
            duration_seconds=duration_seconds,
            start_seconds=float(start),
            container=container.format.name,
            size_bytes=size_bytes,
            video=video if index is None or index.delay is None else replace(video, dated_when_decoded=True),
            audio=audio,
            audio_tracks=tracks,
            # Zero where that timestamp cannot be.
            picture_start_seconds=late_seconds if 0 < late_seconds < duration_seconds else 0.0,
            identity=identity,
            timecode=picture_timecode(container, stream, shown, video.frames_per_second),
        )


def orientation(frame: VideoFrame) -> tuple[int, bool]:
    """How to make a frame upright: clockwise degrees (0, 90, 180 or 270), then whether to mirror left to right.

    Source: the display matrix of ISO 14496-12, (x', y') = (a x + c y, b x + d y). A negative determinant means
    a reflection; with x' negated the rest is a rotation by atan2(b, a), rounded here to a right angle.
    """
    side_data: Any = frame.side_data
    matrix = next((bytes(s) for s in side_data if s.type.name == "DISPLAYMATRIX"), None)
    if matrix is None or len(matrix) < 36:
        return 0, False
    a, b, _, c, d = np.frombuffer(matrix, dtype=np.int32, count=5).astype(float)
    mirrored = a * d - b * c < 0
    angle = math.degrees(math.atan2(b, -a if mirrored else a))
    return round(angle / 90) * 90 % 360, bool(mirrored)


def _first_frame(container: InputContainer, stream: Any, path: Path) -> VideoFrame:
    """The first frame that decodes."""
    refused: deque[Exception] = deque(maxlen=1)
    for packet in packets(container, stream):
        frames: list[VideoFrame] = decoded(packet, damaged=refused.append)
        if frames:
            return frames[0]
    if refused:
        raise DecodeError(
            f"{path}: not one frame of its {stream.codec_context.name} video can be decoded "
            f"(damaged, cut off or encrypted); give an intact file"
        )
    raise DecodeError(f"{path}: the video stream holds no frames; give a complete video file")


def _video_stream(container: InputContainer, stream: Any, frame: VideoFrame) -> VideoStream:
    rotation, mirrored = orientation(frame)
    text = describe(container).get(stream.index)
    left, right, top, bottom = (0, 0, 0, 0) if text is None else text.crop
    is_seen = left + right < frame.width and top + bottom < frame.height
    # DV states its clock as the first of them.
    rates = (Fraction(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate)
    return VideoStream(
        index=stream.index,
        codec=stream.codec_context.codec.canonical_name,
        width=frame.width,
        height=frame.height,
        rotation_degrees=rotation,
        mirrored=mirrored,
        sample_aspect_ratio=believable_aspect(stream.sample_aspect_ratio),
        frames_per_second=next((rate for rate in rates if 0 < rate <= FASTEST_RATE), None),
        interlaced=frame.interlaced_frame or int(stream.codec_context.field_order) in INTERLACED_ORDERS,
        crop=(left, right, top, bottom) if is_seen else (0, 0, 0, 0),
    )


def _video_seconds(container: InputContainer, stream: Any, start: Fraction, path: Path) -> float:
    """From time zero to the end of the last video frame; reads the tail, or every packet where seeking fails."""
    import av

    end: Fraction | None = None
    if container.duration:
        with suppress(av.FFmpegError):
            container.seek((container.start_time or 0) + container.duration)
            end = _last_end(container, stream)
    if end is None:
        # Opened again rather than sought: a damaged index may not lead back to the beginning.
        with reading(path) as again:
            end = _last_end(again, again.streams[stream.index])
    if end is None or end <= start:
        raise MediaError(f"{path}: its frames carry no usable timestamps; convert it (`ffmpeg -i IN OUT.mp4`)")
    return float(end - start)


def _last_end(container: InputContainer, stream: Any) -> Fraction | None:
    """End of the frame that is shown last among the packets from here on."""
    last = LastFrames(Fraction(stream.time_base))
    for packet in packets(container, stream):
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None and not packet.is_discard:
            last.push(stamp, packet.duration)
    return last.stop
