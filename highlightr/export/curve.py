"""The geometry of the score curve, in the report and in the studio: SVG paths and axis labels.

In: scores on their grid, segments and shots. Out: strings and numbers for the template, in a box of 1000 x 100 whose
y axis points down. Long videos are drawn with the largest score of each column, so that no peak disappears.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from highlightr.core.clock import clock
from highlightr.core.types import FloatArray, Scores, Shot, TimeGrid
from highlightr.export.words import sense

WIDTH = 1000
HEIGHT = 100

MOST_COLUMNS = 800
"""More are narrower than a pixel."""

MOST_SHOTS = 2000

LEAST_SCALE = 0.05
"""Parts that stay below it all along are drawn as the little that they are."""

_STEPS_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000)
_MOST_TICKS = 8


def columns(values: FloatArray, most: int = MOST_COLUMNS) -> list[float]:
    """The values, or the largest of each of `most` equal runs of them, rounded to 4 digits."""
    count = min(len(values), most)
    edges = np.linspace(0, len(values), count + 1).astype(int)[:-1]
    return [round(float(value), 4) for value in np.maximum.reduceat(values, edges)]


def line_path(values: FloatArray, grid: TimeGrid, scale: float = 1.0, most: int = MOST_COLUMNS) -> str:
    """A line through the columns' middles, level to both ends of the video; `scale` is the value at the top."""
    heights = columns(values, most)
    seconds = grid.clip_seconds * grid.num_clips / len(heights)
    points = [(0.0, heights[0])]
    points += [((index + 0.5) * seconds, height) for index, height in enumerate(heights)]
    points.append((grid.duration_seconds, heights[-1]))
    return "M" + "L".join(
        f"{min(time / grid.duration_seconds, 1.0) * WIDTH:.1f} {HEIGHT * (1 - height / scale):.1f}"
        for time, height in points
    )


def part_lines(scores: Scores, most: int = MOST_COLUMNS) -> list[dict[str, str]]:
    """A line per part, all on one scale: parts are contributions, comparable with each other.

    Each has the `name` that people call it, its colour as the style sheets name it, `css`, and its `path`.
    """
    parts = sorted(scores.parts.items())
    top = max([LEAST_SCALE, *(float(values.max()) for _, values in parts)])
    lines = ((*sense(name), line_path(values.clip(0), scores.grid, top, most)) for name, values in parts)
    return [{"name": name, "css": css, "path": path} for name, css, path in lines]


def shot_path(shots: Sequence[Shot], duration_seconds: float) -> str:
    """One short stroke per boundary; empty where there are more than could be told apart."""
    if len(shots) > MOST_SHOTS:
        return ""
    return "".join(f"M{shot.start_seconds / duration_seconds * WIDTH:.1f} 0V{HEIGHT}" for shot in shots[1:])


def time_ticks(duration_seconds: float) -> list[tuple[float, str]]:
    """At most eight round times from zero on: where in percent of the video, and the label."""
    fitting = [step for step in _STEPS_SECONDS if duration_seconds / step <= _MOST_TICKS]
    step = fitting[0] if fitting else duration_seconds / _MOST_TICKS
    times = np.arange(0, duration_seconds * 0.97, step).tolist()
    return [(round(100 * time / duration_seconds, 3), clock(time, 1 if step < 1 else 0)) for time in times]
