"""Which sounds say something: silence, hum, hiss and the room that was recorded in are evidence for no query.

In: class scores (num_clips, L) of AudioSet's classes. Out: the scores of the classes that say something, and how much
each clip says. Where there is no sound at all, a clip counts as if the video had no soundtrack.
"""

from __future__ import annotations

import numpy as np

from highlightr.core.types import FloatArray

MUTE_SOUNDS = frozenset(
    {
        "Silence",
        "Inside, small room",
        "Inside, large room or hall",
        "Inside, public space",
        "Outside, urban or manmade",
        "Outside, rural or natural",
        "Reverberation",
        "Echo",
        "Noise",
        "Environmental noise",
        "Static",
        "Mains hum",
        "Distortion",
        "Sidetone",
        "Cacophony",
        "White noise",
        "Pink noise",
        "Throbbing",
        "Vibration",
        "Hum",
        "Sound effect",
        "Snake",
        "Rustle",
        "Rustling leaves",
        "Spray",
        "Hiss",
        "Whoosh, swoosh, swish",
        "Buzz",
        "Wind",
    }
)
"""AudioSet's classes of silence, acoustic environment and noise, which tell how something was recorded and not what;
and, from "Snake" on, classes that YAMNet gives to the hiss and hum of a recorder. In made room tones (white, pink and
brown noise and mains hum at -90 to -40 dB of full scale) these reach 0.5 ("Snake", "Rustle"), as much as in clips that
show one; no other class passes 0.12, but for "Insect" in a hum at -40 dB."""

SAYING = (0.1, 0.3)
"""Score of a clip's clearest sound up to which it says nothing, and from which it counts in full. Room tones hardly
pass the first; of 513 seconds of real clips with sound, 98 % lie above it and 81 % above the second."""


def heard(class_scores: FloatArray, names: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Take away the sounds that say nothing from class scores (num_clips, L) in [0, 1].

    Returns:
        (num_clips, L) the scores with those classes at 0, and (num_clips,) in [0, 1] how much each clip says.
    """
    kept = np.array([name not in MUTE_SOUNDS for name in names])
    telling = np.asarray(class_scores * kept, dtype=np.float32)
    nothing, full = SAYING
    saying = (telling.max(axis=1, initial=0.0) - nothing) / (full - nothing)
    return telling, np.asarray(np.clip(saying, 0, 1), dtype=np.float32)
