"""Running a network over a video of any length: overlapping windows, blended smoothly.

In: a function that scores clips [start, stop). Out: arrays for all clips. Memory is bounded by one window, results
aside. Weights at a clip sum to 1 over the windows that hold it, so a constant stays a constant, and sums that hold
inside every window (a score and its parts) hold after blending.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from highlightr.core.types import FloatArray

_MARGIN = 1 / 8
"""Share of a window at each inner end that has no weight: clips there lack context on one side."""
_HOP = (1 - 2 * _MARGIN) / 2
"""Share of a window from one to the next: where one window's weight falls, the next one's rises."""


def window_starts(num_clips: int, longest: int) -> list[int]:
    """Starts of full windows that cover all clips, spread evenly, at most 3/8 of a window apart.

    One window where the video is no longer than a window.
    """
    if num_clips <= longest:
        return [0]
    hop = max(1, int(longest * _HOP))
    windows = -(-(num_clips - longest) // hop) + 1
    return [round(start) for start in np.linspace(0, num_clips - longest, windows)]


def blend_weights(num_clips: int, longest: int) -> list[tuple[int, int, npt.NDArray[np.float64]]]:
    """(start, stop, weights (stop - start,)) of each window; at every clip the weights sum to 1.

    Within a window the weight is zero in its outer eighths and rises and falls as sin² between; towards the video's own
    start and end, where no other window can help, it is flat.
    """
    starts = window_starts(num_clips, longest)
    length = min(num_clips, longest)
    total = np.zeros(num_clips)
    tapers = []
    for index, start in enumerate(starts):
        taper = _taper(length, rise=index > 0, fall=index < len(starts) - 1)
        total[start : start + length] += taper
        tapers.append(taper)
    return [
        (start, start + length, taper / total[start : start + length])
        for start, taper in zip(starts, tapers, strict=True)
    ]


def _taper(length: int, rise: bool, fall: bool) -> npt.NDArray[np.float64]:
    place = (np.arange(length) + 0.5) / length  # (0, 1) through the window
    ramp = np.clip((np.minimum(place, 1 - place) - _MARGIN) / (0.5 - _MARGIN), 0, 1)
    # Never quite zero: with windows of a few clips two margins can meet, and 0 / 0 has no answer.
    weights = np.sin(ramp * np.pi / 2) ** 2 + np.finfo(np.float64).eps
    first, second = place < 0.5, place >= 0.5
    return np.where((first & (not rise)) | (second & (not fall)), 1.0, weights)


def apply_windows(
    score: Callable[[int, int], Mapping[str, npt.NDArray[np.floating]]], num_clips: int, longest: int
) -> dict[str, FloatArray]:
    """Score every clip of a video of any length: name to (..., num_clips) float32.

    `score` is called with (start, stop), at most `longest` clips apart, for arrays (..., stop - start), always alike.
    """
    sums: dict[str, npt.NDArray[np.float64]] = {}
    for start, stop, weights in blend_weights(num_clips, longest):
        for name, values in score(start, stop).items():
            if name not in sums:
                sums[name] = np.zeros((*values.shape[:-1], num_clips))
            sums[name][..., start:stop] += values * weights
    return {name: values.astype(np.float32) for name, values in sums.items()}
