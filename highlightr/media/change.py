"""How much the picture changes from frame to frame, measured on thumbnails.

In: `Thumbnail` items in order of time. Out: the signal ``frame_change``, (T, 6) float32, one row per frame,
columns as in `CHANGE_COLUMNS`. Memory is two seconds of thumbnails, the rows aside. Shot boundaries are found in it
(`highlightr.selection.shots`), and its first column is the motion of the picture.
"""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from highlightr.core.types import FloatArray, Signal
from highlightr.media.blends import Blends
from highlightr.media.looks import Look, difference, look_at
from highlightr.media.sampling import Thumbnail

FRAME_CHANGE = "frame_change"
"""Name of the signal."""

CHANGE_COLUMNS = ("picture", "colours", "structure", "lasting", "blend", "unseen")
"""``picture``: mean absolute difference to the previous frame; ``colours``: how much of the picture changed its
colour, wherever it is (half the L1 distance of 64-bin RGB histograms), which motion hardly touches; ``structure``: how
little the patterns of light and dark have in common (1 less their correlation), which light hardly touches;
``lasting``: where the change is large, how unlike the frames of half a second on its other side each side stays, which
a flash leaves small; ``blend``: the strength of a dissolve or fade of which this frame is the middle; ``unseen``: the
seconds after it whose pictures were not decoded, because they look like it."""

LEAST_STRENGTH = 0.3
"""Weaker changes are no cuts, unless the picture stood still before: ``lasting`` is not measured there."""

LEAST_STILL_STRENGTH = 0.12
"""So weak a change may be a cut after a picture that stood still: in a slide show, to one that is like it."""

_STILL_TIMES = 5.0
"""A picture stood still if it changed so many times less."""

LASTING_SECONDS = 0.5

_ROUNDING_SECONDS = 1e-6
_NO_GAP_SECONDS = 1e-3


def change_strength(
    picture: npt.ArrayLike, colours: npt.ArrayLike, structure: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """How much like a cut a change is, in [0, 1]: a weighted geometric mean, because a cut changes all three.

    The exponents are those of a logistic regression on the logarithms, joins of real clips against what changes in
    them, rounded: colours and structure tell about alike, the difference of pixels a third of that.
    """
    product = np.cbrt(np.asarray(picture, dtype=np.float64)) * np.asarray(colours) * np.asarray(structure)
    return np.asarray(product ** (3 / 7))


def unseen_spans(change: Signal) -> list[tuple[float, float]]:
    """Where pictures were not decoded because they look like the one before: (start, stop) in seconds, in order."""
    spans: list[tuple[float, float]] = []
    unseen = change.values[:, CHANGE_COLUMNS.index("unseen")]
    for row in np.flatnonzero(unseen).tolist():
        start, stop = float(change.times_seconds[row]), float(change.times_seconds[row] + unseen[row])
        follows = bool(spans) and start - spans[-1][1] < _NO_GAP_SECONDS
        spans[-1:] = [(spans[-1][0], stop)] if follows else [*spans[-1:], (start, stop)]
    return spans


@dataclass
class _Candidate:
    """A change that may be a cut, until half a second has passed."""

    row: int
    time_seconds: float
    before: Look
    picture: float
    structure: float


class FrameChange:
    """The measurement of one video: push every thumbnail, then ask for the signal."""

    def __init__(self) -> None:
        self._recent: deque[Look] = deque()
        self._candidates: deque[_Candidate] = deque()
        self._after_unseen = self._after_shot = False
        """Whether pictures were left out before the next one, which look like the last one; and it begins a shot."""
        self._blends = Blends()
        self._strength = 0.0
        """Of the latest change."""
        # Not lists: of ten hours those would take a hundred MiB.
        self._times, self._rows = array("d"), array("f")

    def push(self, thumbnail: Thumbnail) -> None:
        """Measure the next frame; the first one changes nothing and gets a row of zeros."""
        look = look_at(thumbnail, len(self._times))
        self._times.append(look.time_seconds)
        self._drop_old(look.time_seconds)
        for candidate in self._candidates:
            self._lasts(candidate.row, _unlike(candidate.before, look, candidate))
        picture, colours, structure = difference(self._recent[-1], look) if self._recent else (0.0, 0.0, 0.0)
        if self._after_unseen:
            self._blends.forget()
        if self._after_unseen and not self._after_shot:
            # Of what moved meanwhile, only the amount is known: no boundary is to be found at an unseen time.
            colours = structure = 0.0
            self._recent.clear()
            self._candidates.clear()
        self._after_unseen, self._after_shot = thumbnail.unseen_seconds > 0, thumbnail.ends_shot
        self._rows.extend((picture, colours, structure, 0.0, 0.0, thumbnail.unseen_seconds))
        strength = float(change_strength(picture, colours, structure))
        if strength >= min(LEAST_STRENGTH, max(LEAST_STILL_STRENGTH, _STILL_TIMES * self._strength)):
            self._consider(_Candidate(look.row, look.time_seconds, self._recent[-1], picture, structure), look)
        self._strength = strength
        for row, strength in self._blends.push(look, at_once=self._after_unseen):
            self._rows[row * len(CHANGE_COLUMNS) + CHANGE_COLUMNS.index("blend")] = strength
        self._recent.append(look)

    def signal(self) -> Signal:
        """All rows so far: times (T,) float64, values (T, 6) float32."""
        values: FloatArray = np.array(self._rows, dtype=np.float32).reshape(-1, len(CHANGE_COLUMNS))
        return Signal(np.array(self._times, dtype=np.float64), values)

    def _consider(self, candidate: _Candidate, look: Look) -> None:
        """Compare a new picture with what was there before: after a flash the old picture is back."""
        self._candidates.append(candidate)
        self._rows[candidate.row * len(CHANGE_COLUMNS) + CHANGE_COLUMNS.index("lasting")] = 1.0
        for earlier in list(self._recent)[:-1]:
            self._lasts(candidate.row, _unlike(earlier, look, candidate))

    def _lasts(self, row: int, value: float) -> None:
        """Keep the smallest."""
        at = row * len(CHANGE_COLUMNS) + CHANGE_COLUMNS.index("lasting")
        self._rows[at] = min(self._rows[at], value)

    def _drop_old(self, now: float) -> None:
        """Keep half a second of frames and candidates."""
        oldest = now - LASTING_SECONDS - _ROUNDING_SECONDS
        while len(self._recent) > 1 and self._recent[0].time_seconds < oldest:
            self._recent.popleft()
        while self._candidates and self._candidates[0].time_seconds < oldest:
            self._candidates.popleft()


def _unlike(one: Look, other: Look, change: _Candidate) -> float:
    """How unlike two pictures are, as a share of a change: 0 where they are the same, 1 where as unlike or more."""
    picture, _, structure = difference(one, other)
    return min(1.0, max(picture / change.picture, structure / change.structure))
