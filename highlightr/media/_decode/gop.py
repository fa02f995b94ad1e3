"""One group of pictures on its way: packets wait for a decoder, and what came of them waits to be given out.

In: packets, from the thread that reads the file. Out: items, to the same thread; a decoder's thread is in between. Both
queues are bounded: the faster side blocks.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from fractions import Fraction

from highlightr.media._container.av_types import Packet
from highlightr.media._decode.frame_converter import FramePicker
from highlightr.media.sampling import Item

LARGEST_BACKLOG_BYTES = 32 * 2**20
"""Of all packets that wait for a decoder. A group that is larger is decoded alone."""

PACKET_BYTES = 2048
"""What a packet takes besides its data."""

LARGEST_LEAD_BYTES = 16 * 2**20
"""Of the pictures that a group holds ready."""

HANDFUL_BYTES = 64 * 2**10
"""Pictures are handed over when they are this much: to wake a thread costs as much as to scale a thumbnail."""


class Stopped(Exception):  # noqa: N818  not an error
    """The results are not wanted any more."""


class SharedState:
    """What the threads of one pass share. Change it, and what groups say of themselves, under its lock only."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.work = threading.Condition(self.lock)
        """Workers wait for it: there is something for them to do, or room for what they did."""
        self.news = threading.Condition(self.lock)
        """The reading thread waits for it: there are items, or room for packets, or a worker is at its end."""
        self.stopped = False
        self.error: BaseException | None = None
        self.backlog_bytes = 0
        self.damaged = 0
        """Packets and frames that were left out so far."""

    @property
    def is_full(self) -> bool:
        """Whether enough packets wait."""
        return self.backlog_bytes >= LARGEST_BACKLOG_BYTES

    def wait_for_work(self, ready: Callable[[], object]) -> None:
        """On a worker's thread: wait until it is `ready`; `Stopped` comes at once when all is over."""
        self.work.wait_for(lambda: ready() or self.stopped)
        if self.stopped:
            raise Stopped


class GopTask:
    """Packets that decode on their own; frames that do not come `after` that time are out of order.

    `start` is when the first one is to be shown, if that is known.
    """

    def __init__(
        self, shared: SharedState, before: GopTask | None, after: Fraction | None, start: Fraction | None
    ) -> None:
        self._shared, self._before = shared, before
        self._packets: deque[Packet] = deque()
        self._closed = False
        self._items: list[tuple[str, Item]] = []
        self._item_bytes = 0
        self.start = start
        self.stop: Fraction | None = None
        """When the next group starts; not known before all packets are here, nor in the last group."""
        self.last = after
        """When its latest frame appeared."""
        self.first: Fraction | None = None
        """When its first frame appeared."""
        self.pickers: Mapping[str, FramePicker] = {}
        """Who picks among its frames, by the request's name, once there is a first one."""
        self.ended = False
        """Whether all of it is decoded."""

    def __len__(self) -> int:
        """How many packets wait."""
        return len(self._packets)

    # --- the thread that reads ---

    def put(self, packet: Packet) -> None:
        """Add the next packet."""
        with self._shared.lock:
            self._packets.append(packet)
            self._shared.backlog_bytes += packet.size + PACKET_BYTES
            self._shared.work.notify_all()

    def close(self, stop: Fraction | None) -> None:
        """No more packets follow; the next group starts at `stop`, if there is one."""
        with self._shared.lock:
            self._closed, self.stop = True, stop
            self._shared.work.notify_all()

    def take(self) -> tuple[list[tuple[str, Item]], bool]:
        """The items that are ready, and whether no more follow."""
        with self._shared.lock:
            items, self._items, self._item_bytes = self._items, [], 0
            if items:
                self._shared.work.notify_all()
            return items, self.ended

    # --- the thread that decodes ---

    def next_packet(self) -> Packet | None:
        """The next packet, `None` after the last one."""
        with self._shared.lock:
            self._shared.wait_for_work(lambda: self._packets or self._closed)
            if not self._packets:
                return None
            packet, was_full = self._packets.popleft(), self._shared.is_full
            self._shared.backlog_bytes -= packet.size + PACKET_BYTES
            if was_full and not self._shared.is_full:
                self._shared.news.notify_all()
            return packet

    def follows_a_frame(self) -> bool:
        """Whether an earlier group shows anything; waits until that is known."""
        with self._shared.lock:
            self._shared.wait_for_work(lambda: self._earlier_frame() is not None)
            return bool(self._earlier_frame())

    def _earlier_frame(self) -> bool | None:
        """`None` while that is open."""
        earlier, all_ended = self._before, True
        while earlier is not None:
            if earlier.first is not None:
                return True
            all_ended &= earlier.ended
            earlier = earlier._before
        return False if all_ended else None

    def begin(self, seconds: Fraction, pickers: Mapping[str, FramePicker]) -> None:
        """The first frame is here, and with it all that is to know of earlier groups."""
        with self._shared.lock:
            self.first, self.pickers, self._before = seconds, pickers, None
            self._shared.work.notify_all()

    def hand_over(self, name: str, item: Item, num_bytes: int) -> None:
        """Keep an item for the reading thread, which is told of several at once; waits while too many are kept."""
        with self._shared.lock:
            self._shared.wait_for_work(lambda: self._item_bytes < LARGEST_LEAD_BYTES)
            told = self._item_bytes // HANDFUL_BYTES
            self._items.append((name, item))
            self._item_bytes += num_bytes
            if self._item_bytes // HANDFUL_BYTES > told:
                self._shared.news.notify_all()

    def end(self) -> None:
        """All of it is decoded."""
        with self._shared.lock:
            self.ended = True
            self._shared.work.notify_all()
            self._shared.news.notify_all()
