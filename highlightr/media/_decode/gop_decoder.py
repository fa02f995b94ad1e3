"""Decoding groups of pictures side by side.

In: the packets of a video stream in file order. Out: what the requests asked for, in order of time for each. A group
begins at an IDR keyframe: it decodes without the one before it, on a thread and a decoder of its own. Where a stream
has no such pictures it is one group, decoded by as many threads. Memory is bounded.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from highlightr.core.errors import DecodeError
from highlightr.core.source import Source
from highlightr.media._container.av_types import InputContainer, Packet
from highlightr.media._container.limits import decoders, frame_threads
from highlightr.media._container.opening import start_seconds
from highlightr.media._decode.calm import CalmFilter, CalmGroup
from highlightr.media._decode.decoders import another_decoder, threaded
from highlightr.media._decode.gop import GopTask, SharedState, Stopped
from highlightr.media._decode.gop_boundaries import GopBoundaries
from highlightr.media._decode.packet_filter import PacketFilter, sampled_by
from highlightr.media._decode.worker import Worker
from highlightr.media.sampling import FrameRequest, Item, ThumbnailRequest

LONGEST_PACKETS = 300
"""A stream whose first group is longer is decoded as one piece. Most encoders write an IDR picture every 250 frames."""

_TICK_SECONDS = 0.1
"""How often a wait looks up: a signal that the system gave to another thread is noticed only then."""


class GopDecoder:
    """The decoders of one stream and the picture requests that they feed. Leave it by `stop`.

    Args:
        stream: the video of the open container; its own decoder serves the first worker.
        threads: how many decode; 0 takes one per core.
        keep_all: decode every picture; otherwise those that are not sampled and that no other refers to are left out.
        skip_calm: leave out the end of calm groups of pictures, too.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: Any,
        source: Source,
        frames: Mapping[str, FrameRequest],
        thumbnails: Mapping[str, ThumbnailRequest],
        threads: int,
        *,
        keep_all: bool,
        skip_calm: bool,
    ) -> None:
        self._source, self._frames, self._thumbnails = source, frames, thumbnails
        self._start = start_seconds(container)
        self.indices = [source.video.index]
        self._stream = stream
        calm = CalmFilter(source, self._stream) if skip_calm else None
        self._calm: Mapping[int, CalmGroup] = {} if calm is None else calm.groups
        self._filters: list[CalmFilter | PacketFilter] = [] if calm is None else [calm]
        if not keep_all:
            self._filters.append(PacketFilter(self._stream, self._start, sampled_by(frames.values())))
        self._boundaries = GopBoundaries(self._stream.codec_context)
        self._threads = frame_threads(source.video.width, source.video.height, threads)
        self._most_workers = decoders(source.video.width, source.video.height, self._threads)
        if self._most_workers == 1 < self._threads:
            self._boundaries.is_one_piece = True
        self._shared = SharedState()
        self._latest: GopTask | None = None
        """The one that packets are added to."""
        self._unclaimed: deque[GopTask] = deque()
        """Those that no worker has taken."""
        self._shown: deque[GopTask] = deque()
        """Those that are not given out whole, oldest first."""
        self._on_screen: GopTask | None = None
        """The last one that was given out whole: its last frame stays until the next one's first."""
        self._num_workers = self._num_running = 0

    @property
    def losses(self) -> Mapping[str, int]:
        """Packets and frames that were left out so far."""
        return {"video": self._shared.damaged}

    def push(self, packet: Packet) -> Iterator[tuple[str, Item]]:
        """Take the next packet, at last the empty one that ends the stream; items that are ready come out."""
        kept: Iterable[Packet] = (packet,) if packet.size else ()
        for each in self._filters:
            kept = _filtered(each, kept, ended=packet.size == 0)
        for one in kept:
            yield from self._decode(one)

    def _decode(self, packet: Packet) -> Iterator[tuple[str, Item]]:
        latest_pts = self._boundaries.latest_pts
        if self._boundaries.lies_before(packet) or self._latest is None:
            self._begin(packet, latest_pts)
        elif self._num_workers == 0 and (len(self._latest) >= LONGEST_PACKETS or self._shared.is_full):
            self._boundaries.is_one_piece = True
            self._hire(self._threads)
        yield from self._given_out(lambda: not self._shared.is_full)
        if self._latest is not None:
            self._latest.put(packet)

    def finish(self) -> Iterator[tuple[str, Item]]:
        """No more packets follow: everything that is left; a `DecodeError` where not one frame could be decoded."""
        if self._latest is not None:
            self._latest.close(stop=None)
            if self._num_workers == 0:
                self._hire(self._threads)
        yield from self._given_out(lambda: not self._shown)
        if self._on_screen is None:
            raise DecodeError(f"{self._source.path}: not one frame can be decoded; give an intact file")
        for name, picker in self._on_screen.pickers.items():
            yield from ((name, item) for item in picker.until(None))

    def stop(self) -> None:
        """End the workers and wait for them, whatever they are at."""
        with self._shared.lock:
            self._shared.stopped = True
            self._shared.work.notify_all()
            while self._num_running > 0:
                self._shared.news.wait(_TICK_SECONDS)

    def _begin(self, packet: Packet, latest_pts: int | None) -> None:
        """Open a group; its frames come after all that the packets before it hold."""
        before, start = self._latest, self._seconds(packet.pts)
        if before is not None:
            before.close(start)
        self._latest = GopTask(self._shared, before, self._seconds(latest_pts), start)
        self._shown.append(self._latest)
        with self._shared.lock:
            self._unclaimed.append(self._latest)
            self._shared.work.notify_all()
        if before is not None:
            # A stream that can be taken apart: from the second group on there is work for one more.
            while self._num_workers < min(self._most_workers, len(self._shown)):
                self._hire(threads=1)

    def _seconds(self, pts: int | None) -> Fraction | None:
        return None if pts is None else pts * self._stream.time_base - self._start

    # --- what is ready ---

    def _given_out(self, enough: Callable[[], bool]) -> Iterator[tuple[str, Item]]:
        """Items in their order, waiting for more until it is `enough`."""
        while True:
            taken = list(self._taken())
            yield from taken
            with self._shared.lock:
                if self._shared.error is not None:
                    raise self._shared.error
                if enough():
                    return
                if not taken:
                    self._shared.news.wait(_TICK_SECONDS)

    def _taken(self) -> Iterator[tuple[str, Item]]:
        """What the oldest group has ready; where it is at its end, the next one's, too."""
        while self._shown:
            group = self._shown[0]
            items, ended = group.take()
            if group.first is not None and self._on_screen is not None:
                for name, picker in self._on_screen.pickers.items():
                    yield from ((name, item) for item in picker.until(group.first))
                self._on_screen = None
            yield from items
            if not ended:
                return
            self._shown.popleft()
            self._on_screen = group if group.first is not None else self._on_screen

    # --- the workers ---

    def _hire(self, threads: int) -> None:
        number = self._num_workers
        worker = threading.Thread(target=self._work, args=(number, threads), name=f"decode-{number}", daemon=True)
        with self._shared.lock:
            worker.start()
            self._num_workers += 1
            self._num_running += 1

    def _work(self, number: int, threads: int) -> None:
        try:
            decoder = self._stream.codec_context if number == 0 else another_decoder(self._source)
            made = (self._frames, self._thumbnails, self._calm)
            worker = Worker(self._shared, self._source, self._stream, decoder, self._start, *made)
            with threaded(decoder, threads):
                while True:
                    worker.decode(self._claimed())
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  it is raised again where the items are taken
            self._shared.error = self._shared.error or error
        finally:
            with self._shared.lock:
                self._num_running -= 1
                self._shared.news.notify_all()

    def _claimed(self) -> GopTask:
        with self._shared.lock:
            self._shared.wait_for_work(lambda: self._unclaimed)
            return self._unclaimed.popleft()


def _filtered(wanted: CalmFilter | PacketFilter, packets: Iterable[Packet], *, ended: bool) -> Iterator[Packet]:
    for packet in packets:
        yield from wanted.push(packet)
    if ended:
        yield from wanted.finish()
