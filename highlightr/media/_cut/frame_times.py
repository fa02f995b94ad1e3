"""Where frames lie around a piece, and from where ffmpeg has to read so that they decode as in a full decode.

In: an open file. Out: display times in exact seconds (`Fraction`) from zero, and a `Reach` that was tried: the packets
that come from there hold a keyframe after which the wanted frame is right, and timestamps that are true.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from highlightr.core.source import Source
from highlightr.media._container.av_types import InputContainer, Packet
from highlightr.media._container.opening import open_range, packets, reading, start_seconds
from highlightr.media._decode.frame_index import BY_BYTES, FrameIndex, Recording
from highlightr.media._decode.frame_scan import frame_index, sound_mark
from highlightr.media._decode.nal import NalReader
from highlightr.media._decode.timestamps import STEPS_BACK_SECONDS, on_screen, seek, timed

_AIM_SECONDS = Fraction(1, 2000)
"""Seeking aims this much after the first frame's time: where it is a keyframe, reading begins there and not earlier."""

_KEYFRAMES_BACK = (1, 2, 4, 8)
"""How many keyframes before a frame reading begins, tried in turn."""

_SOUND_LEAD_SECONDS = Fraction(1, 2)
"""Reading begins before sound of this much before the frame: its decoders need a few packets to begin, too."""

_LONG_BLOCKS = ("alac", "ape", "flac", "tak", "tta", "wavpack")
_LONG_SOUND_LEAD_SECONDS = Fraction(2)
"""Of these codecs, blocks of a second, as all of TTA's are."""

_SOUND_READ_SECONDS = 2
"""How far sound is read to look whether a seek dates it right: some lies behind its picture in the file."""


@dataclass(frozen=True)
class Part:
    """Bytes of a file that are read as if they were one."""

    span: tuple[int, int]
    """The first byte, and the one behind the last."""
    format: str
    """The container's format, which they cannot tell."""
    ids: tuple[int, ...]
    """What the container calls each stream (by its index in the source): their order may differ."""


@dataclass(frozen=True)
class Reach:
    """How ffmpeg reads a file so that the frames of a piece decode as they would from the file's beginning."""

    clock: Fraction
    """Added to a time from zero, it gives the timestamp that ffmpeg sees."""
    seek_seconds: Fraction | None = None
    """The time from zero that is sought; `None`: reading starts at the beginning."""
    part: Part | None = None
    """`None`: the whole file."""
    sound_seconds: Fraction | None = None
    """What is sought for the sound alone (0: it is read from the beginning); `None`: it is read with the pictures."""


@contextmanager
def reached(container: InputContainer, source: Source, reach: Reach) -> Iterator[tuple[InputContainer, Any]]:
    """The file or a part of it, at the place from which a piece is read, and its video; `None` where it has none."""
    index = source.video.index
    if reach.part is not None:
        number = reach.part.ids[index]
        with open_range(source.path, reach.part.span, reach.part.format) as part:
            yield part, next((one for one in part.streams.video if one.id == number), None)
    elif reach.seek_seconds is None:
        # Not sought: some containers go to their second keyframe then.
        with reading(source.path) as again:
            yield again, again.streams[index]
    else:
        seek(container, reach.seek_seconds)
        yield container, container.streams[index]


def packets_until(
    container: InputContainer, stream: Any, reach: Reach, stop: Fraction
) -> Iterator[tuple[Fraction, Packet]]:
    """The packets of what is `reached`, to the first that is decoded at `stop` or later, each with when it is shown."""
    for shown, packet in timed(packets(container, stream), reach.clock) if stream is not None else ():
        if packet.dts is not None and packet.dts * packet.time_base - reach.clock >= stop:
            return
        yield shown, packet


class FrameTimes:
    """When frames of an open file are shown, and how to reach them, where its container seeks to keyframes."""

    def __init__(self, container: InputContainer, source: Source) -> None:
        self._container, self._source = container, source
        self._stream: Any = container.streams[source.video.index]
        self._zero = start_seconds(container)
        self._nal = NalReader.of(self._stream.codec_context)
        is_long = any(track.codec in _LONG_BLOCKS for track in source.audio_tracks)
        self._sound_lead = _LONG_SOUND_LEAD_SECONDS if is_long else _SOUND_LEAD_SECONDS

    def around(self, start: Fraction, stop: Fraction) -> list[Fraction]:
        """Frames on screen during ``[start, stop)``, in order, and the first one at or after `stop` if there is one.

        Read from a second before the piece on, or from as far back as needed.
        """
        times: list[Fraction] = []
        for back in STEPS_BACK_SECONDS:
            times = self._shown_from(start - back, stop)
            if start <= back or (times and times[0] <= start):
                break
        return on_screen(times, start, stop)

    def _shown_from(self, seconds: Fraction, stop: Fraction) -> list[Fraction]:
        """When frames are shown, in order: from a keyframe near a time on, up to the first one at or after `stop`."""
        times: list[Fraction] = []
        after: Fraction | None = None
        for shown, packet in self._read(seconds):
            if packet.is_discard:
                continue
            decoded = shown if packet.dts is None else packet.dts * packet.time_base - self._zero
            if after is not None and min(shown, decoded) >= after:
                break
            times.append(shown)
            if shown >= stop:
                after = shown if after is None else min(after, shown)
        return sorted(times)

    def recordings(self, start: Fraction, stop: Fraction) -> list[tuple[Fraction, Fraction]]:
        """The spans between jumps of the file's clock that a piece touches; one, where it does not jump."""
        return [(min(start, Fraction(0)), stop)]

    def reach(self, shown: Fraction) -> Iterator[Reach]:
        """Ways to read so that the frame shown at this time comes out right, the fastest first; the last is safe.

        The keyframe that the container's index names, or one before.
        """
        for back in (-_AIM_SECONDS, *STEPS_BACK_SECONDS):
            aim = shown - back
            if aim >= 0 and self._comes_out_right(self._read(aim), shown, unseen=True):
                yield Reach(self._zero, aim, sound_seconds=self._sound_aim(aim))
        yield Reach(self._zero)

    def _read(self, aim: Fraction) -> Iterator[tuple[Fraction, Packet]]:
        """Packets from a keyframe at or before a time on, and when each is shown."""
        seek(self._container, aim)
        return timed(packets(self._container, self._stream), self._zero)

    def _sound_aim(self, aim: Fraction) -> Fraction | None:
        """Where to seek for the sound, unless the picture at which reading begins is early enough."""
        begin = next((shown for shown, _ in self._read(aim)), aim)
        wanted = aim - self._sound_lead
        return None if begin <= wanted else max(Fraction(0), wanted)

    def _comes_out_right(
        self, read: Iterator[tuple[Fraction, Packet]], wanted: Fraction, *, unseen: bool = False
    ) -> bool:
        """Whether a frame decodes as it should when decoding begins with the first of these packets, in file order.

        For that a keyframe has to come that is shown no later; of those that take some pictures to recover a second.
        With `unseen` the frame itself need not be met: timestamps are beyond doubt.
        """
        ready: int | None = None
        is_refreshed = False
        for shown, packet in read:
            wait = self._nal.frames_to_recover(packet) if shown <= wanted else None
            if wait and not is_refreshed:
                # Of the refreshes that x264 spreads over pictures, some leave out what was the same before.
                is_refreshed = True
            elif wait is not None:
                ready = wait if ready is None else min(ready, wait)
            elif ready is not None:
                ready -= 1
            if shown == wanted or (unseen and ready is not None and ready <= 0):
                return ready is not None and ready <= 0
        return False


def frame_times(container: InputContainer, source: Source) -> FrameTimes:
    """Those of an open file: read around each piece where the container has an index, otherwise from all packets."""
    index = frame_index(source.path, source.container)
    if index is None:
        return FrameTimes(container, source)
    return (_ByteTimes if source.container in BY_BYTES else _IndexedTimes)(container, source, index)


class _IndexedTimes(FrameTimes):
    """Of a container that was read as a whole, and seeks to times."""

    def __init__(self, container: InputContainer, source: Source, index: FrameIndex) -> None:
        super().__init__(container, source)
        self._index = index

    def around(self, start: Fraction, stop: Fraction) -> list[Fraction]:
        """Looked up."""
        return self._index.shown(start, stop)

    def recordings(self, start: Fraction, stop: Fraction) -> list[tuple[Fraction, Fraction]]:
        """Those that overlap the piece; at least one."""
        spans = [(one.start, one.stop) for one in self._index.recordings]
        return [one for one in spans if one[0] < stop and start < one[1]] or [spans[-1]]

    def reach(self, shown: Fraction) -> Iterator[Reach]:
        """The frame itself as the aim, then its keyframe, then times before."""
        keys = [key.shown for key in self._index.keyframes if key.shown <= shown]
        for aim in (shown + _AIM_SECONDS, *keys[-1:], *(shown - back for back in STEPS_BACK_SECONDS)):
            # Before its second keyframe a file is read from its beginning: some seek to that one instead.
            if len(keys) > 1 and aim >= keys[1] and self._comes_out_right(self._read(aim), shown):
                yield Reach(self._zero, aim, sound_seconds=self._checked_sound_aim(aim, keys[1]))
        yield Reach(self._zero)

    def _checked_sound_aim(self, aim: Fraction, earliest: Fraction) -> Fraction | None:
        """As `_sound_aim`; the beginning of the file where a seek finds no sound so early, or dates it anew."""
        wanted = aim - self._sound_lead
        if not self._source.audio_tracks or self._finds_sound(aim, wanted):
            return None
        return wanted if wanted >= earliest and self._finds_sound(wanted, wanted) else Fraction(0)

    def _finds_sound(self, aim: Fraction, wanted: Fraction) -> bool:
        """Whether a seek finds the sound from a time on, dated as in the file."""
        indices = [track.index for track in self._source.audio_tracks]
        met: dict[tuple[int, int], int] = {}
        latest = dict.fromkeys(indices, Fraction(-1))
        with reading(self._source.path) as again:  # One that was read before may still know the times of its pages.
            seek(again, aim)
            for shown, packet in timed(packets(again, *(again.streams[index] for index in indices)), self._zero):
                index = packet.stream.index
                if shown < latest[index]:
                    return False  # What came before was dated by guess.
                met[index, packet.pts or packet.dts or 0], latest[index] = sound_mark(packet), shown
                if shown > aim + _SOUND_READ_SECONDS:
                    break
        return all(
            met.get((index, stamp)) == mark
            for index in indices
            for stamp, mark in self._index.sound_marks.get(index, {}).items()
            if wanted <= stamp * Fraction(self._container.streams[index].time_base or 0) - self._zero <= aim
        )

    def _read(self, aim: Fraction) -> Iterator[tuple[Fraction, Packet]]:
        seek(self._container, aim)
        return self._true(packets(self._container, self._stream), self._index.recordings[0], lambda _: 0)

    def _true(
        self, read: Iterator[Packet], recording: Recording, turns: Callable[[int], int]
    ) -> Iterator[tuple[Fraction, Packet]]:
        """Packets of one recording with their times, from the first keyframe on, while they are what the file holds.

        `turns` tells how many times the clock is ahead of the file's by 33 bits, given the first timestamp.
        """
        begun = False
        for packet in read:
            stamp = packet.pts if self._index.delay is None else packet.dts
            if stamp is None or not packet.size:
                continue
            true = stamp + (self._index.delay or 0) - (turns(stamp) << 33)
            places = range(bisect_left(recording.stamps, true), bisect_right(recording.stamps, true))
            if any(recording.sizes[place] == packet.size for place in places):
                begun = begun or packet.is_keyframe
            elif begun:
                return
            if begun:
                yield true * self._index.time_base - recording.clock, packet


class _ByteTimes(_IndexedTimes):
    """Of transport and program streams: ffmpeg is given the bytes from a keyframe on, as if they were a file."""

    def reach(self, shown: Fraction) -> Iterator[Reach]:
        """The keyframe before the frame, earlier ones, then the beginning of the recording."""
        recording = self._index.recording_at(shown)
        keys = [key for key in self._index.keyframes if recording.start <= key.shown <= shown]
        for back in _KEYFRAMES_BACK:
            if back <= len(keys):
                first = max(recording.first_byte, min(keys[-back].position, self._sound_position(shown)))
                yield from self._tried(recording, first, shown)
        yield from self._tried(recording, recording.first_byte, shown)
        yield self._from(recording, recording.first_byte)

    def _from(self, recording: Recording, first: int) -> Reach:
        """A byte of a recording, and all that follow it."""
        ids = tuple(one.id for one in self._container.streams)
        return Reach(recording.clock, part=Part((first, recording.stop_byte), self._container.format.name, ids))

    def _sound_position(self, shown: Fraction) -> int:
        """Where to read from for the sound at a time."""
        early = shown - self._sound_lead
        before = [position for seconds, position in self._index.sound_positions if seconds <= early]
        return before[-1] if before else 0

    def _tried(self, recording: Recording, first: int, shown: Fraction) -> Iterator[Reach]:
        """The bytes from here on, if they hold the wanted frame and what it needs, with true timestamps."""
        ahead: list[int] = []

        def turns(stamp: int) -> int:
            if not ahead:
                ahead.append(round((stamp - (recording.clock + shown) / self._index.time_base) / (1 << 33)))
            return ahead[0]

        reach = self._from(recording, first)
        with reached(self._container, self._source, reach) as (part, same):
            if same is not None and self._comes_out_right(self._true(packets(part, same), recording, turns), shown):
                yield replace(reach, clock=recording.clock + (ahead[0] << 33) * self._index.time_base)
