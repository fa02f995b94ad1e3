"""Shot boundaries from how much the picture changes, and shots from boundary times.

In: the signal ``frame_change`` of `highlightr.media.change`, or TransNetV2's ``boundary_probability``. Out: shots in
order of time that cover ``[0, duration)``. A boundary is the time of the first frame of the new shot.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from highlightr.core.types import Features, Shot, Signal, TimeArray
from highlightr.media.blends import REPEATED_FRAME
from highlightr.media.change import CHANGE_COLUMNS, FRAME_CHANGE, LEAST_STILL_STRENGTH, change_strength
from highlightr.selection.options import Detector

ENOUGH = ((LEAST_STILL_STRENGTH, 40.0), (0.32, 3.0), (0.4, 1.5), (0.75, 0.0))
"""A change of such a strength (see `change_strength`) is a cut where it is so many times what changes around it; the
first is for pictures that stand still, and tells 1 boundary in 200 more in footage that moves."""

SURROUNDINGS_SECONDS = 1.5
"""How far to each side the surroundings reach."""

FEWEST_SURROUNDINGS = 8
"""The surroundings count as at least so many frames, so that in a slide show the next picture is not all of them."""

NEIGHBOUR_SECONDS = 0.2
"""Of changes nearer than this to each other, the largest is the cut."""

SHORTEST_STEP_SECONDS = 1 / 120
"""Frames that were not decoded are thought to be as far apart as the others, but no nearer than this."""

LASTING_SHARE = 0.5
"""On both sides of a cut, half a second stays this much of the change away from the other side; a flash returns."""

BLEND_SECONDS = (0.4, 1.0)
"""A dissolve or fade this near to a cut, or to a stronger dissolve or fade, is the same transition."""

SHORTEST_SHOT_SECONDS = 0.1
"""A boundary sooner after another is the same transition."""

LEAST_PROBABILITY = 0.5
"""TransNetV2's own threshold."""

Values = npt.NDArray[np.float64]


def find_shots(features: Features, detector: Detector) -> tuple[Shot, ...]:
    """The shots of a video by the detector whose signal was extracted."""
    if detector == "transnetv2":
        from highlightr.features.backbones.transnetv2 import BOUNDARY_PROBABILITY

        return shots_from_probability(features.signals[BOUNDARY_PROBABILITY], features.grid.duration_seconds)
    return detect_shots(features.signals[FRAME_CHANGE], features.grid.duration_seconds)


def detect_shots(change: Signal, duration_seconds: float) -> tuple[Shot, ...]:
    """Find the cuts, dissolves and fades of a video.

    Source: PySceneDetect's `AdaptiveDetector` (a frame's change against the average of its neighbours). Deviations: the
    window is in seconds, repeated frames are left out of it, the change weighs colours and structure as well as the
    picture, a change that is undone within half a second is a flash, and gradual transitions are found by what the
    frames inside them look like (`highlightr.media.blends`).
    """
    return shots_from_boundaries(boundaries_from_change(change), duration_seconds)


def boundaries_from_change(change: Signal) -> list[float]:
    """Times of the first frames after cuts, and of the middle frames of dissolves and fades, in order."""
    if change.values.shape[1] != len(CHANGE_COLUMNS):
        raise ValueError(f"frame changes have the columns {CHANGE_COLUMNS}, got {change.values.shape}")
    times = change.times_seconds
    picture, colours, structure, lasting, blend, unseen = change.values.astype(np.float64).T
    strength = change_strength(picture, colours, structure)
    distinct = np.flatnonzero(picture > REPEATED_FRAME)  # The others say nothing about motion.
    calm = _unseen_times(times, unseen)
    every, strengths = np.concatenate([times[distinct], calm]), np.concatenate([strength[distinct], 0 * calm])
    where = np.argsort(every, kind="stable")
    stands_out = distinct[where[_stands_out(every[where], strengths[where]) & (where < len(distinct))]]
    cuts = [float(times[row]) for row in stands_out if lasting[row] >= LASTING_SHARE]
    return sorted([*cuts, *_blends(times, blend, cuts)])


def _unseen_times(times: TimeArray, unseen: Values) -> TimeArray:
    """When frames were that were not decoded: for their surroundings, they are there and change nothing."""
    rows = np.flatnonzero(unseen)
    if not len(rows):
        return np.zeros(0)
    step = float(np.median(np.diff(times)[unseen[:-1] == 0])) if len(times) > len(rows) + 1 else 1.0
    step = max(step, SHORTEST_STEP_SECONDS)
    return np.concatenate([np.arange(times[row] + step, times[row] + unseen[row] - step / 2, step) for row in rows])


def _blends(times: TimeArray, strength: Values, cuts: Sequence[float]) -> list[float]:
    """Middles of gradual transitions, the strongest first; none near to a cut or another."""
    found: list[float] = []
    rows = np.flatnonzero(strength > 0)
    for time in times[rows[np.argsort(-strength[rows], kind="stable")]].tolist():
        if not _near(time, cuts, BLEND_SECONDS[0]) and not _near(time, found, BLEND_SECONDS[1]):
            insort(found, time)
    return found


def _near(time: float, others: Sequence[float], seconds: float) -> bool:
    """Whether one of some times in order lies so near."""
    at = bisect(others, time)
    return any(abs(time - other) <= seconds for other in others[max(0, at - 1) : at + 1])


def _stands_out(times: TimeArray, strength: Values) -> npt.NDArray[np.bool_]:
    """(T,) whether each change is large, the largest beside its neighbours, and above its surroundings."""
    low = np.searchsorted(times, times - SURROUNDINGS_SECONDS)
    high = np.searchsorted(times, times + SURROUNDINGS_SECONDS, side="right")
    sums = np.concatenate([[0.0], np.cumsum(strength)])
    others = high - low - 1
    average = (sums[high] - sums[low] - strength) / np.maximum(others, FEWEST_SURROUNDINGS)
    near = np.diff(times) < NEIGHBOUR_SECONDS
    before = np.concatenate([[0.0], np.where(near, strength[:-1], 0.0)])
    after = np.concatenate([np.where(near, strength[1:], 0.0), [0.0]])
    peak = (strength > before) & (strength >= after)
    enough = [(strength >= least) & (strength >= share * average) for least, share in ENOUGH]
    found: npt.NDArray[np.bool_] = np.any(enough, axis=0) & peak
    return found


def shots_from_probability(probability: Signal, duration_seconds: float) -> tuple[Shot, ...]:
    """Shots from TransNetV2's signal: a boundary follows each run of frames above its threshold."""
    above = probability.values[:, 0] > LEAST_PROBABILITY
    first_after = np.flatnonzero(above[:-1] & ~above[1:]) + 1
    return shots_from_boundaries(probability.times_seconds[first_after].tolist(), duration_seconds)


def shots_from_boundaries(boundaries: Iterable[float], duration_seconds: float) -> tuple[Shot, ...]:
    """Shots between boundaries; boundaries outside the video or sooner than `SHORTEST_SHOT_SECONDS` are dropped."""
    edges = [0.0]
    for time in sorted(boundaries):
        if time - edges[-1] >= SHORTEST_SHOT_SECONDS and duration_seconds - time >= SHORTEST_SHOT_SECONDS:
            edges.append(time)
    return tuple(Shot(start, stop) for start, stop in pairwise([*edges, duration_seconds]))
