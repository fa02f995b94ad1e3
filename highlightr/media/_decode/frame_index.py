"""When every frame of a file is shown, and where its keyframes lie, for containers that have no index to trust.

Transport and program streams, AVI, FLV and others seek to a time or a byte, and after that guess timestamps: their
packets are read as a whole (`frame_scan`). A file may hold several recordings one after the other, each on a clock of
its own; on the file's time line, which begins at zero, they follow each other without a gap.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from highlightr.media._container.av_types import InputContainer, Packet
from highlightr.media._container.opening import start_seconds
from highlightr.media._decode.timestamps import on_screen

WITH_INDEX = ("mov", "matroska")
"""Containers whose index names keyframes by display time: they are read where they are needed, and not as a whole."""

BY_BYTES = ("mpegts", "mpeg")
"""Containers that can be read from any byte on, and whose clock may jump."""


@dataclass(frozen=True)
class Recording:
    """A stretch of a file with one clock; spans are half-open."""

    first_byte: int
    stop_byte: int
    clock: Fraction
    """Added to a time from zero, it gives the file's timestamp."""
    start: Fraction
    """Seconds from zero."""
    stop: Fraction
    """The end of its last frame."""
    stamps: array[int]
    """The file's timestamp of each frame, in order of display and units of the stream's time base; some come twice
    where the file does not tell all of them and FFmpeg guesses."""
    sizes: array[int]
    """Bytes of each frame, in the same order: with its timestamp, a frame's mark."""


@dataclass(frozen=True)
class Keyframe:
    """A picture at which decoding can begin."""

    shown: Fraction
    """Seconds from zero."""
    position: int
    """A byte at or before its own first one, at which a packet of the file begins."""


@dataclass(frozen=True)
class FrameIndex:
    """All of a file's video, in seconds from zero."""

    recordings: tuple[Recording, ...]
    time_base: Fraction
    delay: int | None
    """Where the container has no display times: a frame leaves the decoder this many ticks after its decode time."""
    keyframes: tuple[Keyframe, ...]
    """In order of display."""
    sound_positions: tuple[tuple[Fraction, int], ...]
    """(time from zero, byte) of a sound packet about every quarter of a second, in the file's order."""
    sound_marks: Mapping[int, Mapping[int, int]] = field(default_factory=dict)
    """Audio stream to some of its packets: timestamp to checksum, about four a second, where it is sought by time."""

    @property
    def seconds(self) -> Fraction:
        """From zero to the end of the last frame."""
        return self.recordings[-1].stop

    def shown(self, start: Fraction, stop: Fraction) -> list[Fraction]:
        """When frames are shown that are on screen during ``[start, stop)``, and the first one at or after `stop`."""
        times: list[Fraction] = []
        for one in self.recordings:
            # One more before: two frames may have the same timestamp.
            first = max(0, bisect_right(one.stamps, (start + one.clock) / self.time_base) - 2)
            last = bisect_left(one.stamps, (stop + one.clock) / self.time_base) + 1
            times += [stamp * self.time_base - one.clock for stamp in one.stamps[first:last]]
        return on_screen(times, start, stop)

    def position_before(self, seconds: Fraction) -> int:
        """A byte before a keyframe and sound that come no later than a time, where there are both; otherwise 0."""
        sounds = self.sound_positions
        key = bisect_right(self.keyframes, seconds, key=lambda each: each.shown)
        sound = bisect_right(sounds, seconds, key=lambda each: each[0])  # One that is not too late, in any order.
        if not key or (sounds and not sound):
            return 0
        return min([self.keyframes[key - 1].position, *(position for _, position in sounds[sound - 1 : sound])])

    def recording_at(self, seconds: Fraction) -> Recording:
        """The one that a time from zero lies in."""
        return self.recordings[max(0, bisect_right(self.recordings, seconds, key=lambda each: each.start) - 1)]

    def recording_from(self, position: int) -> Recording:
        """The one that a byte lies in."""
        return self.recordings[max(0, bisect_right(self.recordings, position, key=lambda each: each.first_byte) - 1)]


def has_own_index(container_name: str) -> bool:
    """Whether a container (FFmpeg's name of its demuxer) has an index that can be trusted."""
    return container_name.split(",")[0] in WITH_INDEX


def on_one_time_line(index: FrameIndex | None, container: InputContainer, read: Iterator[Packet]) -> Iterator[Packet]:
    """Packets of a whole file, read from its beginning, with their timestamps moved to the first recording's clock.

    Those whose time lies in no recording, or outside their own, are left out. Without an index there is one recording.
    """
    if index is None or len(index.recordings) == 1:
        yield from read
        return
    zero, positions = start_seconds(container), dict[int, int]()
    for packet in read:
        if packet.pos is not None:
            positions[packet.stream.index] = packet.pos
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or packet.size == 0:
            yield packet
            continue
        recording = index.recording_from(positions.get(packet.stream.index, 0))
        seconds = stamp * packet.time_base - recording.clock
        if not recording.start - 1 <= seconds <= recording.stop + 1:
            continue
        moved = round((zero - recording.clock) / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts + moved
        packet.dts = None if packet.dts is None else packet.dts + moved
        yield packet
