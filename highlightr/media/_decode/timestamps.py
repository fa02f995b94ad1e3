"""Where frames and keyframes lie around a moment, read from packets without decoding.

Times in and out are exact seconds (`Fraction`) from time zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from highlightr.media._container.opening import packets, start_seconds
from highlightr.media._decode.nal import NalReader

if TYPE_CHECKING:
    from av.container import InputContainer

__all__ = ["STEPS_BACK_SECONDS", "Moment", "Stamps"]

STEPS_BACK_SECONDS = (1, 10, 100)
"""How far before a moment reading begins, tried in turn: seeking lands by decode order, not always early enough."""


@dataclass(frozen=True)
class Moment:
    """The frame on screen at some time: ``[start, stop)``; `None` before the first and after the last frame."""

    start: Fraction | None
    stop: Fraction | None


@dataclass(frozen=True)
class _Stamp:
    shown: Fraction
    decoded: Fraction
    is_key: bool


class Stamps:
    """Looks up timestamps in one open file."""

    def __init__(self, container: InputContainer, stream: Any) -> None:
        self._container = container
        self._stream = stream
        self._start = start_seconds(container)
        self._nal = NalReader(stream.codec_context.codec.canonical_name, stream.codec_context.extradata)

    def moment(self, seconds: Fraction) -> Moment:
        """The frame on screen at a time."""
        for back in STEPS_BACK_SECONDS:
            before, after = self._around(seconds, back, keys_only=False)
            if before is not None or seconds <= back:
                break
        return Moment(before, after)

    def keyframe_before(self, seconds: Fraction) -> Fraction | None:
        """The last keyframe that begins afresh, shown at or before a time."""
        for back in (0, *STEPS_BACK_SECONDS):
            before, _ = self._around(seconds, back, keys_only=True)
            if before is not None or seconds <= back:
                break
        return before

    def keyframe_after(self, seconds: Fraction) -> Fraction | None:
        """The first keyframe that begins afresh at or after a time; `None` if there is none before the end."""
        for stamp in self._from(seconds, 1):
            if stamp.is_key and stamp.shown >= seconds:
                return stamp.shown
        return None

    def shown_from(self, seconds: Fraction, stop: Fraction) -> list[Fraction]:
        """When frames are shown, in order: from a keyframe near a time on, up to the first one at or after `stop`."""
        shown: set[Fraction] = set()
        after: Fraction | None = None
        for stamp in self._read(seconds):
            if after is not None and stamp.decoded >= after:
                break
            shown.add(stamp.shown)
            if stamp.shown >= stop:
                after = stamp.shown if after is None else min(after, stamp.shown)
        return sorted(shown)

    def seek(self, seconds: Fraction) -> None:
        """Go to a keyframe at or before a time, or to the beginning."""
        import av

        microseconds = round((max(seconds, Fraction(0)) + self._start) * 1_000_000)
        try:
            self._container.seek(microseconds)
        except av.FFmpegError:
            self._container.seek(self._container.start_time or 0, any_frame=True)

    def _around(self, seconds: Fraction, back: int, *, keys_only: bool) -> tuple[Fraction | None, Fraction | None]:
        """The last (key)frame at or before a time, and the first frame after it."""
        before, after = None, None
        for stamp in self._from(seconds, back):
            if after is not None and stamp.decoded >= after:
                break
            if stamp.shown > seconds:
                after = stamp.shown if after is None else min(after, stamp.shown)
            elif stamp.is_key or not keys_only:
                before = stamp.shown if before is None else max(before, stamp.shown)
        return before, after

    def _from(self, seconds: Fraction, back: int) -> Iterator[_Stamp]:
        return self._read(seconds - back)

    def _read(self, seconds: Fraction) -> Iterator[_Stamp]:
        self.seek(seconds)
        for packet in packets(self._container, self._stream):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is None or packet.is_discard:
                continue
            shown = stamp * packet.time_base - self._start
            decoded = shown if packet.dts is None else packet.dts * packet.time_base - self._start
            yield _Stamp(shown, min(shown, decoded), self._nal.begins_afresh(packet))
