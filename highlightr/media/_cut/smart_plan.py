"""Which pictures of a cut are copied and which are encoded anew.

In: the plan of an exact cut, and the open source. Out: stretches that follow each other, with the same pictures at the
same times. A copied one begins with an IDR picture, from which on nothing refers to anything before it, and holds all
that follows it in decode order up to where the pictures so far are, in order of display, all up to some moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from highlightr.core.source import Source
from highlightr.media._container.av_types import InputContainer, Packet
from highlightr.media._cut.frame_times import FrameTimes, frame_times, packets_until, reached
from highlightr.media._cut.plan import Take
from highlightr.media._cut.splice import NotSmartError, Splice

_FEWEST = 8
"""Pictures that are worth a splice."""

_NEVER = Fraction(-1)


@dataclass(frozen=True)
class Stretch:
    """A part of a take that is written in one way."""

    take: Take
    is_copied: bool
    order: tuple[int, ...]
    """Which of the take's frames comes when in decode order; that of display, where the encoder has not decided yet."""

    @property
    def shown(self) -> list[Fraction]:
        """When its pictures appear in the output, in decode order."""
        shown = self.take.shown
        return [shown[place] for place in self.order]


def plan_stretches(
    container: InputContainer, source: Source, takes: Sequence[Take], splice: Splice
) -> tuple[Stretch, ...]:
    """Take every take apart; a `NotSmartError` where timestamps are not all there, or not all different."""
    times = frame_times(container, source)
    stretches: list[Stretch] = []
    for take in takes:
        if take.smallest_step is not None:
            raise NotSmartError("some of its pictures have the same timestamp")
        order = _copied(take, (shown for shown, _ in copyable(container, source, take, splice)))
        stretches += _apart(times, take, order)
    return tuple(stretches)


def copyable(
    container: InputContainer, source: Source, take: Take, splice: Splice
) -> Iterator[tuple[Fraction, Packet]]:
    """The pictures of a take from the first on that can begin a copy, in decode order, and when each is shown.

    Those that lead the first one are left out, and it ends before one that does not belong to the take.

    Raises:
        NotSmartError: a picture of the file has no time, or is damaged.
    """
    frames, begin = frozenset(take.frames), None
    with reached(container, source, take.reach) as (part, stream):
        for shown, packet in packets_until(part, stream, take.reach, take.stop):
            if packet.pts is None or packet.is_corrupt or packet.has_sidedata("new_extradata"):
                raise NotSmartError("its pictures are not all dated, whole and of one kind")
            # What an edit list hides is decoded, but not shown.
            shown = _NEVER if packet.is_discard else shown
            if begin is None and shown in frames and splice.is_fresh(packet):
                begin = shown
            if begin is None or (shown < begin and splice.is_leading(packet)):
                continue
            if shown < begin or shown not in frames:
                return
            yield shown, packet


def _copied(take: Take, shown: Iterable[Fraction]) -> tuple[int, ...]:
    """How many of the pictures that are copyable are all up to some moment; as numbers of the take's frames."""
    places = {time: place for place, time in enumerate(take.frames)}
    order: list[int] = []
    whole = 0
    for time in shown:
        order.append(places[time])
        if max(order[whole:]) - order[0] == len(order) - 1:
            whole = len(order)
    return tuple(order[:whole])


def _apart(times: FrameTimes, take: Take, order: Sequence[int]) -> Iterator[Stretch]:
    """The stretches of one take."""
    if len(order) < _FEWEST:
        yield _encoded(take)
        return
    first, last = order[0], order[0] + len(order)
    if first > 0:
        yield _encoded(_part(take, take, 0, first))
    yield Stretch(_part(take, take, first, last), True, tuple(place - first for place in order))
    if last < len(take.frames):
        reach = next(times.reach(take.frames[last]))
        yield _encoded(_part(take, replace(take, reach=reach), last, len(take.frames)))


def _encoded(take: Take) -> Stretch:
    return Stretch(take, False, tuple(range(len(take.frames))))


def _part(take: Take, reached: Take, first: int, last: int) -> Take:
    """Some of its frames, at the same time of the output."""
    start = take.start if first == 0 else take.frames[first]
    stop = take.stop if last == len(take.frames) else take.frames[last]
    offset = take.offset + start - take.start
    return replace(reached, start=start, stop=stop, offset=offset, frames=take.frames[first:last])
