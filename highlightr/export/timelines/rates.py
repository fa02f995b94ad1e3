"""The frame rate that a timeline runs at, and whether the source's frames lie on it.

In: the rate that the container states, and the times of the cuts. Out: an exact nominal rate. A container's average is
off by a little where the last frame is longer, so the rates of the trade are tried first, on the cuts themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

__all__ = ["TRADE_RATES", "grid_note", "nominal_rate"]

TRADE_RATES = (
    *(Fraction(1000 * whole, 1001) for whole in (24, 30, 48, 60, 120)),
    *(Fraction(whole) for whole in (24, 25, 30, 48, 50, 60, 100, 120)),
)

NEAR = Fraction(1, 100)
"""A stated rate is this near, as a share, to the one that is meant."""

MOST_OFF = Fraction(1, 10)
"""Of a frame: further from the grid, cuts are not on it."""

USUAL_RATE = Fraction(30)


def nominal_rate(stated: Fraction | None, times: Sequence[Fraction]) -> Fraction:
    """The rate on whose grid the cuts lie best; of equally good ones the nearest to what is stated."""
    if stated is None or stated <= 0:
        return min(TRADE_RATES, key=lambda rate: (_worst(times, rate) > MOST_OFF, abs(rate - USUAL_RATE)))
    candidates = [rate for rate in TRADE_RATES if abs(rate - stated) <= NEAR * stated]
    fitting = [rate for rate in candidates if _worst(times, rate) <= MOST_OFF]
    if fitting:
        return min(fitting, key=lambda rate: abs(rate - stated))
    exact = stated.limit_denominator(1001)
    return exact if _worst(times, exact) <= MOST_OFF or not candidates else _nearest(candidates, stated)


def grid_note(times: Sequence[Fraction], rate: Fraction) -> list[str]:
    """A note where the cuts do not lie on the frames of this rate."""
    if _worst(times, rate) <= MOST_OFF:
        return []
    return [
        f"The source's frames do not lie on a grid of {float(rate):.6g} per second (variable frame rate): "
        "the timeline has the nearest frames."
    ]


def _nearest(rates: Sequence[Fraction], stated: Fraction) -> Fraction:
    return min(rates, key=lambda rate: abs(rate - stated))


def _worst(times: Sequence[Fraction], rate: Fraction) -> Fraction:
    """The largest distance of a time from a frame of this rate, in frames."""
    return max((abs(time * rate - round(time * rate)) for time in times), default=Fraction(0))
