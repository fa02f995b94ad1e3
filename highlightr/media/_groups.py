"""Decoding groups of pictures side by side.

In: the packets of a video stream in file order, those left out that no one will see. Out: what the picture taps asked
for, in order of time for each. A group begins at a picture that nothing after it looks behind of (IDR): it decodes
without the one before it, on a thread and a decoder of its own. Where a stream has no such pictures it is one group,
decoded by as many threads. Frames are picked and scaled where they are decoded; memory is bounded.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from highlightr.errors import DecodeError
from highlightr.media._bounds import frame_threads
from highlightr.media._container import open_container, start_seconds
from highlightr.media._pictures import FramePicker, ThumbnailMaker
from highlightr.media._seams import Seams
from highlightr.media.taps import Frame, FrameTap, Item, Thumbnail, ThumbnailTap
from highlightr.timeline import Source

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

__all__ = ["Groups"]

PictureTap = FrameTap | ThumbnailTap

LONGEST_PACKETS = 300
"""A stream whose first group is longer is decoded as one piece. Most encoders begin afresh every 250 frames."""

_LARGEST_BACKLOG_BYTES = 32 * 2**20
"""Of packets that wait for a decoder. A group that is larger is decoded alone."""

_PACKET_BYTES = 2048
"""What a packet takes besides its data."""

_LARGEST_LEAD_BYTES = 16 * 2**20
"""Of pictures that a group may hold ready."""

_TICK_SECONDS = 0.1
"""How often a wait looks up: a signal that the system gave to another thread is noticed only then."""


class _Stopped(Exception):  # noqa: N818  not an error
    """Ends a worker whose results are no longer wanted."""


class _Group:
    """Packets that decode on their own, and what came of them."""

    def __init__(self, number: int, after: Fraction | None) -> None:
        self.number = number
        self.packets: deque[av.Packet[Any]] = deque()
        self.closed = False
        """No more packets follow."""
        self.items: deque[tuple[str, Item]] = deque()
        self.item_bytes = 0
        self.first: Fraction | None = None
        """When its first frame appeared."""
        self.last = after
        """When its latest frame appeared; frames up to that are out of order."""
        self.consumers: dict[str, FramePicker | ThumbnailMaker] = {}
        self.ended = False


class Groups:
    """The decoders of one stream and the picture taps that they feed. Leave it by `stop`.

    Args:
        container: opened; its own decoder serves the first worker.
        source: what `probe` returned.
        taps: name to tap.
        threads: how many decode; 0 takes one per core.
    """

    def __init__(self, container: InputContainer, source: Source, taps: Mapping[str, PictureTap], threads: int) -> None:
        video = source.video
        self._source, self._taps, self._container = source, taps, container
        self._start = start_seconds(container)
        self._stream: Any = container.streams[video.index]
        self._seams = Seams(self._stream.codec_context)
        self._threads = frame_threads(video.width, video.height, threads)
        self._state = threading.Condition()
        self._groups: deque[_Group] = deque()
        """Those that are not given out whole, oldest first."""
        self._next: deque[_Group] = deque()
        """Those that no worker has taken."""
        self._open: _Group | None = None
        """The one that packets are added to."""
        self._workers: list[threading.Thread] = []
        self._running = 0
        self._backlog_bytes = self._count = 0
        self._earliest: int | None = None
        """Number of the first group that is known to show a frame."""
        self._on_screen: _Group | None = None
        """The latest group that was given out whole: its last frame stays until the next one's first."""
        self._stopped = False
        self._error: BaseException | None = None
        self.damaged = 0
        """Packets and frames that were left out so far."""

    def push(self, packet: av.Packet[Any]) -> Iterator[tuple[str, Item]]:
        """Take the next packet; items that are ready come out."""
        latest = self._seams.latest_pts
        if self._seams.lies_before(packet) or self._open is None:
            self._begin(latest)
        if not self._workers and self._count == 1 and self._has_enough_of_the_first():
            self._seams.take_as_one_piece()
            self._hire(self._threads)
        yield from self._given_out(lambda: self._backlog_bytes < _LARGEST_BACKLOG_BYTES)
        with self._state:
            assert self._open is not None
            self._open.packets.append(packet)
            self._backlog_bytes += _size(packet)
            self._state.notify_all()

    def finish(self) -> Iterator[tuple[str, Item]]:
        """No more packets follow: everything that is left.

        Raises:
            DecodeError: not one frame could be decoded.
        """
        self._close()
        if self._groups and not self._workers:
            self._hire(self._threads)
        yield from self._given_out(lambda: not self._groups)
        if self._on_screen is None:
            raise DecodeError(f"{self._source.path}: not one frame can be decoded; give an intact file")
        for name, consumer in self._on_screen.consumers.items():
            yield from ((name, item) for item in consumer.finish())

    def stop(self) -> None:
        """End the workers and wait for them, whatever they are at."""
        with self._state:
            self._stopped = True
            self._state.notify_all()
            while self._running:
                self._state.wait(_TICK_SECONDS)

    # --- on the caller's thread ------------------------------------------------------------------------------------

    def _begin(self, latest: int | None) -> None:
        self._close()
        after = None if latest is None else latest * self._stream.time_base - self._start
        self._open = _Group(self._count, after)
        self._count += 1
        with self._state:
            self._groups.append(self._open)
            self._next.append(self._open)
            self._state.notify_all()
        while len(self._workers) < min(self._count, self._threads) and self._count > 1:
            self._hire(threads=1)

    def _has_enough_of_the_first(self) -> bool:
        assert self._open is not None
        return len(self._open.packets) >= LONGEST_PACKETS or self._backlog_bytes >= _LARGEST_BACKLOG_BYTES

    def _close(self) -> None:
        if self._open is not None:
            with self._state:
                self._open.closed = True
                self._state.notify_all()

    def _hire(self, threads: int) -> None:
        number = len(self._workers)
        worker = threading.Thread(target=self._work, args=(number, threads), name=f"decode-{number}", daemon=True)
        self._workers.append(worker)
        with self._state:
            self._running += 1
        worker.start()

    def _given_out(self, enough: Callable[[], bool]) -> Iterator[tuple[str, Item]]:
        """Items in their order, waiting for more until it is `enough`."""
        while True:
            taken = list(self._taken())
            yield from taken
            with self._state:
                if self._error is not None:
                    raise self._error
                if enough():
                    return
                if not taken:
                    self._state.wait(_TICK_SECONDS)

    def _taken(self) -> Iterator[tuple[str, Item]]:
        """What the oldest group has ready; where it is at its end, the next one's, too."""
        while self._groups:
            group = self._groups[0]
            with self._state:
                items, group.items, group.item_bytes = group.items, deque(), 0
                first, ended = group.first, group.ended
                self._state.notify_all()
            if first is not None and self._on_screen is not None:
                for name, consumer in self._on_screen.consumers.items():
                    yield from ((name, item) for item in consumer.until(first))
                self._on_screen = None
            yield from items
            if not ended:
                return
            with self._state:
                self._groups.popleft()
            self._on_screen = group if first is not None else self._on_screen

    # --- on a worker's thread --------------------------------------------------------------------------------------

    def _work(self, number: int, threads: int) -> None:
        try:
            with ExitStack() as stack:
                decoder = self._decoder(number, threads, stack)
                while (group := self._next_group()) is not None:
                    self._decode(group, decoder)
        except _Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  it is raised again where the items are taken
            self._error = self._error or error
        finally:
            with self._state:
                self._running -= 1
                self._state.notify_all()

    def _decoder(self, number: int, threads: int, stack: ExitStack) -> Any:
        stream = self._stream
        if number > 0:
            # A decoder set up by the file itself: some of what it has to know is in no packet.
            stream = stack.enter_context(open_container(self._source.path)).streams[self._source.video.index]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        return stream.codec_context

    def _next_group(self) -> _Group | None:
        with self._state:
            self._state.wait_for(lambda: self._next or self._stopped)
            return None if self._stopped else self._next.popleft()

    def _decode(self, group: _Group, decoder: Any) -> None:
        import av

        while (packet := self._next_packet(group)) is not None:
            self._show(group, decoder, packet)
        ending: av.Packet[Any] = av.Packet()
        ending.stream, ending.time_base = self._stream, self._stream.time_base
        self._show(group, decoder, ending)
        decoder.flush_buffers()
        with self._state:
            group.ended = True
            self._state.notify_all()

    def _next_packet(self, group: _Group) -> av.Packet[Any] | None:
        with self._state:
            self._wait(lambda: bool(group.packets) or group.closed)
            if not group.packets:
                return None
            packet = group.packets.popleft()
            self._backlog_bytes -= _size(packet)
            self._state.notify_all()
            return packet

    def _show(self, group: _Group, decoder: Any, packet: av.Packet[Any]) -> None:
        import av

        try:
            frames = decoder.decode(packet)
        except av.FFmpegError:
            self._miss()
            return
        for frame in frames:
            seconds = self._seconds(group, frame)
            if seconds is None:
                self._miss()
                continue
            if group.first is None:
                self._raise_curtain(group, seconds)
            group.last = seconds
            for name, consumer in group.consumers.items():
                self._hand_over(group, [(name, item) for item in consumer.push(frame, seconds)])

    def _miss(self) -> None:
        with self._state:
            self.damaged += 1

    def _seconds(self, group: _Group, frame: av.VideoFrame) -> Fraction | None:
        """A frame's time from time zero; `None` for one that is damaged, undated or out of order."""
        stamp = frame.pts if frame.pts is not None else frame.dts
        if stamp is None or frame.time_base is None:
            return None
        seconds: Fraction = stamp * Fraction(frame.time_base) - self._start
        if group.last is not None and (frame.is_corrupt or seconds <= group.last):
            return None
        return seconds

    def _raise_curtain(self, group: _Group, seconds: Fraction) -> None:
        """A group's first frame: the very first one of the video is also on screen before its time."""
        with self._state:
            self._wait(lambda: self._is_after(group) or self._is_oldest(group))
            since = seconds if self._is_after(group) else None
            self._earliest = group.number if self._earliest is None else min(self._earliest, group.number)
        for name, tap in self._taps.items():
            if isinstance(tap, FrameTap):
                group.consumers[name] = FramePicker(tap, self._source, since)
            else:
                group.consumers[name] = ThumbnailMaker(tap)
        with self._state:
            group.first = seconds
            self._state.notify_all()

    def _is_after(self, group: _Group) -> bool:
        """Whether an earlier group shows something."""
        return self._earliest is not None and self._earliest < group.number

    def _is_oldest(self, group: _Group) -> bool:
        """Whether all earlier groups are at their end."""
        return all(other.ended for other in self._groups if other.number < group.number)

    def _hand_over(self, group: _Group, items: list[tuple[str, Item]]) -> None:
        if not items:
            return
        with self._state:
            self._wait(lambda: group.item_bytes < _LARGEST_LEAD_BYTES)
            group.items += items
            group.item_bytes += sum(item.image.nbytes for _, item in items if isinstance(item, Frame | Thumbnail))
            self._state.notify_all()

    def _wait(self, ready: Callable[[], bool]) -> None:
        """Wait with the state held.

        Raises:
            _Stopped: the results are not wanted any more.
        """
        self._state.wait_for(lambda: ready() or self._stopped)
        if self._stopped:
            raise _Stopped


def _size(packet: av.Packet[Any]) -> int:
    return packet.size + _PACKET_BYTES
