"""What a user should know of a file's time line: clocks that jump, picture and sound that begin or end apart.

In: an open source. Out: sentences.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from typing import Any

from highlightr.core.clock import parse_clock
from highlightr.core.errors import ConfigError
from highlightr.core.source import Source
from highlightr.media._container.av_types import InputContainer
from highlightr.media._container.opening import packets, reading, start_seconds
from highlightr.media._cut.frame_times import frame_times
from highlightr.media._decode.frame_index import FrameIndex, has_own_index
from highlightr.media._decode.frame_scan import frame_index
from highlightr.media._decode.timestamps import seek, timed

_WORTH_SAYING_SECONDS = 1
"""Picture and sound often begin and end some blocks apart."""

_TOLD_LENGTHS = ("flv", "mxf")
"""Containers without an index to trust whose header tells how long they are."""

_MOST_JUMPS = 3
"""That are told one by one."""


def time_notes(container: InputContainer, source: Source) -> tuple[str, ...]:
    """What is unusual; nothing for most files."""
    index = frame_index(source.path, source.container)
    jumps = () if index is None else (*_jumps(index), *_late_pictures(index))
    jumps += tuple(_left_sound(index)) if index is not None and source.audio_tracks else ()
    return (*jumps, *_edges(container, source, index))


def _jumps(index: FrameIndex) -> Iterator[str]:
    pairs = list(pairwise(index.recordings))
    for before, after in pairs[:_MOST_JUMPS]:
        gap, place = float(after.clock - before.clock), f"at {float(after.start):.1f} s"
        if gap > 0:
            yield f"Timestamps jump by {gap:.1f} s {place}; the gap, in which nothing is, is left out."
        else:
            yield (
                f"Timestamps restart {place}: what follows, a second recording, is summarised as the continuation of "
                f"the first."
            )
    if len(pairs) > _MOST_JUMPS:
        yield f"Timestamps jump or restart at {len(pairs) - _MOST_JUMPS} more places; all is summarised as one video."


def _late_pictures(index: FrameIndex) -> Iterator[str]:
    """Of recordings that follow another one and begin inside a group of pictures; `_edges` tells of the first one."""
    for one in index.recordings[1 : _MOST_JUMPS + 1]:
        first = one.stamps[0] * index.time_base - one.clock
        if first - one.start > _WORTH_SAYING_SECONDS:
            yield (
                f"From {float(one.start):.1f} to {float(first):.1f} s no picture can be decoded, because a keyframe is "
                "missing before; the last one stays on screen."
            )


def _left_sound(index: FrameIndex) -> Iterator[str]:
    """Of recordings that another one follows; `_edges` tells of the last one."""
    ends = {one.stop_byte: one.stop for one in index.recordings}
    for time, position in index.sound_positions:
        recording = index.recording_from(position)
        ends[recording.stop_byte] = max(ends[recording.stop_byte], time)
    for one in index.recordings[:-1][:_MOST_JUMPS]:
        later = float(ends[one.stop_byte] - one.stop)
        if later > _WORTH_SAYING_SECONDS:
            place = f"the picture that is followed by another recording at {float(one.stop):.1f} s"
            yield f"The sound goes on for {later:.1f} s after {place}; that part is left out."


def _edges(container: InputContainer, source: Source, index: FrameIndex | None) -> Iterator[str]:
    """Where picture or sound is alone."""
    times = frame_times(container, source)
    first = next(iter(times.around(Fraction(0), Fraction(0))), Fraction(0))
    if first > _WORTH_SAYING_SECONDS:
        yield f"The picture begins at {float(first):.1f} s; what is heard before it is left out."
    span = _sound_span(container, source, index)
    begin, end = span or (Fraction(0), Fraction(0))
    promised = max(end if index is None else Fraction(0), _promised_seconds(container, source))
    seconds = Fraction(source.duration_seconds)
    if promised - seconds > _WORTH_SAYING_SECONDS:
        # A file may break off before what its headers promise.
        streams = [*container.streams.video, *container.streams.audio]
        read = max([seconds, end] if index is not None else [seconds, *_ends(container, streams, seconds)])
        end = min(end, read)
        if promised - read > _WORTH_SAYING_SECONDS:
            yield (
                f"The file ends at {float(read):.1f} s, and its header promises {float(promised):.1f} s: it was cut "
                "off, or is still being copied."
            )
    if not source.audio_tracks or span is None:
        return
    if begin > _WORTH_SAYING_SECONDS:
        yield f"The sound begins at {float(begin):.1f} s; before that there is silence."
    later = float(end) - source.duration_seconds
    if later > _WORTH_SAYING_SECONDS:
        yield f"The sound goes on for {later:.1f} s after the last picture; that part is left out."
        return
    stop = _read_sound_stop(container, source, end) if index is None else end
    if source.duration_seconds - stop > _WORTH_SAYING_SECONDS:
        yield f"The sound ends at {float(stop):.1f} s; after that there is silence."


def _promised_seconds(container: InputContainer, source: Source) -> Fraction:
    """The length of the pictures by the track's header, or of the file where that does not tell, as in Matroska.

    Zero where no header has it: of other containers FFmpeg measures or guesses it.
    """
    stream: Any = container.streams[source.video.index]
    rate = source.video.frames_per_second
    if source.container == "avi":  # It counts pictures; their length in time is measured.
        return stream.frames / rate if rate else Fraction(0)
    if not has_own_index(source.container) and source.container not in _TOLD_LENGTHS:
        return Fraction(0)
    return _told_stop(container, stream) or Fraction(0)


def _told_stop(container: InputContainer, stream: Any) -> Fraction | None:
    """Where a track ends by its header, by its tag (Matroska), or else the file by its header.

    FFmpeg gives a track that it has not met yet the file's span. `None` where captions may stay longer than all else.
    """
    zero = start_seconds(container)
    if stream.duration and (stop := ((stream.start_time or 0) + stream.duration) * Fraction(stream.time_base) - zero):
        return Fraction(stop)
    try:
        seconds = Fraction(parse_clock(stream.metadata.get("DURATION", "")))
    except ConfigError:
        if container.streams.subtitles:
            return None
        seconds = Fraction(container.duration or 0, 1_000_000)
    # Some programs count it from zero, and not from the first timestamp.
    return max(Fraction(0), seconds - max(Fraction(0), zero))


def _ends(container: InputContainer, streams: Sequence[Any], begin: Fraction) -> list[Fraction]:
    """When each packet of these streams ends, from a keyframe at or before a time on, as far as that can be read."""
    import av

    ends: list[Fraction] = []
    with suppress(av.FFmpegError):
        seek(container, begin)
        for time, packet in timed(packets(container, *streams), start_seconds(container)):
            ends.append(time + (packet.duration or 0) * packet.time_base)
    return ends


def _sound_span(
    container: InputContainer, source: Source, index: FrameIndex | None
) -> tuple[Fraction, Fraction] | None:
    """As the packets, or else the headers of the tracks have it; Matroska tells the length of the longest alone."""
    spans = [] if index is None else [(time, time) for time, _ in index.sound_positions]
    for track in source.audio_tracks if index is None else ():
        stream: Any = container.streams[track.index]
        begin = _first_time(source, stream) - start_seconds(container)
        spans.append((begin, max(begin, _told_stop(container, stream) or begin)))
    return (min(begin for begin, _ in spans), max(end for _, end in spans)) if spans else None


def _read_sound_stop(container: InputContainer, source: Source, told: Fraction) -> Fraction:
    """The end of the last packet of sound: headers may not tell it, or that of the whole file."""
    seconds = Fraction(source.duration_seconds)
    streams = [container.streams[track.index] for track in source.audio_tracks]
    for begin in (seconds - _WORTH_SAYING_SECONDS, told - _WORTH_SAYING_SECONDS, Fraction(0)):
        if ends := _ends(container, streams, begin):
            return max(ends)
    return seconds


def _first_time(source: Source, stream: Any) -> Fraction:
    """Of a stream's packets, from the file's beginning: headers may not tell, and who seeks goes to a picture."""
    with reading(source.path) as again:
        stamps = (packet.pts for packet in packets(again, again.streams[stream.index]) if packet.pts is not None)
        return Fraction(next(stamps, 0) * stream.time_base)
