"""The timecode of a cut's first frame."""

from __future__ import annotations

from fractions import Fraction

from highlightr.core.timecode import parse_timecode, write_timecode


def advance(timecode: str, seconds: Fraction, frames_per_second: Fraction) -> str | None:
    """The timecode of the frame that is shown some time later; `None` if the first one cannot be read."""
    counted = parse_timecode(timecode, frames_per_second)
    if counted is None:
        return None
    count, drop = counted
    mark = timecode[8]
    return write_timecode(count + round(seconds * frames_per_second), frames_per_second, drop=drop, mark=mark)
