"""Attention among clips that ends where a scene does, learned from joined videos.

In: what each clip looks like, and the shots. Out: (num_clips - 1,) the chance that a scene begins after each clip, and
values averaged over the clips that most likely share a scene. Only NumPy: this runs wherever the lite preset does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from highlightr.core.large_arrays import release
from highlightr.core.numeric import sigmoid
from highlightr.core.types import FloatArray, Shot, TimeGrid
from highlightr.scorers.smoothing import clip_looks, join_steps, mean_look, shot_index

_WINDOW_SECONDS = (1.0, 3.0, 6.0, 12.0)
"""How far the two sides of a border reach that are compared."""

_DENSITY_SECONDS = (5.0, 10.0)
"""How far boundaries are counted on each side."""

CHANGE_SECONDS = 2.0
"""How far the two sides reach that tell whether a boundary was overlooked."""

MOST_ALIKE, MOST_ALIKE_AT_ALL = 0.1, 0.5
"""Cosines of their mean looks below which it was, without what all clips of the video have in common and with it.

Of joins of real clips 82 % lie below both, of borders inside joined clips 5 %, of those in videos of one shot 3 %.
Where the boundaries at all joins are taken away, HIT@1 is 76.7 and mAP 79.8 with this and 69.2 and 70.4 without; where
they are there, 76.7 and 80.3, and 75.8 and 80.7 (120 captions, weights fitted without their clips)."""

_JOINED_CLIPS = 2048
"""Clips are joined bottom-up in stretches of this many; see `join_steps`."""

_STRETCH_BORDERS = 256
"""Borders looked at together."""

BORDER_FACTS = 3 + len(_DENSITY_SECONDS) + len(_WINDOW_SECONDS) + 1
"""Width of `border_facts`."""

_LARGEST_COST = 4.0
"""-log of the smallest share that attention keeps across one border; a border is never quite certain."""


def border_facts(class_scores: FloatArray, grid: TimeGrid, shots: Sequence[Shot]) -> FloatArray:
    """What class scores (num_clips, L) of pictures and the shots tell of the border after each clip but the last.

    Returns:
        (num_clips - 1, `BORDER_FACTS`) float32: whether a shot boundary lies between the clips' centres, and if so
        the log seconds of both shots; boundaries per clip around; cosine of the mean looks before and after, over
        several windows; log share of borders that vanish later when clips are joined bottom-up.
    """
    looks = _Looks(class_scores)
    index = _shots_by_content(class_scores, looks, grid, shots)
    boundary = (index[1:] != index[:-1]).astype(np.float64)
    seconds = np.log(np.bincount(index)[index] * grid.clip_seconds)
    columns = [boundary, seconds[:-1] * boundary, seconds[1:] * boundary]
    columns += [_density(boundary, _clips(reach, grid)) for reach in _DENSITY_SECONDS]
    columns += _alike(looks, [_clips(reach, grid) for reach in _WINDOW_SECONDS])
    columns.append(_lateness(looks))
    return np.stack(columns, axis=1).astype(np.float32)


def _shots_by_content(
    class_scores: FloatArray, looks: _Looks, grid: TimeGrid, shots: Sequence[Shot]
) -> npt.NDArray[np.int64]:
    """(num_clips,) which shot each clip is in, where a change of all that is seen begins a shot that was overlooked.

    Sides have to be unlike for this video, and at all: in a video of one scene any two sides are unlike for it.
    """
    index, reach = shot_index(grid, shots), [_clips(CHANGE_SECONDS, grid)]
    (alike,), (at_all,) = _alike(looks, reach), _alike(_Looks(class_scores, np.float32(0)), reach)
    around = np.pad(alike, 1, constant_values=np.inf)
    lowest = (alike <= around[:-2]) & (alike < around[2:])
    changed = lowest & (alike < MOST_ALIKE) & (at_all < MOST_ALIKE_AT_ALL)
    return np.concatenate([[0], np.cumsum((index[1:] != index[:-1]) | changed)])


class _Looks:
    """`clip_looks` of a whole video, worked out where it is looked at."""

    def __init__(self, class_scores: FloatArray, mean: npt.ArrayLike | None = None) -> None:
        self._scores, self._mean = class_scores, np.asarray(mean_look(class_scores) if mean is None else mean)
        self.width = class_scores.shape[1]

    def __len__(self) -> int:
        return len(self._scores)

    def __getitem__(self, clips: slice) -> FloatArray:
        looks = clip_looks(self._scores[clips], self._mean)
        release(self._scores)
        return looks


def _clips(seconds: float, grid: TimeGrid) -> int:
    return max(1, round(seconds / grid.clip_seconds))


def _sides(count: int, reach: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First clip, the clip after the border, and the end of what lies around each border."""
    after = np.arange(1, count)
    return np.maximum(after - reach, 0), after, np.minimum(after + reach, count)


def _density(boundary: npt.NDArray[np.float64], reach: int) -> npt.NDArray[np.float64]:
    sums = np.concatenate([[0.0, 0.0], np.cumsum(boundary)])
    first, _, end = _sides(len(boundary) + 1, reach)
    return np.asarray((sums[end] - sums[first]) / (end - first))


def _alike(looks: _Looks, reaches: Sequence[int]) -> list[npt.NDArray[np.float64]]:
    """For each reach, the cosine of the mean looks on both sides of every border."""
    columns = [np.zeros(len(looks) - 1) for _ in reaches]
    for start in range(0, len(looks) - 1, _STRETCH_BORDERS):
        stop = min(start + _STRETCH_BORDERS, len(looks) - 1)
        # Sums of a stretch and of what its windows reach around it: a whole video's would take gigabytes.
        low, high = max(0, start + 1 - max(reaches)), min(len(looks), stop + max(reaches))
        sums = np.zeros((high - low + 1, looks.width))
        np.cumsum(looks[low:high], axis=0, dtype=np.float64, out=sums[1:])
        for column, reach in zip(columns, reaches, strict=True):
            first, after, end = (each[start:stop] - low for each in _sides(len(looks), reach))
            before, behind = sums[after] - sums[first], sums[end] - sums[after]
            lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(behind, axis=1)
            column[start:stop] = np.einsum("ij,ij->i", before, behind) / np.maximum(lengths, 1e-9)
    return columns


def _lateness(looks: _Looks) -> npt.NDArray[np.float64]:
    """log((T - step) / T) of the step at which each border vanished; 0 for the border between two stretches."""
    late = np.zeros(len(looks) - 1)
    for first in range(0, len(looks), _JOINED_CLIPS):
        part = looks[first : first + _JOINED_CLIPS]
        late[first : first + len(part) - 1] = np.log((len(part) - join_steps(part)) / len(part))
    return late


def border_shapes(hidden: int) -> dict[str, tuple[int, ...]]:
    """The tensors of a perceptron with one hidden layer that tells borders of scenes from borders inside them."""
    return {
        "borders.mean": (BORDER_FACTS,),  # Of the facts it was trained on.
        "borders.scale": (BORDER_FACTS,),  # Their spread.
        "borders.hidden_weight": (hidden, BORDER_FACTS),
        "borders.hidden_bias": (hidden,),
        "borders.out_weight": (hidden,),
        "borders.out_bias": (1,),
    }


def border_chances(tensors: Mapping[str, FloatArray], facts: FloatArray) -> FloatArray:
    """(B,) chance in (0, 1) that a scene begins after the border, from (B, `BORDER_FACTS`) facts."""
    rows = (facts - tensors["borders.mean"]) / tensors["borders.scale"]
    hidden = np.maximum(rows @ tensors["borders.hidden_weight"].T + tensors["borders.hidden_bias"], 0)
    return sigmoid(hidden @ tensors["borders.out_weight"] + tensors["borders.out_bias"][0])


def scene_average(values: FloatArray, chances: FloatArray, strength: float, reach_clips: float) -> FloatArray:
    """Average over the clips around that most likely share a scene.

    Clip j counts for clip i with the product of (1 - chance)^strength · exp(-1 / reach) over the borders between them,
    so weights fall at borders and with distance. They are a product along time, which makes the sums two passes and no
    matrix. At strength 0 borders do not matter; at `reach_clips` a clip of the same scene counts e times less.

    From values (..., num_clips) and chances (num_clips - 1,) of a border after each clip but the last, to (...,
    num_clips) float32; a constant stays the same constant.
    """
    costs = np.minimum(-np.log1p(-np.minimum(chances.astype(np.float64), 1 - 1e-9)), _LARGEST_COST)
    kept = np.exp(-strength * costs - 1 / reach_clips)
    rows = np.moveaxis(values.astype(np.float64), -1, 0)
    rows = np.stack([rows, np.ones_like(rows)])
    before, after = np.zeros_like(rows), np.zeros_like(rows)
    for clip in range(1, rows.shape[1]):
        before[:, clip] = kept[clip - 1] * (before[:, clip - 1] + rows[:, clip - 1])
        after[:, -1 - clip] = kept[-clip] * (after[:, -clip] + rows[:, -clip])
    total, weight = before + rows + after
    return np.asarray(np.moveaxis(total / weight, 0, -1), dtype=np.float32)
