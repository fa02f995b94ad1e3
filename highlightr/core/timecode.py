"""Timecodes of tape and cameras: counts of frames as text.

In: a text such as ``01:00:00;00``, or a count; and the frame rate. Out: the other. Like the clock they are shown on,
counts begin again after 24 hours.

Source: SMPTE ST 12-1; with drop-frame counting (``;``), the first two numbers of each minute that is not a tenth one
are skipped (four at 59.94 frames per second).
"""

from __future__ import annotations

import re
from fractions import Fraction

_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d\d?)", re.ASCII)
_MINUTES_PER_DAY = 24 * 60


def parse_timecode(text: str, rate: Fraction) -> tuple[int, bool] | None:
    """The number of the frame, and whether it is counted with drop frames; `None` if it cannot be read."""
    match, whole_rate = _TIMECODE.fullmatch(text), round(rate)
    if match is None or whole_rate < 1:
        return None
    hours, minutes, seconds, frames = (int(match[k]) for k in (1, 2, 3, 5))
    drops = match[4] != ":" and whole_rate % 30 == 0
    minute = hours * 60 + minutes
    return (minute * 60 + seconds) * whole_rate + frames - _skipped(whole_rate, drops) * (minute - minute // 10), drops


def write_timecode(count: int, rate: Fraction, *, drop: bool, mark: str | None = None) -> str:
    """The text of a frame's number; `mark` stands before the frames, by default ``;`` with drop frames, else ``:``."""
    whole_rate = round(rate)
    skipped = _skipped(whole_rate, drop)
    tens, rest = divmod(count, 600 * whole_rate - 9 * skipped)
    if skipped and rest >= skipped:
        rest += skipped * ((rest - skipped) // (60 * whole_rate - skipped))
    minute = (tens * 10 + rest // (60 * whole_rate)) % _MINUTES_PER_DAY
    seconds, frames = divmod(rest % (60 * whole_rate), whole_rate)
    return f"{minute // 60:02d}:{minute % 60:02d}:{seconds:02d}{mark or (';' if drop else ':')}{frames:02d}"


def advance(timecode: str, seconds: Fraction, rate: Fraction) -> str | None:
    """The timecode of the frame that is shown some time later; `None` if the first one cannot be read."""
    counted = parse_timecode(timecode, rate)
    if counted is None:
        return None
    count, drop = counted
    return write_timecode(count + round(seconds * rate), rate, drop=drop, mark=timecode[8])


def _skipped(whole_rate: int, drops: bool) -> int:
    return 2 * (whole_rate // 30) if drops else 0
