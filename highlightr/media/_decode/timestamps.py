"""When frames are shown around a moment, read from packets without decoding.

Times in and out are exact seconds (`Fraction`) from time zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from highlightr.media._container.opening import packets, start_seconds

if TYPE_CHECKING:
    from av.container import InputContainer

STEPS_BACK_SECONDS = (1, 10, 100)
"""How far before a moment reading begins, tried in turn: seeking lands by decode order, not always early enough."""


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
