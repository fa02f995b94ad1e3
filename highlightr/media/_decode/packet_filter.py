"""Drop video packets of non-reference frames that are not sampled.

Packets come in decode order and go out in the same order, without those that no other picture refers to and that
are not sampled. What the requests are given stays the same, to the byte; only decoding gets cheaper.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

from highlightr.media._container.av_types import Packet
from highlightr.media._decode.frame_converter import SampleTimes
from highlightr.media._decode.nal import NalReader
from highlightr.media.sampling import FrameRequest

_LOOK_AHEAD = 34
"""Packets held back before one is judged: reordering moves a picture by at most 16, and interlaced ones come in two."""

_REMEMBERED = 2 * _LOOK_AHEAD

IsSampled = Callable[[Fraction, Fraction], bool]
"""Whether a picture is sampled that is on screen from one time until before another."""


def sampled_by(requests: Iterable[FrameRequest]) -> IsSampled:
    """Whether any of these requests looks at it."""
    times = [SampleTimes(request) for request in requests]
    return lambda shown, gone: any(each.any_between(shown, gone) for each in times)


class PacketFilter:
    """Judges each packet once its neighbours on screen are known; unknown ones are kept."""

    def __init__(self, stream: Any, start: Fraction, is_sampled: IsSampled) -> None:
        self._nal = NalReader.of(stream.codec_context)
        self._start = start
        self._is_sampled = is_sampled
        self._held: deque[Packet] = deque()
        self._stamps: list[int] = []

    def push(self, packet: Packet) -> Iterator[Packet]:
        """Take the next packet; those that are judged and kept come out."""
        self._held.append(packet)
        if packet.pts is not None:
            insort(self._stamps, packet.pts)
        if len(self._stamps) > _REMEMBERED + _LOOK_AHEAD:
            del self._stamps[: len(self._stamps) - _REMEMBERED]
        if len(self._held) > _LOOK_AHEAD:
            yield from self._judge(self._held.popleft())

    def finish(self) -> Iterator[Packet]:
        """No more packets follow."""
        while self._held:
            yield from self._judge(self._held.popleft())

    def _judge(self, packet: Packet) -> Iterator[Packet]:
        if packet.pts is None or not self._nal.can_be_left_out(packet) or self._is_seen(packet.pts, packet.time_base):
            yield packet

    def _is_seen(self, pts: int, time_base: Fraction) -> bool:
        """Whether a sample is taken while this picture is on screen; also true for the first and the last one."""
        following = bisect_right(self._stamps, pts)
        if following == len(self._stamps) or self._stamps[0] == pts:
            return True
        return self._is_sampled(pts * time_base - self._start, self._stamps[following] * time_base - self._start)
