"""Units of time inside the filters, and how exact seconds become text for ffmpeg."""

from __future__ import annotations

from fractions import Fraction

GUARD_SECONDS = Fraction(1, 1000)
"""A piece's frames are counted from this much before its ends, so that rounded timestamps fall on their right side."""

AIM_SECONDS = Fraction(1, 2000)
"""Seeking aims this much after the first frame's time: where it is a keyframe, reading begins there and not earlier."""

TICKS = 1_000_000
"""Ticks per second of the output's time line inside the filters."""


def ticks(seconds: Fraction) -> int:
    """The nearest whole number of ticks."""
    return round(seconds * TICKS)


def decimal(seconds: Fraction) -> str:
    """To the microsecond."""
    return f"{float(seconds):.6f}"
