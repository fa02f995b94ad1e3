"""Reading all packets of a file to know when each frame is shown, and where its recordings and keyframes lie.

In: a file. Out: a `FrameIndex`, kept for as long as the file stays the same.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from highlightr.core.errors import MediaError
from highlightr.core.hashing import FileIdentity
from highlightr.media._container.audio import of_other_programs
from highlightr.media._container.av_types import Packet
from highlightr.media._container.description import describe
from highlightr.media._container.opening import best_video, decoded, packets, reading, start_seconds
from highlightr.media._decode.frame_index import BY_BYTES, FrameIndex, Keyframe, Recording, has_own_index
from highlightr.media._decode.nal import NalReader
from highlightr.media._decode.timestamps import LastFrames

LONGEST_GAP_SECONDS = 10.0
"""No stream of a recording is silent for longer, unless another one goes on."""

_BACK_SECONDS = 1.0
"""A decode time that lies this much before its stream's latest belongs to another recording."""

_LOOKED_AT_FRAMES = 32

_SAMPLED_SECONDS = Fraction(1, 4)
"""How far apart the packets of sound are that are kept."""

_WITHOUT_DISPLAY_TIMES = ("avi", "asf", "mxf")

_SYNC = 0x47
"""First byte of every packet of a transport stream."""

_PACKET_BYTES = (188, 192, 204)
"""Plain, with a time stamp (.m2ts), with error correction."""

_MOST_PACKETS = 64
"""Of tables before a recording's first picture or sound."""


def sound_mark(packet: Packet) -> int:
    """What tells a packet of sound from others: their sizes are often all the same."""
    return zlib.crc32(memoryview(packet))


def frame_index(path: Path, container_name: str) -> FrameIndex | None:
    """Read every packet of a file whose container has no index of its own, otherwise `None`.

    Done once for as long as the file stays the same.

    Raises:
        MediaError: the file cannot be opened, or its frames have no timestamps.
    """
    if has_own_index(container_name):
        return None
    try:
        identity = FileIdentity.of(path)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); give a complete video file") from error
    return _read(path, identity)


@lru_cache(maxsize=4)
def _read(path: Path, identity: FileIdentity) -> FrameIndex:
    with reading(path) as container:
        stream = best_video(container, path)
        delay = decoder_delay(path, stream.index) if container.format.name in _WITHOUT_DISPLAY_TIMES else None
        recordings = _Splitter(stream, container.format.name in BY_BYTES, delay)
        others = of_other_programs(describe(container), stream.index)  # They may have a clock of their own.
        sounds = [sound for sound in container.streams.audio if sound.index not in others]
        for packet in packets(container, stream, *sounds):
            recordings.push(packet)
        zero = start_seconds(container)
        if container.format.name == "mpegts":
            recordings.take_tables(path, {one.id for one in container.streams})
    return recordings.index(path, zero, identity.size_bytes)


def decoder_delay(path: Path, video_index: int) -> int | None:
    """How many ticks after its decode time a frame leaves the decoder, where display times are none; otherwise `None`.

    AVI and ASF have none. Of H.264 and HEVC, whose frames may be reordered, FFmpeg guesses them, in each release
    differently: only the order of decode times is sure. In MXF some writers give decode times for both.
    """
    with reading(path) as container:
        stream, frames = container.streams[video_index], list[Any]()
        first: int | None = None
        for packet in packets(container, stream):
            first = packet.dts if first is None else first
            frames += decoded(packet)
            if len(frames) >= _LOOKED_AT_FRAMES:
                break
    shown, decoded_at = [frame.pts for frame in frames], [frame.dts for frame in frames]
    if first is None or None in shown or decoded_at[0] is None:
        return None
    may_guess = container.format.name != "mxf" and stream.codec_context.codec.canonical_name in ("h264", "hevc")
    is_wrong = shown != sorted(set(shown)) or (may_guess and shown != decoded_at)
    return int(decoded_at[0] - first) if is_wrong else None


@dataclass
class _OpenRecording:
    """What was read of one recording."""

    first_byte: int
    last_frames: LastFrames
    latest: float
    """The latest decode time of any stream."""
    earliest: Fraction
    """The earliest display time of any stream."""
    frames: list[tuple[int, int]] = field(default_factory=list)
    """Display time and bytes of each."""
    keyframes: list[tuple[int, int, int]] = field(default_factory=list)
    sound: list[tuple[Fraction, int]] = field(default_factory=list)


class _Splitter:
    """Sorts packets into recordings."""

    def __init__(self, stream: Any, splits: bool, delay: int | None) -> None:
        self._video, self._splits, self._delay = stream, splits, delay
        self._time_base = Fraction(stream.time_base)
        self._nal = NalReader.of(stream.codec_context)
        self._recordings: list[_OpenRecording] = []
        self._number: dict[int, int] = {}
        self._latest: dict[int, float] = {}
        self._position: dict[int, int] = {}
        self._sound_marks: dict[int, dict[int, int]] = {}

    def push(self, packet: Packet) -> None:
        """Take the next packet."""
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None or packet.size == 0 or packet.is_discard:
            return
        index = packet.stream.index
        if packet.pos is not None:
            self._position[index] = packet.pos
        shown = stamp if packet.pts is None else packet.pts
        recording = self._recording_of(index, float(stamp * packet.time_base), shown * packet.time_base)
        if packet.stream is self._video:
            shown = shown if self._delay is None else stamp + self._delay
            self._take_picture(recording, packet, shown)
            return
        if not recording.sound or shown * packet.time_base > recording.sound[-1][0] + _SAMPLED_SECONDS:
            recording.sound.append((shown * packet.time_base, self._position.get(index, 0)))
        if not self._splits:
            marks = self._sound_marks.setdefault(index, {})
            if not marks or shown * packet.time_base > next(reversed(marks)) * packet.time_base + _SAMPLED_SECONDS:
                marks[shown] = sound_mark(packet)

    def _take_picture(self, recording: _OpenRecording, packet: Packet, shown: int) -> None:
        recording.frames.append((shown, packet.size))
        recording.last_frames.push(shown, packet.duration)
        wait = self._nal.frames_to_recover(packet)
        if wait is not None:
            recording.keyframes.append((shown, self._position.get(packet.stream.index, 0), wait))

    def _recording_of(self, index: int, seconds: float, shown: Fraction) -> _OpenRecording:
        """The recording that a packet belongs to; a jump of its own stream's clock begins the next one."""
        if not self._recordings:
            self._begin(0, seconds, shown)
        number = self._number.get(index, len(self._recordings) - 1)
        if self._splits and self._has_jumped(index, number, seconds):
            number += 1
            if number == len(self._recordings):
                self._begin(self._position.get(index, 0), seconds, shown)
        recording = self._recordings[number]
        recording.latest, recording.earliest = max(recording.latest, seconds), min(recording.earliest, shown)
        if self._number.get(index) != number:
            # Streams do not come in the order of their bytes: a picture is whole when the next one begins.
            recording.first_byte = min(recording.first_byte, self._position.get(index, recording.first_byte))
        self._number[index], self._latest[index] = number, seconds
        return recording

    def _begin(self, first_byte: int, seconds: float, shown: Fraction) -> None:
        self._recordings.append(_OpenRecording(first_byte, LastFrames(self._time_base), seconds, shown))

    def _has_jumped(self, index: int, number: int, seconds: float) -> bool:
        latest = self._latest.get(index)
        if latest is None:
            return False
        ahead = max(latest, self._recordings[number].latest) + LONGEST_GAP_SECONDS
        return seconds < latest - _BACK_SECONDS or seconds > ahead

    def take_tables(self, path: Path, pids: Set[int]) -> None:
        """Let each recording of a transport stream begin with the tables that say what is in it."""
        for recording in self._recordings[1:]:
            recording.first_byte = _before_tables(path, recording.first_byte, pids)

    def index(self, path: Path, zero: Fraction, size_bytes: int) -> FrameIndex:
        """All that was read, on one time line; `zero` is the container's first timestamp."""
        read = [one for one in self._recordings if one.frames]
        if not read:
            raise MediaError(f"{path}: its frames carry no usable timestamps; convert it (`ffmpeg -i IN OUT.mp4`)")
        unit, recordings = self._time_base, list[Recording]()
        keyframes, sound = list[Keyframe](), list[tuple[Fraction, int]]()
        for one, stop_byte in zip(read, [*(other.first_byte for other in read[1:]), size_bytes], strict=True):
            recordings.append(_after(one, recordings, zero, stop_byte))
            clock = recordings[-1].clock
            keys = [Keyframe(stamp * unit - clock, position) for stamp, position, _ in one.keyframes]
            keyframes += sorted(keys, key=lambda key: key.shown)
            sound += [(shown - clock, position) for shown, position in one.sound]
        return FrameIndex(tuple(recordings), unit, self._delay, tuple(keyframes), tuple(sound), self._sound_marks)


def _after(recording: _OpenRecording, before: Sequence[Recording], zero: Fraction, stop_byte: int) -> Recording:
    """A recording that begins where the picture of the one before ends; the first one at the container's zero."""
    start = before[-1].stop if before else Fraction(0)
    first_byte = recording.first_byte if before else 0
    clock = (recording.earliest if before else zero) - start
    frames = _decodable(sorted(recording.frames), recording.keyframes)
    stamps, sizes = array("q", [stamp for stamp, _ in frames]), array("q", [size for _, size in frames])
    last = recording.last_frames.stop
    stop = start if last is None else max(start, last - clock)
    return Recording(first_byte, stop_byte, clock, start, stop, stamps, sizes)


def _decodable(frames: list[tuple[int, int]], keyframes: Sequence[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """Without those before the first keyframe, where a recording begins inside a group of pictures."""
    if not keyframes:
        return frames
    shown, _, wait = min(keyframes)
    return frames[min(bisect_left(frames, (shown, 0)) + wait, len(frames) - 1) :]


def _before_tables(path: Path, position: int, pids: Set[int]) -> int:
    """Where the packets before a byte begin that belong to none of the streams with these PIDs, such as PAT and PMT."""
    read_from = max(0, position - _MOST_PACKETS * _PACKET_BYTES[-1])
    with path.open("rb") as file:
        file.seek(read_from)
        data = file.read(position - read_from + 1)
    if len(data) <= position - read_from or data[-1] != _SYNC:
        return position
    size = next((size for size in _PACKET_BYTES if _all_begin(data, size)), None)
    at = len(data) - 1
    while size is not None and at >= size and data[at - size] == _SYNC and _pid(data, at - size) not in pids:
        at -= size
    return read_from + at


def _all_begin(data: bytes, size: int) -> bool:
    """Whether packets of this size lie before the last byte."""
    return len(data) > size and all(data[at] == _SYNC for at in range(len(data) - 1, -1, -size))


def _pid(data: bytes, at: int) -> int:
    return (data[at + 1] & 0x1F) << 8 | data[at + 2]
