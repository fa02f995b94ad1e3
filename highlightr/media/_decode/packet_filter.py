"""Drop video packets of non-reference frames that are not sampled.

Packets come in decode order and go out in the same order, without those that no other picture refers to and that
are not sampled. What the requests are given stays the same, to the byte; only decoding gets cheaper.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from highlightr.media._decode.frame_converter import SLACK_SECONDS
from highlightr.media._decode.nal import NalReader
from highlightr.media.sampling import FrameRequest

if TYPE_CHECKING:
    import av

_LOOK_AHEAD = 34
"""Packets held back before one is judged: reordering moves a picture by at most 16, and interlaced ones come in two."""

_REMEMBERED = 2 * _LOOK_AHEAD


Looks = Callable[[Fraction, Fraction], bool]
"""Whether a picture is sampled that is on screen from one time until before another."""


def looks_of(requests: Sequence[FrameRequest]) -> Looks:
    """Those of requests that look at (k + 1/2) / rate - lead: the first such time lies before the picture is gone."""
    half = Fraction(1, 2)
    rates = [(Fraction(request.frames_per_second), Fraction(request.lead_seconds)) for request in requests]
    return lambda shown, gone: any(
        (math.ceil((shown + lead) * rate - half) + half) / rate - lead < gone for rate, lead in rates
    )


class PacketFilter:
    """Judges each packet once its neighbours on screen are known; unknown ones are kept."""

    def __init__(self, stream: Any, start: Fraction, looks: Looks) -> None:
        self._nal = NalReader.of(stream.codec_context)
        self._start = start
        self._looks = looks
        self._held: deque[av.Packet[Any]] = deque()
        self._stamps: list[int] = []
        self.left_out = 0
        """How many packets were left out so far."""

    def push(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        """Take the next packet; those that are judged and kept come out."""
        self._held.append(packet)
        if packet.pts is not None:
            insort(self._stamps, packet.pts)
        if len(self._stamps) > _REMEMBERED + _LOOK_AHEAD:
            del self._stamps[: len(self._stamps) - _REMEMBERED]
        if len(self._held) > _LOOK_AHEAD:
            yield from self._judge(self._held.popleft())

    def finish(self) -> Iterator[av.Packet[Any]]:
        """No more packets follow."""
        while self._held:
            yield from self._judge(self._held.popleft())

    def _judge(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        if packet.pts is None or not self._nal.can_be_left_out(packet) or self._is_seen(packet.pts, packet.time_base):
            yield packet
        else:
            self.left_out += 1

    def _is_seen(self, pts: int, time_base: Fraction) -> bool:
        """Whether a sample is taken while this picture is on screen; also true for the first and the last one."""
        following = bisect_right(self._stamps, pts)
        if following == len(self._stamps) or self._stamps[0] == pts:
            return True
        shown = pts * time_base - self._start - SLACK_SECONDS
        gone = self._stamps[following] * time_base - self._start - SLACK_SECONDS
        return self._looks(shown, gone)
