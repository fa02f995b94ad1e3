"""The frame rate that a timeline runs at, and whether the source's frames lie on it.

In: the rate that the container states, and the times of the cuts. Out: an exact nominal rate. A container's average is
off by a little where the last frame is longer, so the rates of the trade are tried first, on the cuts themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from highlightr.core.errors import ConfigError

TRADE_RATES = (
    *(Fraction(1000 * whole, 1001) for whole in (24, 30, 48, 60, 120)),
    *(Fraction(whole) for whole in (24, 25, 30, 48, 50, 60, 100, 120)),
)

LARGEST_TIMECODE_RATE = 60
"""Timecodes number the frames of a second with two digits, and editing programs read no more than these."""

NEAR = Fraction(3, 100)
"""A stated rate is this near, as a share, to the one that is meant: a short video's average is off the most."""

MOST_OFF = Fraction(1, 10)
"""Of a frame: further from the grid, cuts are not on it."""

USUAL_RATE = Fraction(30)


def check_timecode_rate(rate: Fraction, form: str) -> None:
    """Refuse, with a `ConfigError`, a rate that timecodes do not exist for, or one above 60 frames per second."""
    if rate not in TRADE_RATES or rate > LARGEST_TIMECODE_RATE:
        raise ConfigError(f"{form} counts by timecode, and {float(rate):.6g} frames per second have none; use otio")


def nominal_rate(stated: Fraction | None, times: Sequence[Fraction]) -> Fraction:
    """The rate on whose grid the cuts lie best; of equally good ones the nearest to what is stated."""
    if stated is None or stated <= 0:
        return _usual_rate(times, Fraction(0))
    candidates = [rate for rate in TRADE_RATES if abs(rate - stated) <= NEAR * stated]
    fitting, exact = [rate for rate in candidates if _worst(times, rate) <= MOST_OFF], stated.limit_denominator(1001)
    if not fitting and _worst(times, exact) <= MOST_OFF:
        return exact
    if not candidates:  # Pictures come as they like, most often on the grid of a faster clock.
        return _usual_rate(times, stated)
    return min(fitting or candidates, key=lambda rate: abs(rate - stated))


def _usual_rate(times: Sequence[Fraction], least: Fraction) -> Fraction:
    """A rate of the trade, no lower than one, on whose grid the cuts lie; otherwise a usual one."""
    rates = [rate for rate in TRADE_RATES if rate >= least] or [max(TRADE_RATES)]
    return min(rates, key=lambda rate: (_worst(times, rate) > MOST_OFF, abs(rate - USUAL_RATE)))


def grid_note(times: Sequence[Fraction], rate: Fraction) -> list[str]:
    """A note where the cuts do not lie on the frames of this rate."""
    if _worst(times, rate) <= MOST_OFF:
        return []
    return [
        f"The source's frames do not lie on a grid of {float(rate):.6g} per second (variable frame rate): "
        "the timeline has the nearest frames."
    ]


def _worst(times: Sequence[Fraction], rate: Fraction) -> Fraction:
    """The largest distance of a time from the grid of this rate that the last one lies on, in frames."""
    apart = [(time - times[-1]) * rate for time in times]
    return max((abs(frames - round(frames)) for frames in apart), default=Fraction(0))
