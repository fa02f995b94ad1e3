"""What a user should know of a file's time line: clocks that jump, picture and sound that begin or end apart.

In: an open source. Out: sentences.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from typing import Any

from highlightr.core.clock import parse_clock
from highlightr.core.errors import ConfigError
from highlightr.core.source import Source
from highlightr.media._container.av_types import InputContainer
from highlightr.media._container.boxes import num_edits
from highlightr.media._container.opening import packets, reading, start_seconds
from highlightr.media._cut.frame_times import frame_times
from highlightr.media._decode.frame_index import FrameIndex, has_own_index
from highlightr.media._decode.frame_scan import frame_index
from highlightr.media._decode.timestamps import seek, timed

_WORTH_SAYING_SECONDS = 1
"""Picture and sound often begin and end some blocks apart."""

_TOLD_LENGTHS = ("flv", "mxf")
"""Containers without an index to trust whose header tells how long they are."""

_LATE_SECONDS, _ROUNDING_SECONDS = Fraction(1, 25), Fraction(1, 1000)
"""Of pictures behind the sound, what may be seen; and of times in the units of a track."""

_MOST_JUMPS = 3
"""That are told one by one."""


def time_notes(container: InputContainer, source: Source) -> tuple[str, ...]:
    """What is unusual; nothing for most files."""
    index = frame_index(source.path, source.container)
    jumps = () if index is None else (*_jumps(index), *_late_pictures(index))
    jumps += tuple(_left_sound(index)) if index is not None and source.audio_tracks else ()
    if num_edits(source.path) > 1:
        jumps += tuple(_late_edits(container, source))
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


def _late_edits(container: InputContainer, source: Source) -> Iterator[str]:
    """Of an edit list of MP4 or QuickTime: where what follows in the media is decoded before what is shown first.

    FFmpeg dates the first picture that is decoded, and shows all of the edit late by what that one waits too long. Its
    index lists pictures as they are decoded, those of each edit from a keyframe on, so that times go back.
    """
    stream: Any = container.streams[source.video.index]
    times, entries, unit = frame_times(container, source), stream.index_entries, Fraction(stream.time_base)
    latest, begins = entries[0].timestamp, False
    for entry in entries:
        begins |= entry.timestamp < latest
        latest = entry.timestamp
        if begins and not entry.is_discard:
            begins, due = False, (entry.timestamp - entries[0].timestamp) * unit
            shown = next((time for time in times.around(due, due) if time >= due - _ROUNDING_SECONDS), due)
            if shown - due > _LATE_SECONDS:
                yield (
                    f"Pictures come {float(shown - due):.2f} s behind their sound from {float(due):.1f} s on, where an "
                    "edit of the file begins."
                )


def _edges(container: InputContainer, source: Source, index: FrameIndex | None) -> Iterator[str]:
    """Where picture or sound is alone."""
    times = frame_times(container, source)
    first = next(iter(times.around(Fraction(0), Fraction(0))), Fraction(0))
    if first > _WORTH_SAYING_SECONDS:
        yield f"The picture begins at {float(first):.1f} s; what is heard before it is left out."
    seconds = Fraction(source.duration_seconds)
    begin, end = _sound_span(container, source, index) or (Fraction(0), seconds)
    promised, read = _promised_seconds(container, source), max(seconds, end)
    if promised - read > _WORTH_SAYING_SECONDS:
        # A file may break off before what its headers promise.
        yield (
            f"The file ends at {float(read):.1f} s, and its header promises {float(promised):.1f} s: it was cut "
            "off, or is still being copied."
        )
    if begin > _WORTH_SAYING_SECONDS:
        yield f"The sound begins at {float(begin):.1f} s; before that there is silence."
    if end - seconds > _WORTH_SAYING_SECONDS:
        yield f"The sound goes on for {float(end - seconds):.1f} s after the last picture; that part is left out."
    elif seconds - end > _WORTH_SAYING_SECONDS:
        yield f"The sound ends at {float(end):.1f} s; after that there is silence."


def _promised_seconds(container: InputContainer, source: Source) -> Fraction:
    """The length of pictures and sound by the tracks' headers, or of the file where these do not tell, as in Matroska.

    Zero where no header has it: of other containers FFmpeg measures or guesses it.
    """
    video: Any = container.streams[source.video.index]
    rate = source.video.frames_per_second
    if source.container == "avi":  # It counts pictures; their length in time is measured.
        return video.frames / rate if rate else Fraction(0)
    if has_own_index(source.container):
        streams = [video, *(container.streams[track.index] for track in source.audio_tracks)]
        return max(_told_stop(container, stream) for stream in streams)
    return _told_stop(container, video) if source.container in _TOLD_LENGTHS else Fraction(0)


def _told_stop(container: InputContainer, stream: Any) -> Fraction:
    """Where a track ends by its header, by its tag (Matroska), or else the file by its header.

    FFmpeg gives a track that it has not met yet the file's span. Zero where captions may stay longer than all else.
    """
    zero = start_seconds(container)
    if stream.duration and (stop := ((stream.start_time or 0) + stream.duration) * Fraction(stream.time_base) - zero):
        return Fraction(stop)
    try:
        seconds = Fraction(parse_clock(stream.metadata.get("DURATION", "")))
    except ConfigError:
        seconds = Fraction(0 if container.streams.subtitles else container.duration or 0, 1_000_000)
    # Some programs count it from zero, and not from the first timestamp.
    return max(Fraction(0), seconds - max(Fraction(0), zero))


def _sound_span(
    container: InputContainer, source: Source, index: FrameIndex | None
) -> tuple[Fraction, Fraction] | None:
    """From when to when there is sound, by its packets: headers may not tell, or tell the span of the whole file.

    The first are read from the file's beginning, because who seeks goes to a picture.
    """
    import av

    streams = [container.streams[track.index] for track in source.audio_tracks]
    begins = [] if index is None else [time for time, _ in index.sound_positions]
    if begins and streams:
        return min(begins), max(begins)
    if index is not None or not streams:
        return None
    zero = start_seconds(container)
    with reading(source.path) as again:
        read = timed(packets(again, *(again.streams[stream.index] for stream in streams)), zero)
        first = next((time for time, _ in read), None)
    if first is None:
        return None
    told = max(_told_stop(container, stream) for stream in streams)
    for near in (Fraction(source.duration_seconds), told, Fraction(0)):
        with suppress(av.FFmpegError):
            seek(container, near - _WORTH_SAYING_SECONDS)
            read = timed(packets(container, *streams), zero)
            if ends := [time + (packet.duration or 0) * packet.time_base for time, packet in read]:
                return first, max(ends)
    return None
