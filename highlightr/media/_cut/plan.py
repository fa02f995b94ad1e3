"""Where to cut by re-encoding: each boundary moved to a frame.

In: spans in seconds from time zero. Out: pieces, and `Take`s in exact seconds (`Fraction`): which frames are shown
when, and how each is reached.
"""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from highlightr.core.errors import CutError
from highlightr.core.source import Source
from highlightr.media._container.av_types import InputContainer
from highlightr.media._cut.frame_times import FrameTimes, Reach, frame_times
from highlightr.media._cut.result import Piece

GUARD_SECONDS = Fraction(1, 1000)
"""A piece's frames are counted from this much before its ends, so that rounded timestamps fall on their right side."""

_NEAR_SECONDS = Fraction(1, 20)
"""A boundary so near to where a frame begins or ends moves there, as all do in frames of up to twice that; of a longer
one, such as a slide, it cuts off a part. What is shown for less is a flash of what was not chosen."""

_LONGEST_FADE_SECONDS = Fraction(1, 4)
"""Of one side; a short piece fades over a third of its length at most."""


def decimal(seconds: Fraction) -> str:
    """To the microsecond, as ffmpeg takes it."""
    return f"{float(seconds):.6f}"


@dataclass(frozen=True)
class Take:
    """What ffmpeg reads and writes at once: a piece, or the part of one that lies in one recording."""

    reach: Reach
    start: Fraction
    stop: Fraction
    offset: Fraction
    """Where it begins in the output."""
    frames: tuple[Fraction, ...]
    """When the frames appeared that are on screen during it; the first may have done so before its start."""
    is_careful: bool = False
    """Whether it is read and written in the safest way, because a faster one failed."""
    piece: int = 0
    """The number of the piece that it belongs to."""
    fade_in_seconds: Fraction = Fraction(0)
    """How long it rises out of silence, and as `fades` tells out of black; 0: it does not."""
    fade_out_seconds: Fraction = Fraction(0)

    @property
    def seconds(self) -> Fraction:
        """How long it lasts."""
        return self.stop - self.start

    @property
    def output_stop(self) -> Fraction:
        """Where it ends in the output."""
        return self.offset + self.seconds

    @property
    def raw_start(self) -> Fraction:
        """Its start as ffmpeg dates it."""
        return self.reach.clock + self.start

    @property
    def shown(self) -> list[Fraction]:
        """When its frames appear in the output."""
        return [self.offset + max(frame - self.start, Fraction(0)) for frame in self.frames]

    @property
    def smallest_step(self) -> Fraction | None:
        """How far apart frames must be kept; `None` unless timestamps of the file fall together."""
        steps = [after - before for before, after in pairwise(self.frames)]
        return min((step for step in steps if step), default=None) if 0 in steps else None

    @property
    def loose_seconds(self) -> Fraction:
        """By how much frames may be shown later than planned: one frame, where timestamps of the file fall together.

        They are moved apart then, and may leave the decoder in another order than that of their timestamps.
        """
        if self.smallest_step is None:
            return Fraction(0)
        steps = [after - before for before, after in pairwise(self.frames)]
        return max(2 * self.smallest_step, statistics.median(steps))

    @property
    def fades(self) -> tuple[bool, bool]:
        """Whether its pictures rise out of black, and fall into it: one that stands for all of that would not show."""
        second, last = [*self.shown[1:2], self.output_stop][0], [self.offset, *self.shown][-1]
        return second < self.offset + self.fade_in_seconds, last > self.output_stop - self.fade_out_seconds

    def input(self, number: int, index: int) -> str:
        """What a filter graph calls a stream (by its index in the source) of the run's input of this number."""
        part = self.reach.part
        return f"[{number}:{index}]" if part is None else f"[{number}:i:{part.ids[index]}]"


def plan_takes(
    container: InputContainer, source: Source, spans: Sequence[tuple[float, float]], *, careful: bool = False
) -> tuple[tuple[Piece, ...], tuple[Take, ...]]:
    """Move each boundary to a frame, and find all frames between: a piece per span, and takes in the output's order.

    `careful`: reach them in the safest way, which reads from the beginning, and not in the fastest.

    Raises:
        CutError: no span has a picture.
    """
    times = frame_times(container, source)
    pieces: list[Piece] = []
    takes: list[Take] = []
    offset = Fraction(0)
    for wanted_start, wanted_stop in spans:
        start, stop = _snapped(times, Fraction(wanted_start), Fraction(wanted_stop), Fraction(source.duration_seconds))
        some = list(_takes(times, start, stop, offset, careful)) if start < stop else []
        takes += [replace(take, piece=len(pieces)) for take in some]
        count = sum(len(take.frames) for take in some)
        pieces.append(
            Piece(wanted_start, wanted_stop, float(start), float(stop), float(offset), encoded_pictures=count)
        )
        # Not `stop - start`: the source's length is rounded, and its last recording may end a little before.
        offset = some[-1].output_stop if some else offset
    if not any(take.frames for take in takes):
        raise CutError(f"{source.path}: has no picture in any chosen span, only sound; choose others with --range")
    return tuple(pieces), tuple(takes)


def with_fades(takes: Sequence[Take]) -> tuple[Take, ...]:
    """Takes that fade at every join of two pieces; the first piece begins and the last one ends as they are."""
    pieces = [take.piece for take in takes]
    faded = []
    for take, before, after in zip(takes, [pieces[0], *pieces], [*pieces[1:], pieces[-1]], strict=False):
        longest = min(_LONGEST_FADE_SECONDS, take.seconds / 3)
        begin, end = (longest if other != take.piece else Fraction(0) for other in (before, after))
        faded.append(replace(take, fade_in_seconds=begin, fade_out_seconds=end))
    return tuple(faded)


def _snapped(times: FrameTimes, start: Fraction, stop: Fraction, end: Fraction) -> tuple[Fraction, Fraction]:
    """The boundaries to cut at, unless the whole span comes before the first frame; between them lies at least one.

    Of one that is shown for long, as long a part as others are whole.
    """
    frames = times.around(start, stop)
    recording, _ = times.recordings(start, stop)[0]
    begun = [frame for frame in frames if frame >= recording]
    if begun and begun[0] > start:
        # Nothing is on screen yet.
        start = min(begun[0], stop)
        if start == stop:
            return stop, stop
    first, last = _snap(frames, start, end), _snap(frames, stop, end)
    if first >= end and frames:
        first = max(frames[-1], end - 2 * _NEAR_SECONDS, Fraction(0))
    if last <= first:
        longest = first + 2 * _NEAR_SECONDS
        last = min(next((frame for frame in times.around(first, longest) if frame > first), end), longest)
    return first, max(first, last)


def _snap(frames: Sequence[Fraction], time: Fraction, end: Fraction) -> Fraction:
    """The nearer end of the frame on screen, unless that lies too far away."""
    if time >= end:
        return end
    following = bisect_right(frames, time)
    after = frames[following] if following < len(frames) else end
    if following == 0:
        return time
    before = frames[following - 1]
    nearer = before if time - before <= after - time else after
    return nearer if abs(time - nearer) <= _NEAR_SECONDS else time


def _takes(times: FrameTimes, start: Fraction, stop: Fraction, offset: Fraction, careful: bool) -> Iterator[Take]:
    """One take for each recording that the piece touches."""
    for first, last in times.recordings(start, stop):
        begin, end = max(start, first), min(stop, last)
        frames = tuple(time for time in times.around(begin, end) if first <= time < end)
        ways = times.reach(frames[0] if frames else begin)
        reach = deque(ways, maxlen=1)[0] if careful else next(ways)
        yield Take(reach, begin, end, offset + begin - start, frames, careful)
