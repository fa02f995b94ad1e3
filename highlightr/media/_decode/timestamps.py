"""When frames are shown around a moment, read from packets without decoding.

Times in and out are exact seconds (`Fraction`) from time zero.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from highlightr.media._container.opening import packets, start_seconds

if TYPE_CHECKING:
    from av.container import InputContainer

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


class Stamps:
    """Looks up timestamps in one open file."""

    def __init__(self, container: InputContainer, stream: Any) -> None:
        self._container = container
        self._stream = stream
        self._start = start_seconds(container)

    def shown_from(self, seconds: Fraction, stop: Fraction) -> list[Fraction]:
        """When frames are shown, in order: from a keyframe near a time on, up to the first one at or after `stop`."""
        shown: list[Fraction] = []
        after: Fraction | None = None
        for time, decoded in self._read(seconds):
            if after is not None and decoded >= after:
                break
            shown.append(time)
            if time >= stop:
                after = time if after is None else min(after, time)
        return sorted(shown)

    def seek(self, seconds: Fraction) -> None:
        """Go to a keyframe at or before a time, or to the beginning."""
        import av

        microseconds = round((max(seconds, Fraction(0)) + self._start) * 1_000_000)
        try:
            self._container.seek(microseconds)
        except av.FFmpegError:
            self._container.seek(self._container.start_time or 0, any_frame=True)

    def _read(self, seconds: Fraction) -> Iterator[tuple[Fraction, Fraction]]:
        """When each frame is shown, and decoded, in file order."""
        self.seek(seconds)
        for packet in packets(self._container, self._stream):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is None or packet.is_discard:
                continue
            shown = stamp * packet.time_base - self._start
            yield shown, min(shown, shown if packet.dts is None else packet.dts * packet.time_base - self._start)
