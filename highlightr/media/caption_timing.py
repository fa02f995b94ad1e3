"""Whether captions come when their words are heard.

In: a transcript, and when voice activity hears speech. Out: by how many seconds all captions come too late.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from highlightr.core.transcript import Transcript, is_aside
from highlightr.core.types import TimeArray

LEAST_CUES = 30
"""Fewer may fit what is heard elsewhere by chance: of 120 wrong sets of 15, three fitted somewhere by `ALIKE`; of 120
of 30, none."""

LARGEST_OFFSET_SECONDS = 15.0
LEAST_OFFSET_SECONDS = 1.0
"""Captions often come up to half a second early, and stay longer than the words."""

ALIKE = 0.5
"""Correlation of captions with speech from which they fit: 0.9 of exact ones, at least 0.5 of those that are early by
half a second, 0.3 to 0.4 of those that stay a second longer or leave half of what is said out."""

_CLEARLY = 0.8
"""No other offset fits better than this share: what is said in even beats fits at many."""

_STEP_SECONDS = 0.1
_NEAR_STEPS = 20
"""Offsets this near fit nearly as well."""


def steady_offset(transcript: Transcript, times_seconds: TimeArray, speaking: npt.NDArray[np.bool_]) -> float | None:
    """How many seconds too late what is written comes, negative if too early; `None` where that is not certain.

    The offset at which captions cover what is spoken best, by correlation; `speaking` (T,) tells whether there is
    speech at each of the times (T,), in order. Measured on an hour of spoken sentences in stretches of 1 to 10 minutes,
    with captions that were exact, early, jittered, in pairs or in halves.
    """
    spans = [
        (cue.start_seconds, cue.stop_seconds)
        for cue in transcript.cues or transcript.utterances
        if not is_aside(cue.text)
    ]
    if len(spans) < LEAST_CUES or not len(times_seconds):
        return None
    starts, stops = np.array(spans).T
    times = np.arange(max(0.0, starts[0] - LARGEST_OFFSET_SECONDS), times_seconds[-1], _STEP_SECONDS)
    times = times[times < stops[-1] + LARGEST_OFFSET_SECONDS]
    heard = speaking[np.searchsorted(times_seconds[:-1], times)]
    at = np.searchsorted(starts, times, side="right") - 1
    written = (at >= 0) & (times < stops[at])
    most = round(LARGEST_OFFSET_SECONDS / _STEP_SECONDS)
    if len(times) <= 2 * most:
        return None
    fits = np.array([_correlation(heard, written, steps) for steps in range(-most, most + 1)])
    best = int(fits.argmax())
    others = np.delete(fits, slice(max(0, best - _NEAR_STEPS), best + _NEAR_STEPS + 1))
    offset = (best - most) * _STEP_SECONDS
    is_sure = fits[best] >= ALIKE and others.max() <= _CLEARLY * fits[best]
    return offset if is_sure and abs(offset) >= LEAST_OFFSET_SECONDS else None


def _correlation(heard: npt.NDArray[np.bool_], written: npt.NDArray[np.bool_], steps: int) -> float:
    """Of what is heard with what is written so many steps later; 0 where one of them never changes."""
    count = len(heard) - abs(steps)
    one, other = heard[max(0, -steps) :][:count], written[max(0, steps) :][:count]
    first, second = float(one.mean()), float(other.mean())
    spread = (first * (1 - first) * second * (1 - second)) ** 0.5
    return (float((one & other).mean()) - first * second) / spread if spread else 0.0
