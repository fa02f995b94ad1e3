"""Videos that never were: spans of real clips joined on the time grid, with the question and answer known.

In: `Take`s of single clips. Out: `Mixed` videos whose part k answers the caption of its take. Features of single clips
are joined instead of files, which makes thousands of videos from one extraction; spans begin and end on the grid.
Everything is drawn from the generator that is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from highlightr.core.types import Features, Shot, Signal, TimeGrid
from highlightr.media.change import FRAME_CHANGE
from research.lite.clips import CLIP_SECONDS, Take

PARTS_PER_VIDEO = (4, 12)
"""Fewest and most parts of a drawn video."""

SHORTEST_CLIPS = 4
"""Shortest span that is drawn from a clip."""


@dataclass(frozen=True)
class Part:
    """The clips ``[start, stop)`` of a take."""

    take: int
    """Index among the takes."""
    start: int
    stop: int

    @property
    def num_clips(self) -> int:
        """Length."""
        return self.stop - self.start


@dataclass(frozen=True)
class Mixed:
    """A joined video."""

    features: Features
    shots: tuple[Shot, ...]
    parts: tuple[Part, ...]
    owner: np.ndarray[tuple[int], np.dtype[np.int64]]
    """(num_clips,) index into `parts`: which part each clip belongs to."""


def deal(count: int, per_video: int, rng: np.random.Generator) -> list[list[int]]:
    """Shuffle `count` takes and deal them into videos; a rest too small for a video is left out."""
    order = rng.permutation(count)
    groups = [order[first : first + per_video].tolist() for first in range(0, count, per_video)]
    return [group for group in groups if len(group) == per_video]


def draw_parts(takes: Sequence[Take], chosen: Sequence[int], rng: np.random.Generator) -> list[Part]:
    """One part from each of some `chosen` takes, in random order, with random spans."""
    low, high = PARTS_PER_VIDEO
    count = min(len(chosen), int(rng.integers(low, high + 1)))
    return [draw_span(takes, int(take), rng) for take in rng.choice(chosen, count, replace=False)]


def draw_span(takes: Sequence[Take], take: int, rng: np.random.Generator) -> Part:
    """A random span of one take, at least `SHORTEST_CLIPS` long where it has so many."""
    length = takes[take].features.grid.num_clips
    count = int(rng.integers(min(SHORTEST_CLIPS, length), length + 1))
    start = int(rng.integers(length - count + 1))
    return Part(take, start, start + count)


def whole(takes: Sequence[Take], chosen: Sequence[int]) -> list[Part]:
    """The chosen takes in full, in the given order."""
    return [Part(take, 0, takes[take].features.grid.num_clips) for take in chosen]


def join(takes: Sequence[Take], parts: Sequence[Part]) -> Mixed:
    """Join parts end to end; a stream or signal that some part lacks is left out.

    Shots are those of the takes, and every join is a boundary.
    """
    owner = np.repeat(np.arange(len(parts)), [part.num_clips for part in parts])
    grid = TimeGrid(len(owner) * CLIP_SECONDS, CLIP_SECONDS)
    sources = [takes[part.take].features for part in parts]
    names = [name for name in sources[0].streams if all(name in each.streams for each in sources)]
    streams = {
        name: np.concatenate(
            [each.streams[name][part.start : part.stop] for each, part in zip(sources, parts, strict=True)]
        )
        for name in names
    }
    starts = np.concatenate([[0], np.cumsum([part.num_clips for part in parts])[:-1]]) * CLIP_SECONDS
    shots = [shot for part, start in zip(parts, starts, strict=True) for shot in _shots(takes[part.take], part, start)]
    return Mixed(Features(grid, streams, _signals(sources, parts, starts)), tuple(shots), tuple(parts), owner)


def _shots(take: Take, part: Part, start_seconds: float) -> list[Shot]:
    first, last = part.start * CLIP_SECONDS, part.stop * CLIP_SECONDS
    moved = start_seconds - first
    inside = [(max(shot.start_seconds, first), shot.stop_seconds) for shot in take.shots]
    edges = [start for start, stop in inside if start < last and stop > first]
    stops = [*edges[1:], last]
    return [Shot(start + moved, stop + moved) for start, stop in zip(edges, stops, strict=True)]


def _signals(
    sources: Sequence[Features], parts: Sequence[Part], starts: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> dict[str, Signal]:
    """Rows of each part's time, moved to where the part now lies. Frame changes across a join are not known."""
    names = set.intersection(*(set(each.signals) for each in sources)) - {FRAME_CHANGE}
    found = {}
    for name in sorted(names):
        times, values = [], []
        for each, part, start in zip(sources, parts, starts, strict=True):
            signal = each.signals[name]
            first = part.start * CLIP_SECONDS
            kept = (signal.times_seconds >= first) & (signal.times_seconds < part.stop * CLIP_SECONDS)
            times.append(signal.times_seconds[kept] - first + start)
            values.append(signal.values[kept])
        found[name] = Signal(np.concatenate(times), np.concatenate(values))
    return found
