"""What stands out without a query: sudden sound, telling sound events, movement and change.

In: the streams of `Features`. Out: per stream one value per clip in [0, 1], relative to the video it is in, so that
a quiet talk and a football match both have highlights. A constant stream stays constant: nothing is divided by a
spread below its floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from highlightr.timeline import FloatArray

__all__ = ["SALIENT_SOUNDS", "salient_sounds", "standing_out"]

SALIENT_SOUNDS: Mapping[str, float] = {
    "Cheering": 1.0,
    "Applause": 1.0,
    "Crowd": 0.6,
    "Clapping": 0.8,
    "Laughter": 0.8,
    "Belly laugh": 0.9,
    "Baby laughter": 0.9,
    "Screaming": 0.9,
    "Shout": 0.7,
    "Yell": 0.7,
    "Children shouting": 0.7,
    "Whoop": 0.9,
    "Battle cry": 0.8,
    "Singing": 0.4,
    "Explosion": 1.0,
    "Gunshot, gunfire": 0.9,
    "Fireworks": 1.0,
    "Firecracker": 0.9,
    "Boom": 0.8,
    "Bang": 0.7,
    "Smash, crash": 0.8,
    "Breaking": 0.7,
    "Shatter": 0.8,
    "Thunder": 0.7,
    "Siren": 0.6,
    "Skidding": 0.7,
    "Tire squeal": 0.7,
    "Race car, auto racing": 0.6,
    "Roar": 0.7,
    "Bark": 0.6,
    "Howl": 0.7,
    "Drum roll": 0.6,
    "Whistle": 0.6,
}
"""AudioSet classes that viewers rarely want cut, and how much each counts in [0, 1]: reactions of people (cheers,
applause, laughter, screams) are the strongest sign that something just happened, then loud events (explosions,
crashes, fireworks), then calls and performances. Speech and music are left out: most videos have them throughout."""


def standing_out(values: FloatArray, floor: float) -> FloatArray:
    """How far each value rises above the video's median, in units of its upper spread.

    Args:
        values: (num_clips,) any unit; larger is more eventful.
        floor: smallest spread, in the same unit, that counts as variation.

    Returns:
        (num_clips,) float32 in [0, 1]: 0.5 at the median, 1 at the 95th percentile and above.
    """
    median, high = np.percentile(values, [50, 95])
    return np.asarray(np.clip(0.5 + 0.5 * (values - median) / max(high - median, floor), 0, 1), dtype=np.float32)


def salient_sounds(class_scores: FloatArray, names: Sequence[str]) -> FloatArray:
    """(num_clips, L) scores of the salient sounds alone, each times how much it counts; 0 for all other classes."""
    weights = np.array([SALIENT_SOUNDS.get(name, 0.0) for name in names], dtype=np.float32)
    return np.asarray(np.clip(class_scores, 0, 1) * weights, dtype=np.float32)
