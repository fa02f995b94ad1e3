"""Which sounds say something: silence, hum, hiss and the room that was recorded in are evidence for no query.

In: class scores (num_clips, L) of AudioSet's classes. Out: the scores of the classes that say something, and how much
each clip says; how much sound counts beside pictures; and whether the sound that a query names is heard. Where there is
no sound at all, a clip counts as if the video had no soundtrack.
"""

from __future__ import annotations

import numpy as np

from highlightr.core.large_arrays import new_array, release, spans
from highlightr.core.types import Features, FloatArray

CLASS_STREAMS = {"visual": "imagenet", "audio": "yamnet"}
"""Part of the scores to the stream of class scores it comes from."""

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

NAMED = (0.45, 0.65)
"""Cosine of a query to the name of a class up to which it does not name that sound, and from which it does."""

HEARD = (0.03, 0.3)
"""Score of a class up to which that sound is not heard, and from which it is heard clearly."""

COVERING = ("Speech", "Music")
COVERED = (0.3, 0.6)
"""Score of these up to which other sounds are heard beside them, and from which they may stand in place of what was
recorded: a narrated video, or one with music laid over it, need not have the sound of what it shows."""


def heard(class_scores: FloatArray, names: tuple[str, ...]) -> tuple[FloatArray, FloatArray]:
    """Take away the sounds that say nothing from class scores (num_clips, L) in [0, 1].

    Returns:
        (num_clips, L) the scores with those classes at 0, and (num_clips,) in [0, 1] how much each clip says.
    """
    kept = np.array([name not in MUTE_SOUNDS for name in names])
    telling, clearest = new_array(class_scores.shape), np.zeros(len(class_scores), dtype=np.float32)
    for span in spans(telling):
        telling[span] = class_scores[span] * kept
        clearest[span] = telling[span].max(axis=1, initial=0.0)
        release(class_scores)
    nothing, full = SAYING
    saying = (clearest - nothing) / (full - nothing)
    return telling, np.asarray(np.clip(saying, 0, 1), dtype=np.float32)


def named_sound_heard(telling: FloatArray, names: tuple[str, ...], similarities: FloatArray) -> float:
    """How clearly the sound that a query names is heard: from -1, not at all, to 1.

    Args:
        telling: (n, L) what `heard` leaves of the class scores of some clips.
        similarities: (L,) cosines of the query to the classes' names, of which the nearest counts.

    Returns:
        0 where the query names no sound, or one that says nothing; and where it is not heard, but nothing is that says
        something, or speech or music may cover it.
    """
    nearest = int(similarities.argmax())
    if names[nearest] in MUTE_SOUNDS:
        return 0.0
    loudest = dict(zip(names, telling.max(axis=0).tolist(), strict=True))
    found = np.interp(np.log(max(loudest[names[nearest]], HEARD[0])), np.log(HEARD), (-1, 1))
    if found < 0:
        found *= np.interp(max(loudest.get(name, 0.0) for name in COVERING), COVERED, (1, 0))
    names_it, says = np.interp(similarities[nearest], NAMED, (0, 1)), np.interp(max(loudest.values()), SAYING, (0, 1))
    return float(found * names_it * says)


def senses(
    features: Features, sound_names: tuple[str, ...], audio_share: float
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Class scores of each sense that is there, and (num_clips,) how much it counts in each clip.

    Sound has `audio_share` beside pictures. A clip in which nothing is heard that says something counts as if there
    were no soundtrack.
    """
    streams = {kind: features.streams[name] for kind, name in CLASS_STREAMS.items() if name in features.streams}
    weights = {kind: np.ones(features.grid.num_clips, dtype=np.float32) for kind in streams}
    if "audio" in streams:
        streams["audio"], weights["audio"] = heard(streams["audio"], sound_names)
    if len(streams) > 1:
        weights["audio"] = audio_share * weights["audio"]
        weights["visual"] = 1 - weights["audio"]
    return streams, weights
