"""Growth as a picture: one panel per quantity, both axes logarithmic, so that what is linear is a straight line at 45°.

In: panel titles to series to points. Out: SVG text, made by hand so that benchmarks need no plotting library.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_SIDE, _LEFT, _TOP, _BELOW = 260, 60, 40, 70
_COLOURS = ("#1b6ca8", "#d1495b", "#2e933c")

Points = Sequence[tuple[float, float]]


def growth_svg(panels: Mapping[str, Mapping[str, Points]]) -> str:
    """The picture; coordinates have to be positive."""
    body = "".join(_panel(title, series, index) for index, (title, series) in enumerate(panels.items()))
    width, height = len(panels) * (_SIDE + _LEFT + 20), _TOP + _SIDE + _BELOW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>{body}</svg>\n'
    )


def _panel(title: str, series: Mapping[str, Points], index: int) -> str:
    points = [point for each in series.values() for point in each]
    # Both axes span as many decades, which keeps the angles.
    lows = [math.floor(math.log10(min(point[axis] for point in points))) for axis in (0, 1)]
    highs = [math.ceil(math.log10(max(point[axis] for point in points)) + 1e-9) for axis in (0, 1)]
    decades = max(high - low for low, high in zip(lows, highs, strict=True)) or 1
    left = _LEFT + index * (_SIDE + _LEFT + 20)

    def place(point: tuple[float, float]) -> str:
        across, up = ((math.log10(value) - low) / decades for value, low in zip(point, lows, strict=True))
        return f"{left + _SIDE * across:.1f},{_TOP + _SIDE * (1 - up):.1f}"

    drawn = f'<text x="{left}" y="{_TOP - 14}">{escape(title)}</text>' + _axes(left, lows, decades)
    for number, (name, each) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        drawn += f'<polyline points="{" ".join(map(place, each))}" fill="none" stroke="{colour}" stroke-width="2"/>'
        drawn += "".join(
            f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in (place(p).split(",") for p in each)
        )
        drawn += f'<text x="{left}" y="{_TOP + _SIDE + 36 + 16 * number}" fill="{colour}">{escape(name)}</text>'
    return drawn


def _axes(left: int, lows: Sequence[int], decades: int) -> str:
    drawn = ""
    for step in range(decades + 1):
        x, y = left + _SIDE * step / decades, _TOP + _SIDE * (1 - step / decades)
        drawn += f'<path d="M{x:.1f} {_TOP}v{_SIDE}M{left} {y:.1f}h{_SIDE}" stroke="#ddd" fill="none"/>'
        drawn += f'<text x="{x:.1f}" y="{_TOP + _SIDE + 16}" text-anchor="middle">{_power(lows[0] + step)}</text>'
        drawn += f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{_power(lows[1] + step)}</text>'
    return drawn


def _power(exponent: int) -> str:
    return f"{10.0**exponent:g}" if -4 < exponent < 6 else f"1e{exponent}"
