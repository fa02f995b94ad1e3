"""Timecodes of tape and cameras: counted on by frames.

In: a timecode such as ``01:00:00;00`` and how much later a cut begins. Out: the timecode of the cut's first frame.

Source: SMPTE ST 12-1; with drop-frame counting (``;``), the first two numbers of each minute that is not a tenth one
are skipped (four at 59.94 frames per second).
"""

from __future__ import annotations

import re
from fractions import Fraction

_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d\d?)")
_MINUTES_PER_DAY = 24 * 60


def advance(timecode: str, seconds: Fraction, frames_per_second: Fraction) -> str | None:
    """The timecode of the frame that is shown some time later; `None` if the first one cannot be read."""
    match = _TIMECODE.fullmatch(timecode)
    rate = round(frames_per_second)
    if match is None or rate < 1:
        return None
    hours, minutes, whole, frames = (int(match[k]) for k in (1, 2, 3, 5))
    skipped = 2 * (rate // 30) if match[4] != ":" and rate % 30 == 0 else 0
    minute = hours * 60 + minutes
    count = (minute * 60 + whole) * rate + frames - skipped * (minute - minute // 10)
    return _written(count + round(seconds * frames_per_second), rate, skipped, match[4])


def _written(count: int, rate: int, skipped: int, mark: str) -> str:
    per_ten = 600 * rate - 9 * skipped
    tens, rest = divmod(count, per_ten)
    if skipped and rest >= skipped:
        rest += skipped * ((rest - skipped) // (60 * rate - skipped))
    minute = (tens * 10 + rest // (60 * rate)) % _MINUTES_PER_DAY
    inside = rest % (60 * rate)
    return f"{minute // 60:02d}:{minute % 60:02d}:{inside // rate:02d}{mark}{inside % rate:02d}"
