"""What a video could be asked for: the things and sounds that its features name most.

In: features. Out: a few class names, for a user who does not know what to ask; empty where no stream has classes.
"""

from __future__ import annotations

from itertools import chain, zip_longest

import numpy as np

from highlightr.core.types import Features, FloatArray
from highlightr.features.labels import label_names
from highlightr.scorers.label_bank import first_name
from highlightr.scorers.sounds import heard

MOST = 8
CLEAR = {"imagenet": 0.25, "yamnet": 0.4}
"""Class stream to the score from which a clip is said to show or sound like a class."""


def suggestions(features: Features) -> list[str]:
    """At most `MOST` names, things and sounds by turns, what fills most of the video first."""
    named = [_named(stream, features.streams[stream]) for stream in CLEAR if stream in features.streams]
    turns = chain.from_iterable(zip_longest(*named))
    return list(dict.fromkeys(name for name in turns if name is not None))[:MOST]


def _named(stream: str, values: FloatArray) -> list[str]:
    names = label_names(stream)
    if values.shape[1] != len(names):
        return []
    if stream == "yamnet":
        values, _ = heard(values, names)
    best, strength = values.argmax(axis=1), values.max(axis=1)
    clear = strength >= CLEAR[stream]
    totals = np.bincount(best[clear], strength[clear], minlength=len(names))
    return [first_name(names[index]) for index in np.argsort(-totals, kind="stable")[:MOST] if totals[index] > 0]
