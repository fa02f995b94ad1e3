"""Where frames lie around a piece, and from where ffmpeg has to read so that they decode as in a full decode.

In: an open file. Out: display times in exact seconds (`Fraction`) from zero, and a `Reach` that was tried: the packets
that come from there hold a keyframe after which the wanted frame is right, and timestamps that are true.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from highlightr.core.types import Source
from highlightr.media._container.opening import open_range, packets, start_seconds
from highlightr.media._cut.ticks import AIM_SECONDS
from highlightr.media._decode.frame_index import BY_BYTES, FrameIndex, Recording, has_own_index
from highlightr.media._decode.frame_scan import read_frame_index
from highlightr.media._decode.nal import NalReader
from highlightr.media._decode.timestamps import STEPS_BACK_SECONDS, Stamps

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

_KEYFRAMES_BACK = (1, 2, 4, 8)
"""How many keyframes before a frame reading begins, tried in turn."""

_SOUND_LEAD_SECONDS = Fraction(1, 2)
"""Reading begins before sound of this much before the frame: decoders need a few packets to begin, too."""


@dataclass(frozen=True)
class Reach:
    """How ffmpeg reads a file so that the frames of a piece decode as they would from the file's beginning."""

    clock: Fraction
    """Added to a time from zero, it gives the timestamp that ffmpeg sees."""
    seek_seconds: Fraction | None = None
    """The timestamp that is sought; `None`: reading starts at the beginning."""
    span: tuple[int, int] | None = None
    """The bytes that are read; `None`: the whole file."""
    format: str | None = None
    """The container's format, where a span of bytes cannot tell it."""
    ids: tuple[int, ...] = ()
    """What the container calls each stream (by its index in the source), where the order of streams may differ."""


class FrameTimes(Protocol):
    """When frames are shown, and how to reach them."""

    def around(self, start: Fraction, stop: Fraction) -> list[Fraction]:
        """Frames on screen during ``[start, stop)``, in order, and the first one at or after `stop` if there is one."""

    def recordings(self, start: Fraction, stop: Fraction) -> list[tuple[Fraction, Fraction]]:
        """The spans between jumps of the file's clock that a piece touches."""

    def reach(self, shown: Fraction) -> Iterator[Reach]:
        """Ways to read so that the frame shown at this time comes out right, the fastest first; the last is safe."""


def frame_times(container: InputContainer, source: Source, stream: Any) -> FrameTimes:
    """Those of an open file: read around each piece where the container has an index, otherwise from all packets."""
    if has_own_index(source.container):
        return _SoughtTimes(container, stream)
    index = read_frame_index(source.path)
    if source.container in BY_BYTES:
        return _ByteTimes(container, source.path, stream, index)
    return _IndexedTimes(container, stream, index)


def _comes_out_right(
    nal: NalReader, read: Iterator[tuple[Fraction, av.Packet[Any]]], wanted: Fraction, *, unseen: bool = False
) -> bool:
    """Whether a frame decodes as it should when decoding begins with the first of these packets.

    For that a keyframe has to come that is shown no later, and early enough to recover.

    Args:
        read: packets in file order and when they are shown.
        unseen: the frame itself need not be met: timestamps are beyond doubt.
    """
    ready: int | None = None
    for shown, packet in read:
        wait = nal.frames_to_recover(packet) if shown <= wanted else None
        if wait is not None:
            ready = wait if ready is None else min(ready, wait)
        elif ready is not None:
            ready -= 1
        if shown == wanted or (unseen and ready is not None and ready <= 0):
            return ready is not None and ready <= 0
    return False


class _SoughtTimes:
    """Of a container that seeks to keyframes."""

    def __init__(self, container: InputContainer, stream: Any) -> None:
        self._container, self._stream = container, stream
        self._stamps = Stamps(container, stream)
        self._zero = start_seconds(container)
        self._nal = NalReader.of(stream.codec_context)

    def around(self, start: Fraction, stop: Fraction) -> list[Fraction]:
        """Read from a second before the piece on, or from as far back as needed."""
        times: list[Fraction] = []
        for back in STEPS_BACK_SECONDS:
            times = self._stamps.shown_from(start - back, stop)
            if start <= back or (times and times[0] <= start):
                break
        return _on_screen(times, start, stop)

    def recordings(self, start: Fraction, stop: Fraction) -> list[tuple[Fraction, Fraction]]:
        """One: its clock does not jump."""
        return [(min(start, Fraction(0)), stop)]

    def reach(self, shown: Fraction) -> Iterator[Reach]:
        """The keyframe that the index names, or one before."""
        for back in (-AIM_SECONDS, *STEPS_BACK_SECONDS):
            aim = shown - back
            if aim >= 0 and _comes_out_right(self._nal, self._read(aim), shown, unseen=True):
                yield Reach(self._zero, self._zero + aim)
        yield Reach(self._zero)

    def _read(self, aim: Fraction) -> Iterator[tuple[Fraction, av.Packet[Any]]]:
        self._stamps.seek(aim)
        for packet in packets(self._container, self._stream):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None and packet.size:
                yield stamp * packet.time_base - self._zero, packet


class _IndexedTimes:
    """Of a container that was read as a whole, and seeks to times."""

    def __init__(self, container: InputContainer, stream: Any, index: FrameIndex) -> None:
        self._container, self._stream, self._index = container, stream, index
        self._stamps = Stamps(container, stream)
        self._zero = start_seconds(container)
        self._nal = NalReader.of(stream.codec_context)

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
        for aim in (shown + AIM_SECONDS, *keys[-1:], *(shown - back for back in STEPS_BACK_SECONDS)):
            # Before its second keyframe a file is read from its beginning: some seek to that one instead.
            if len(keys) > 1 and aim >= keys[1] and _comes_out_right(self._nal, self._read(aim), shown):
                yield Reach(self._zero, self._zero + aim)
        yield Reach(self._zero)

    def _read(self, aim: Fraction) -> Iterator[tuple[Fraction, av.Packet[Any]]]:
        self._stamps.seek(aim)
        yield from self._true(packets(self._container, self._stream), self._index.recordings[0], lambda _: 0)

    def _true(
        self, read: Iterator[av.Packet[Any]], recording: Recording, turns: Callable[[int], int]
    ) -> Iterator[tuple[Fraction, av.Packet[Any]]]:
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

    def __init__(self, container: InputContainer, path: Path, stream: Any, index: FrameIndex) -> None:
        super().__init__(container, stream, index)
        self._path = path
        self._ids = tuple(one.id for one in container.streams)

    def reach(self, shown: Fraction) -> Iterator[Reach]:
        """The keyframe before the frame, earlier ones, then the beginning of the recording."""
        recording = self._index.recording_at(shown)
        keys = [key for key in self._index.keyframes if recording.start <= key.shown <= shown]
        for back in _KEYFRAMES_BACK:
            if back <= len(keys):
                first = max(recording.first_byte, min(keys[-back].position, self._sound_position(shown)))
                yield from self._tried(recording, first, shown)
        yield from self._tried(recording, recording.first_byte, shown)
        span = (recording.first_byte, recording.stop_byte)
        yield Reach(recording.clock, None, span, self._container.format.name, self._ids)

    def _sound_position(self, shown: Fraction) -> int:
        """Where to read from for the sound at a time."""
        early = shown - _SOUND_LEAD_SECONDS
        before = [position for seconds, position in self._index.sound_positions if seconds <= early]
        return before[-1] if before else 0

    def _tried(self, recording: Recording, first: int, shown: Fraction) -> Iterator[Reach]:
        """The bytes from here on, if they hold the wanted frame and what it needs, with true timestamps."""
        span, name = (first, recording.stop_byte), self._container.format.name
        ahead: list[int] = []

        def turns(stamp: int) -> int:
            if not ahead:
                ahead.append(round((stamp - (recording.clock + shown) / self._index.time_base) / (1 << 33)))
            return ahead[0]

        with open_range(self._path, span, name) as part:
            same = next((one for one in part.streams.video if one.id == self._stream.id), None)
            if same is not None and _comes_out_right(
                self._nal, self._true(packets(part, same), recording, turns), shown
            ):
                clock = recording.clock + (ahead[0] << 33) * self._index.time_base
                yield Reach(clock, None, span, name, self._ids)


def _on_screen(times: list[Fraction], start: Fraction, stop: Fraction) -> list[Fraction]:
    before = bisect_right(times, start)
    first = bisect_left(times, times[before - 1]) if before else 0
    return times[first : bisect_left(times, stop) + 1]
