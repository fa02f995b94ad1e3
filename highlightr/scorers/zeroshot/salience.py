"""What stands out without a query: sudden sound, telling sound events, movement and change.

In: the streams of `Features`. Out: per stream one value per clip in [0, 1], relative to the video it is in, so that
a quiet talk and a football match both have highlights. A constant stream stays constant: nothing is divided by a
spread below its floor.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from highlightr.core.errors import ConfigError, NothingToScoreError
from highlightr.core.large_arrays import release
from highlightr.core.types import Features, FloatArray, Reason
from highlightr.scorers.label_bank import Evidence, Reasons, first_name, strongest
from highlightr.scorers.sounds import heard

PART_WEIGHTS: Mapping[str, float] = {"sounds": 0.4, "dynamics": 0.5, "motion": 0.05, "novelty": 0.05}
"""How much each part counts where all are there: in edited footage the picture moves and changes all the time, and what
is heard tells the moment. Chosen on 15 simulated moments (card `lite`); equal parts for sound and picture
found 24 % of them, these 62 %. Where there is no sound, motion and novelty share the score."""

_BY_WEIGHT = {
    1.0: "Cheering; Applause; Explosion; Fireworks",
    0.9: "Belly laugh; Baby laughter; Screaming; Whoop; Gunshot, gunfire; Firecracker",
    0.8: "Clapping; Laughter; Battle cry; Boom; Smash, crash; Shatter",
    0.7: "Shout; Yell; Children shouting; Bang; Breaking; Thunder; Skidding; Tire squeal; Roar; Howl",
    0.6: "Crowd; Siren; Race car, auto racing; Bark; Drum roll; Whistle",
    0.4: "Singing",
}
SALIENT_SOUNDS: Mapping[str, float] = {
    name: weight for weight, names in _BY_WEIGHT.items() for name in names.split("; ")
}
"""AudioSet classes that viewers rarely want cut, and how much each counts in [0, 1]: reactions of people (cheers,
applause, laughter, screams) are the strongest sign that something just happened, then loud events (explosions,
crashes, fireworks), then calls and performances. Speech and music are left out: most videos have them throughout."""


_LABELLED = {"dynamics": "sudden sound", "motion": "movement", "novelty": "something new"}
"""What a viewer reads when a part without class names stands out."""

_OF_SOUND = ("sounds", "dynamics")

_FLOORS = {"audio_dynamics": 3.0, "motion": 0.1, "novelty": 0.05}
"""Smallest spread that counts as variation, in each stream's unit: 3 dB is a change one notices; a tenth of full scale
per second and a twentieth of full scale are what noise and compression alone can make."""

USUAL = 0.5
"""Level of what stands out as much as half of the video does."""

_LEAST_REASON = 0.05


def salience(features: Features, sound_names: tuple[str, ...]) -> tuple[dict[str, FloatArray], Reasons]:
    """What stands out per clip in ``yamnet``, ``audio_dynamics``, ``motion`` and ``novelty``, those that are there.

    Returns:
        Parts ``sounds``, ``dynamics``, ``motion`` and ``novelty``, those whose stream is there, each (num_clips,) in
        [0, 1] times its weight, the weights adding up to 1; and the reasons per clip.

    Raises:
        ConfigError: none of the streams is there.
    """
    streams = features.streams
    saying = heard(streams["yamnet"], sound_names)[1] if "yamnet" in streams else np.ones(1, dtype=np.float32)
    levels, sounds = _levels(streams, sound_names, saying)
    # A soundtrack that says nothing all along is none: it would leave next to nothing to what the picture shows.
    clearest = float(saying.max())
    weights = {name: PART_WEIGHTS[name] * (clearest if name in _OF_SOUND else 1.0) for name in levels}
    total = sum(weights.values())
    if not total:
        raise NothingToScoreError("the zeroshot scorer found nothing to score without a query: give it sound or motion")
    shares = {name: weight / total for name, weight in weights.items() if weight}
    parts = {name: np.asarray(share * levels[name], dtype=np.float32) for name, share in shares.items()}
    rises = {name: np.maximum(parts[name] - USUAL * shares[name], 0) for name in parts if name in _LABELLED}
    told = (_clip_reasons(clip, parts, rises, sounds) for clip in range(features.grid.num_clips))
    return parts, tuple(told)


def _levels(
    streams: Mapping[str, FloatArray], names: tuple[str, ...], saying: FloatArray
) -> tuple[dict[str, FloatArray], Evidence | None]:
    levels, sounds = {}, None
    if "yamnet" in streams:
        sounds = salient_sounds(streams["yamnet"], names)
        levels["sounds"] = sounds.values
    if "audio_dynamics" in streams:
        rises = _mean_standing_out(streams["audio_dynamics"], _FLOORS["audio_dynamics"])
        # Gusts of wind and the recorder's own noise rise, too. What rises may be clearest in the clip beside.
        levels["dynamics"] = rises - (1 - _with_neighbours(saying)) * np.maximum(rises - USUAL, 0)
    for name in ("motion", "novelty"):
        if name in streams:
            levels[name] = _mean_standing_out(streams[name], _FLOORS[name])
    return levels, sounds


def _with_neighbours(values: FloatArray) -> FloatArray:
    """The largest of each value and those beside it."""
    around = np.pad(values, 1, mode="edge")
    return np.asarray(np.maximum.reduce([around[:-2], values, around[2:]]), dtype=np.float32)


def _mean_standing_out(values: FloatArray, floor: float) -> FloatArray:
    levels = [standing_out(column, floor) for column in values.T]
    return np.asarray(np.mean(levels, axis=0), dtype=np.float32)


def standing_out(values: FloatArray, floor: float) -> FloatArray:
    """(num_clips,) float32 in [0, 1]: `USUAL` at the video's median, 1 at the 95th percentile and above.

    Values are of any unit, larger ones more eventful; `floor` is the smallest spread, in the same unit, that counts as
    variation.
    """
    median, high = np.percentile(values, [50, 95])
    return np.asarray(
        np.clip(USUAL + (1 - USUAL) * (values - median) / max(high - median, floor), 0, 1), dtype=np.float32
    )


def salient_sounds(class_scores: FloatArray, names: tuple[str, ...]) -> Evidence:
    """The salient sound that is clearest in each clip: its class score times how much it counts, in [0, 1]."""
    if class_scores.shape[1] != len(names):
        raise ConfigError(f"the label bank names {len(names)} sounds, but the stream has {class_scores.shape[1]}")
    kept = [index for index, name in enumerate(names) if name in SALIENT_SOUNDS]
    counts = np.array([SALIENT_SOUNDS[names[index]] for index in kept], dtype=np.float32)
    if not kept:
        empty = np.zeros((len(class_scores), 0), dtype=np.float32)
        return Evidence(np.zeros(len(class_scores), dtype=np.float32), (), empty.astype(np.int64), empty)
    weighed = np.clip(class_scores[:, kept], 0, 1).astype(np.float32) * counts
    release(class_scores)
    found = strongest(weighed, tuple(names[index] for index in kept))
    clearest = weighed.max(axis=1)
    return Evidence(clearest, found.names, found.labels, np.take_along_axis(weighed, found.labels, axis=1))


def _clip_reasons(
    clip: int, parts: Mapping[str, FloatArray], rises: Mapping[str, FloatArray], sounds: Evidence | None
) -> tuple[Reason, ...]:
    """What stands out, strongest first; weight is the share of the score that it made by rising above the usual."""
    total = max(sum(float(part[clip]) for part in parts.values()), 1e-6)
    found = [Reason(name, _LABELLED[name], float(rise[clip]) / total) for name, rise in rises.items()]
    if sounds is not None and "sounds" in parts:
        share = parts["sounds"][clip] / max(float(sounds.weights[clip].sum()), 1e-6) / total
        pairs = zip(sounds.labels[clip], sounds.weights[clip], strict=True)
        found += [Reason("audio", first_name(sounds.names[label]), float(share * weight)) for label, weight in pairs]
    told = [reason for reason in found if reason.weight >= _LEAST_REASON]
    return tuple(sorted(told, key=lambda reason: -reason.weight))
