"""Spans of time and the pieces that a video is cut into before anything is chosen.

In: clip scores on their grid, and shots. Out: `Pieces`, the finest spans that lie inside one clip and one shot, each
scored by its own shot; means over spans. Spans are half-open, ``[start, stop)``, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from highlightr.core.types import Scores, Shot, TimeGrid

EPSILON_SECONDS = 1e-6
"""Shorter spans and smaller overshoots are float noise."""

FRAGMENT_SECONDS = 1.0
"""Less of a neighbouring shot than this looks like a fault, so it is left out."""

SCENE_BORDER = 0.1
"""Chance from which a border between clips parts what is judged and grown alone. Of the moments that edit_quality found
to reach into another part at 0.5, nearly all crossed a border of 0.1 to 0.5; inside a scene chances are near 0."""

WALL_BORDER = 0.2
"""Chance from which two moments that meet stay two: below, they play as one. On edit_quality's tuning half, 8 of 13
joins of unlike clips with a chance below 0.3 have 0.2 or more: with 0.3, 92 % of the moments of *mixed* held no more
than one part, with 0.2, 99 %."""

STRONG_BORDER = 0.5
"""Chance from which two scenes are not shown as one although one of them alone is too short to be followed. On
edit_quality's tuning half, growing into the likelier neighbour below this chance kept half a point more of *mixed* and
of *captioned*; above it, right fell by a point, and edges too."""

Mask = npt.NDArray[np.bool_]
"""(P,) a yes or no for each piece."""


class Span(NamedTuple):
    """``[start, stop)`` in seconds."""

    start: float
    stop: float

    @property
    def seconds(self) -> float:
        """Length."""
        return self.stop - self.start


@dataclass(frozen=True)
class Pieces:
    """A video cut at every clip edge and every shot boundary; piece *p* is ``[edges[p], edges[p + 1])``."""

    edges: npt.NDArray[np.float64]
    """(P + 1,) increasing, from 0 to the duration."""
    scores: npt.NDArray[np.float64]
    """(P,) the score of the nearest clip that was seen in the piece's own shot."""
    shot_edges: npt.NDArray[np.float64]
    """(S + 1,) increasing, from 0 to the duration."""
    scene_edges: npt.NDArray[np.float64]
    """(C + 1,) increasing, from 0 to the duration: what lies between is judged and grown alone. Two where no scenes are
    known."""
    scene_chances: npt.NDArray[np.float64]
    """(C + 1,) that another scene begins at each of these edges; 1 at both ends of the video."""
    walls: npt.NDArray[np.float64]
    """Those scene edges at which moments that meet are not joined."""

    @property
    def stop(self) -> float:
        """The duration."""
        return float(self.edges[-1])

    @property
    def middles(self) -> npt.NDArray[np.float64]:
        """(P,) of each piece."""
        return (self.edges[:-1] + self.edges[1:]) / 2

    def index_at(self, seconds: float) -> int:
        """The piece that holds a time; the nearest one for times outside."""
        return _index_at(self.edges, seconds)

    def split_at(self, seconds: float) -> Pieces:
        """The same pieces with one more edge; these pieces themselves where that edge is there already."""
        if np.abs(self.edges - seconds).min() <= EPSILON_SECONDS:
            return self
        at = self.index_at(seconds)
        return replace(
            self, edges=np.insert(self.edges, at + 1, seconds), scores=np.insert(self.scores, at, self.scores[at])
        )

    def shot_at(self, seconds: float) -> Span:
        """The shot that holds a time."""
        return _between(self.shot_edges, seconds)

    def scene_at(self, seconds: float) -> Span:
        """The scene that holds a time."""
        return _between(self.scene_edges, seconds)

    def with_neighbour(self, scene: Span) -> Span:
        """A scene and its neighbour across the weaker border; alone where neither is weaker, or both are strong."""
        first, last = (int(np.searchsorted(self.scene_edges, time - EPSILON_SECONDS)) for time in scene)
        before, after = self.scene_chances[first], self.scene_chances[last]
        if before == after or min(before, after) >= STRONG_BORDER:
            return scene
        if before < after:
            return Span(float(self.scene_edges[first - 1]), scene.stop)
        return Span(scene.start, float(self.scene_edges[last + 1]))

    @property
    def unit_edges(self) -> npt.NDArray[np.float64]:
        """Edges of what belongs together: of the scenes, or of the shots where no scenes are known."""
        return self.scene_edges if len(self.scene_edges) > 2 else self.shot_edges

    def unit_at(self, seconds: float) -> Span:
        """The scene, or without scenes the shot, that holds a time."""
        return _between(self.unit_edges, seconds)

    def mean_score(self, span: Span) -> float:
        """Mean score over a span, by length."""
        first, last = self.index_at(span.start), self.index_at(span.stop - 2 * EPSILON_SECONDS)
        edges = np.clip(self.edges[first : last + 2], span.start, span.stop)
        return float(np.dot(np.diff(edges), self.scores[first : last + 1]) / span.seconds)


def _index_at(edges: npt.NDArray[np.float64], seconds: float) -> int:
    found = int(np.searchsorted(edges, seconds + EPSILON_SECONDS, side="right")) - 1
    return min(max(found, 0), len(edges) - 2)


def _between(edges: npt.NDArray[np.float64], seconds: float) -> Span:
    found = _index_at(edges, seconds)
    return Span(float(edges[found]), float(edges[found + 1]))


def cut_into_pieces(scores: Scores, shots: Sequence[Shot]) -> Pieces:
    """Cut `[0, duration)` at clip edges, shot boundaries and scene edges; slivers of float noise are dropped.

    A clip is seen at its middle. The part of it that lies beyond a shot boundary belongs to the shot there and gets the
    score of the nearest clip that was seen in that shot, or a sliver would tie with a peak of another shot. A shot
    that no clip was seen in gets the least score around it, of its own scene if that has any: nothing else speaks for
    it, and what goes on before and after it is not broken off.
    """
    duration = scores.grid.duration_seconds
    shot_edges = _distinct([0.0, *(shot.start_seconds for shot in shots), duration], duration)
    borders = _scene_borders(scores, shot_edges)
    scene_edges = _distinct([0.0, *(time for border, _ in borders for time in border)], duration)
    chances = np.ones(len(scene_edges))
    for border, chance in borders:
        chances[np.searchsorted(scene_edges, np.asarray(border) - EPSILON_SECONDS)] = chance
    chances[[0, -1]] = 1.0
    walls = np.asarray([border[0] for border, chance in borders if chance >= WALL_BORDER])
    both = _distinct([*shot_edges.tolist(), *scene_edges.tolist()], duration)
    edges = _distinct([*scores.grid.starts().tolist(), *both.tolist()], duration)
    return Pieces(edges, _own_scores(scores, edges, both, scene_edges), shot_edges, scene_edges, chances, walls)


def _own_scores(
    scores: Scores,
    edges: npt.NDArray[np.float64],
    walls: npt.NDArray[np.float64],
    scene_edges: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    middles = (edges[:-1] + edges[1:]) / 2
    clips = scores.grid.clip_index(middles)
    homes = np.searchsorted(walls, middles, side="right")
    seen_in = np.searchsorted(walls, scores.grid.centers(), side="right")
    first, after = np.searchsorted(seen_in, homes), np.searchsorted(seen_in, homes, side="right")
    own = np.clip(clips, first, np.maximum(after - 1, first))
    values = scores.values.astype(np.float64)
    near = np.clip(np.stack([clips + step for step in (-1, 0, 1)]), 0, len(values) - 1)
    scenes = np.searchsorted(scene_edges, scores.grid.centers(), side="right")
    strange = scenes[near] != np.searchsorted(scene_edges, middles, side="right")
    around = np.where(strange & ~strange.all(axis=0), np.inf, values[near]).min(axis=0)
    return np.where(after > first, values[np.minimum(own, len(values) - 1)], around)


def _scene_borders(scores: Scores, shot_edges: npt.NDArray[np.float64]) -> list[tuple[list[float], float]]:
    """Where the scorer sees another scene begin, and with what chance: at a shot boundary where there is one.

    Of several boundaries between two clips all are edges: no clip tells which scene a shot in between belongs to.
    """
    if scores.borders is None:
        return []
    centers, borders = scores.grid.centers(), []
    for clip in np.flatnonzero(scores.borders >= SCENE_BORDER).tolist():
        inside = shot_edges[(shot_edges > centers[clip]) & (shot_edges <= centers[clip + 1])].tolist()
        borders.append((inside or [(clip + 1) * scores.grid.clip_seconds], float(scores.borders[clip])))
    return borders


def _distinct(times: Iterable[float], duration: float) -> npt.NDArray[np.float64]:
    """Sorted times within the video, ending in the duration, no two closer than float noise."""
    ordered = np.sort(np.asarray(list(times), dtype=np.float64))
    ordered = ordered[(ordered >= 0) & (ordered < duration - EPSILON_SECONDS)]
    kept = ordered[np.diff(ordered, prepend=-np.inf) > EPSILON_SECONDS]
    return np.append(kept, duration)


def clip_overlaps(grid: TimeGrid, span: Span) -> tuple[int, npt.NDArray[np.float64]]:
    """The first clip that a span covers, and by how many seconds it covers that one and each of its successors."""
    first, last = (int(grid.clip_index(time)) for time in (span.start, span.stop))
    index = np.arange(first, last + 1)
    starts = index * grid.clip_seconds
    stops = np.minimum((index + 1) * grid.clip_seconds, grid.duration_seconds)
    overlaps = np.minimum(stops, span.stop) - np.maximum(starts, span.start)
    return first, np.maximum(overlaps, 0.0)


def join_touching(spans: Iterable[Span], walls: npt.ArrayLike = ()) -> list[Span]:
    """Sort spans and join those that meet, unless they meet at a wall: they play without a cut, so they are one."""
    standing = np.asarray(walls, dtype=np.float64)
    joined: list[Span] = []
    for span in sorted(spans):
        meets = joined and span.start - joined[-1].stop <= EPSILON_SECONDS
        walled = np.abs(standing - span.start).min(initial=np.inf) <= EPSILON_SECONDS
        if joined and meets and (not walled or span.start < joined[-1].stop - EPSILON_SECONDS):
            joined[-1] = Span(joined[-1].start, max(joined[-1].stop, span.stop))
        else:
            joined.append(span)
    return joined
