"""When every frame of a file is shown, and where its keyframes lie, read from all of its packets.

In: a file in a container that has no index to trust: transport and program streams, AVI, FLV and others seek to a time
or a byte, and after that guess timestamps. Out: a `FrameIndex`. A file may hold several recordings one after the other,
each on a clock of its own; on the file's time line, which begins at zero, they follow each other without a gap.
"""

from __future__ import annotations

import itertools
import statistics
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from highlightr.core.errors import MediaError
from highlightr.media._container.opening import best_video, packets, reading, start_seconds
from highlightr.media._decode.nal import NalReader

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

WITH_INDEX = ("mov", "matroska")
"""Containers whose index names keyframes by display time: they are read where they are needed, and not as a whole."""

BY_BYTES = ("mpegts", "mpeg")
"""Containers that can be read from any byte on, and whose clock may jump."""

LONGEST_GAP_SECONDS = 10.0
"""No stream of a recording is silent for longer, unless another one goes on."""

_BACK_SECONDS = 1.0
"""A decode time that lies this much before its stream's latest belongs to another recording."""

_FASTEST_RATE = 500
_TAIL_FRAMES = 64
_LOOKED_AT_FRAMES = 32


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
    frames_to_recover: int


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
        before = bisect_right(times, start)
        earlier = bisect_left(times, times[before - 1]) if before else 0
        return times[earlier : bisect_left(times, stop) + 1]

    def recording_at(self, seconds: Fraction) -> Recording:
        """The one that a time from zero lies in."""
        starts = [one.start for one in self.recordings]
        return self.recordings[max(0, bisect_right(starts, seconds) - 1)]

    def recording_from(self, position: int) -> Recording:
        """The one that a byte lies in."""
        starts = [one.first_byte for one in self.recordings]
        return self.recordings[max(0, bisect_right(starts, position) - 1)]


def has_own_index(container_name: str) -> bool:
    """Whether a container (FFmpeg's name of its demuxer) has an index that can be trusted."""
    return container_name.split(",")[0] in WITH_INDEX


def read_frame_index(path: Path) -> FrameIndex:
    """Read every packet of a file; done once for as long as the file stays the same.

    Raises:
        MediaError: the file cannot be opened, or its frames have no timestamps.
    """
    status = path.stat()
    return _read(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4)
def _read(path: Path, size_bytes: int, changed_ns: int) -> FrameIndex:  # noqa: ARG001  # Part of the key.
    with reading(path) as container:
        stream = best_video(container, path)
        stretches = _Stretches(stream, container.format.name in BY_BYTES, decoder_delay(path))
        for packet in packets(container, stream, *container.streams.audio):
            stretches.push(packet)
        zero = start_seconds(container)
    return stretches.index(path, zero, size_bytes)


def decoder_delay(path: Path) -> int | None:
    """How many ticks after its decode time a frame leaves the decoder; `None` where the file has display times.

    AVI has none. What FFmpeg guesses is right unless frames of H.264 or HEVC are reordered; then they come in order of
    decode time alone.
    """
    with reading(path) as container:
        if container.format.name != "avi":
            return None
        stream = best_video(container, path)
        frames: list[Any] = []
        first: int | None = None
        for packet in packets(container, stream):
            first = packet.dts if first is None else first
            frames += _decoded(packet)
            if len(frames) >= _LOOKED_AT_FRAMES:
                break
    shown = [frame.pts for frame in frames]
    if first is None or None in shown or shown == sorted(set(shown)) or frames[0].dts is None:
        return None
    return int(frames[0].dts - first)


def _decoded(packet: av.Packet[Any]) -> list[Any]:
    import av

    try:
        return list(packet.decode())
    except av.FFmpegError:
        return []


@dataclass
class _Stretch:
    """What was read of one recording."""

    first_byte: int
    latest: float
    """The latest decode time of any stream."""
    earliest: Fraction
    """The earliest display time of any stream."""
    frames: list[tuple[int, int]] = field(default_factory=list)
    """Display time and bytes of each."""
    keyframes: list[tuple[int, int, int]] = field(default_factory=list)
    sound: list[tuple[Fraction, int]] = field(default_factory=list)
    tail: list[tuple[int, int]] = field(default_factory=list)
    """(display time, duration) of the last frames."""

    def stop(self, time_base: Fraction) -> Fraction:
        """End of the frame that is shown last; where its duration is missing, the usual step stands in."""
        recent = sorted(self.tail)[-_TAIL_FRAMES:]
        stamp, duration = recent[-1]
        steps = [b[0] - a[0] for a, b in itertools.pairwise(recent) if b[0] > a[0]]
        if duration * time_base * _FASTEST_RATE < 1:
            duration = int(statistics.median(steps)) if steps else max(duration, 1)
        return (stamp + duration) * time_base


class _Stretches:
    """Sorts packets into recordings."""

    def __init__(self, stream: Any, splits: bool, delay: int | None) -> None:
        self._video, self._splits, self._delay = stream, splits, delay
        self._time_base = Fraction(stream.time_base)
        self._nal = NalReader(stream.codec_context.codec.canonical_name, stream.codec_context.extradata)
        self._stretches: list[_Stretch] = []
        self._number: dict[int, int] = {}
        self._latest: dict[int, float] = {}
        self._position: dict[int, int] = {}

    def push(self, packet: av.Packet[Any]) -> None:
        """Take the next packet."""
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None or packet.size == 0 or packet.is_discard:
            return
        index = packet.stream.index
        if packet.pos is not None:
            self._position[index] = packet.pos
        stretch = self._stretch_of(index, float(stamp * packet.time_base), packet)
        shown = stamp if packet.pts is None else packet.pts
        if packet.stream is self._video:
            shown = shown if self._delay is None else stamp + self._delay
            self._take_picture(stretch, packet, shown)
        elif not stretch.sound or shown * packet.time_base > stretch.sound[-1][0] + Fraction(1, 4):
            stretch.sound.append((shown * packet.time_base, self._position.get(index, 0)))

    def _take_picture(self, stretch: _Stretch, packet: av.Packet[Any], shown: int) -> None:
        stretch.frames.append((shown, packet.size))
        stretch.tail.append((shown, packet.duration or 0))
        if len(stretch.tail) > 2 * _TAIL_FRAMES:
            stretch.tail = sorted(stretch.tail)[-_TAIL_FRAMES:]
        wait = self._nal.frames_to_recover(packet)
        if wait is not None:
            stretch.keyframes.append((shown, self._position.get(packet.stream.index, 0), wait))

    def _stretch_of(self, index: int, seconds: float, packet: av.Packet[Any]) -> _Stretch:
        """The recording that a packet belongs to; a jump of its own stream's clock begins the next one."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        shown = (stamp or 0) * packet.time_base
        if not self._stretches:
            self._stretches.append(_Stretch(0, seconds, shown))
        number = self._number.get(index, len(self._stretches) - 1)
        if self._splits and self._has_jumped(index, number, seconds):
            number += 1
            if number == len(self._stretches):
                self._stretches.append(_Stretch(self._position.get(index, 0), seconds, shown))
        stretch = self._stretches[number]
        stretch.latest, stretch.earliest = max(stretch.latest, seconds), min(stretch.earliest, shown)
        self._number[index], self._latest[index] = number, seconds
        return stretch

    def _has_jumped(self, index: int, number: int, seconds: float) -> bool:
        latest = self._latest.get(index)
        if latest is None:
            return False
        ahead = max(latest, self._stretches[number].latest) + LONGEST_GAP_SECONDS
        return seconds < latest - _BACK_SECONDS or seconds > ahead

    def index(self, path: Path, zero: Fraction, size_bytes: int) -> FrameIndex:
        """All that was read, on one time line; `zero` is the container's first timestamp."""
        stretches = [one for one in self._stretches if one.frames]
        if not stretches:
            raise MediaError(f"{path}: its frames carry no usable timestamps; remux or convert it")
        unit, recordings = self._time_base, list[Recording]()
        keyframes, sound = list[Keyframe](), list[tuple[Fraction, int]]()
        for number, stretch in enumerate(stretches):
            stop_byte = stretches[number + 1].first_byte if number + 1 < len(stretches) else size_bytes
            one = _after(stretch, recordings, zero, unit, stop_byte)
            recordings.append(one)
            keys = [Keyframe(stamp * unit - one.clock, position, wait) for stamp, position, wait in stretch.keyframes]
            keyframes += sorted(keys, key=lambda key: key.shown)
            sound += [(shown - one.clock, position) for shown, position in stretch.sound]
        return FrameIndex(tuple(recordings), unit, self._delay, tuple(keyframes), tuple(sound))


def _after(
    stretch: _Stretch, before: Sequence[Recording], zero: Fraction, time_base: Fraction, stop_byte: int
) -> Recording:
    """A recording that begins where the picture of the one before ends; the first one at the container's zero."""
    start = before[-1].stop if before else Fraction(0)
    first_byte = stretch.first_byte if before else 0
    clock = (stretch.earliest if before else zero) - start
    frames = _decodable(sorted(stretch.frames), stretch.keyframes)
    stamps, sizes = array("q", [stamp for stamp, _ in frames]), array("q", [size for _, size in frames])
    return Recording(first_byte, stop_byte, clock, start, max(start, stretch.stop(time_base) - clock), stamps, sizes)


def _decodable(frames: list[tuple[int, int]], keyframes: Sequence[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """Without those before the first keyframe, where a recording begins inside a group of pictures."""
    if not keyframes:
        return frames
    shown, _, wait = min(keyframes)
    return frames[min(bisect_left(frames, (shown, 0)) + wait, len(frames) - 1) :]


def on_one_time_line(
    index: FrameIndex, container: InputContainer, read: Iterator[av.Packet[Any]]
) -> Iterator[av.Packet[Any]]:
    """Packets of a whole file, read from its beginning, with their timestamps moved to the first recording's clock.

    Those whose time lies in no recording, or outside their own, are left out.
    """
    if len(index.recordings) == 1:
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
