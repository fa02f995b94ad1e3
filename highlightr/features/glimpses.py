"""What is known of a video while it is decoded: the features of its beginning, now and then.

In: extractions at work. Out: `Features` on a shorter grid, with the streams of extractors that can tell (`so_far` of
`Extraction`). They are for a first look: a scorer that knows the whole video may see its beginning differently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from highlightr.core.types import Features, TimeGrid
from highlightr.features.base import Extracted

Show = Callable[[Features], None]
"""Takes the features of the beginning."""

FIRST_SECONDS = 5.0
GROWTH = 1.15
"""The next look comes when the video is this much further: what all of them cost stays a part of what one costs."""

LEAST_CLIPS = 3


class Glimpses:
    """Calls `show` as the decoding advances."""

    def __init__(self, grid: TimeGrid, look: Callable[[], Sequence[Extracted]], show: Show | None) -> None:
        self._grid, self._look, self._show = grid, look, show
        self._next = FIRST_SECONDS

    def reached(self, seconds: float) -> None:
        """The decoding has come so far."""
        if self._show is None or seconds < self._next:
            return
        self._next = seconds * GROWTH
        features = _beginning(self._grid, self._look())
        if features is not None:
            self._show(features)


def _beginning(grid: TimeGrid, parts: Iterable[Extracted]) -> Features | None:
    """The clips that all streams have; `None` while they are too few."""
    streams = {name: rows for part in parts for name, rows in part.streams.items()}
    count = min((len(rows) for rows in streams.values()), default=0)
    if count < LEAST_CLIPS:
        return None
    seconds = min(count * grid.clip_seconds, grid.duration_seconds)
    return Features(TimeGrid(seconds, grid.clip_seconds), {name: rows[:count] for name, rows in streams.items()})
