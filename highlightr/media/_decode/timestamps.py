"""When frames are shown around a moment, read from packets without decoding.

Times in and out are exact seconds (`Fraction`) from time zero.
"""

from __future__ import annotations

import itertools
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from fractions import Fraction

from highlightr.media._container.av_types import InputContainer, Packet
from highlightr.media._container.opening import start_seconds

STEPS_BACK_SECONDS = (1, 10, 100)
"""How far before a moment reading begins, tried in turn: seeking lands by decode order, not always early enough."""

FASTEST_RATE = 500
"""Frames per second beyond which a stated rate or duration is a placeholder (FLV and Matroska write 1000)."""

_LAST_FRAMES = 64
"""Of these is the last one shown, whatever the order in the file, and the usual step."""


class LastFrames:
    """Finds where the frame ends that is shown last."""

    def __init__(self, time_base: Fraction) -> None:
        self._time_base = time_base
        self._frames: list[tuple[int, int]] = []

    def push(self, shown: int, duration: int | None) -> None:
        """Take the next frame, in any order."""
        self._frames.append((shown, duration or 0))
        if len(self._frames) > 2 * _LAST_FRAMES:
            self._frames = sorted(self._frames)[-_LAST_FRAMES:]

    @property
    def stop(self) -> Fraction | None:
        """In seconds of the file's clock; where the duration is missing, the usual step stands in."""
        if not self._frames:
            return None
        recent = sorted(self._frames)[-_LAST_FRAMES:]
        shown, duration = recent[-1]
        steps = [b[0] - a[0] for a, b in itertools.pairwise(recent) if b[0] > a[0]]
        if duration * self._time_base * FASTEST_RATE < 1:
            duration = int(statistics.median(steps)) if steps else max(duration, 1)
        return (shown + duration) * self._time_base


def timed(read: Iterable[Packet], zero: Fraction) -> Iterator[tuple[Fraction, Packet]]:
    """The packets that hold something and are dated, each with when it is shown or heard after a timestamp `zero`."""
    for packet in read:
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None and packet.size:
            yield stamp * packet.time_base - zero, packet


def seek(container: InputContainer, seconds: Fraction) -> None:
    """Go to a keyframe at or before a time from time zero, or to the beginning."""
    import av

    try:
        container.seek(round((max(seconds, Fraction(0)) + start_seconds(container)) * 1_000_000))
    except av.FFmpegError:
        container.seek(container.start_time or 0, any_frame=True)


def on_screen(times: list[Fraction], start: Fraction, stop: Fraction) -> list[Fraction]:
    """Of the times of frames, in order: those on screen during ``[start, stop)``, and the first at or after `stop`."""
    before = bisect_right(times, start)
    first = bisect_left(times, times[before - 1]) if before else 0
    return times[first : bisect_left(times, stop) + 1]
