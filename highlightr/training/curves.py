"""Learning curves as a picture: one panel for the losses, one for the validation's metrics.

In: the rows of a run's history. Out: SVG text, made by hand so that training needs no plotting library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from highlightr.training.config import TERMS

_WIDTH, _HEIGHT, _LEFT, _TOP = 420, 240, 60, 40
_COLOURS = ("#1b6ca8", "#d1495b", "#2e933c", "#8d5a97", "#b7791f", "#4a5568")
_LOSSES = ("loss", *TERMS)


def curves_svg(history: Sequence[Mapping[str, float]], title: str) -> str:
    """The picture; values of one epoch are drawn as points of a line over the epochs."""
    names = [name for name in history[0] if name != "epoch"]
    panels = [[name for name in names if name in _LOSSES], [name for name in names if name not in _LOSSES]]
    shown = [panel for panel in panels if panel]
    body = "".join(_panel(history, panel, index) for index, panel in enumerate(shown))
    width, height = len(shown) * (_WIDTH + _LEFT + 20), _HEIGHT + _TOP + 60
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="white"/><text x="10" y="20" font-size="14">{escape(title)}</text>'
        f"{body}</svg>\n"
    )


def _panel(history: Sequence[Mapping[str, float]], names: Sequence[str], index: int) -> str:
    left = _LEFT + index * (_WIDTH + _LEFT + 20)
    values = [row[name] for row in history for name in names]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    frame = f'<path d="M{left} {_TOP}v{_HEIGHT}h{_WIDTH}" fill="none" stroke="#888"/>'
    ticks = "".join(
        f'<text x="{left - 6}" y="{_TOP + _HEIGHT * (1 - share) + 4:.1f}" text-anchor="end">'
        f"{low + span * share:.4g}</text>"
        for share in (0, 0.5, 1)
    )
    axis = f'<text x="{left + _WIDTH}" y="{_TOP + _HEIGHT + 16}" text-anchor="end">epoch {len(history)}</text>'
    lines = ""
    for place, name in enumerate(names):
        colour = _COLOURS[place % len(_COLOURS)]
        points = " ".join(
            f"{left + _WIDTH * (i + 0.5) / len(history):.1f},{_TOP + _HEIGHT * (1 - (row[name] - low) / span):.1f}"
            for i, row in enumerate(history)
        )
        label_x, label_y = left + 90 * (place % 4), _TOP + _HEIGHT + 34 + 16 * (place // 4)
        lines += f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        lines += f'<text x="{label_x}" y="{label_y}" fill="{colour}">{escape(name)}</text>'
    return frame + ticks + axis + lines
