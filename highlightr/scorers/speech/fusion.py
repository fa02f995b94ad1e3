"""What is said beside what is seen and heard: scores of pictures and sound, and an answer from a transcript, as one.

In: `Scores` of any scorer for a query, and an `Answer`. Out: `Scores` on the same grid. Where nothing that is said
answers, they are those of the scorer: what is asked of pictures loses nothing to speech. Only that the pictures answer
is doubted where the query asks for what is said; and where neither answers, the nearer of both leads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from textwrap import shorten

import numpy as np
import numpy.typing as npt

from highlightr.core.large_arrays import new_array, release, spans
from highlightr.core.transcript import Transcript, is_aside
from highlightr.core.types import FloatArray, Match, Reason, Scores, Shot, TimeGrid
from highlightr.scorers.smoothing import shot_index
from highlightr.scorers.speech.answer import Answer

SPEECH = "speech"
"""Name of the part of the scores, and kind of its reasons."""

REACH_SECONDS = 0.25
"""An utterance counts in the pauses around it so far, and at most to their middle."""

AIM = 4.0
"""What the log odds that a query asks for what is said, which are small, take off those of the pictures' match. Chosen
on the tuning half of `edit_quality`."""

DOUBTED_BELOW = 0.36
"""Chance of the pictures' match, less what the aim takes off, below which they are no answer; near the scorers' own."""

UTTERANCE_BORDER = 0.15
"""Chance of a border between utterances: they are judged apart, and those that are delivered and meet play as one."""

LONGEST_QUOTE = 90
"""Letters of what is said that a reason repeats."""

_LEAST_CHANCE = 1e-6
_LEAST_SHARE = 0.05

IndexArray = npt.NDArray[np.int64]


def fuse(scores: Scores, said: Answer, transcript: Transcript, shots: Sequence[Shot]) -> Scores:
    """Put both together by the evidence that each has for this query.

    A clip's score is the chance that what is seen and heard answers or what is said does:
    ``1 - (1 - a p) (1 - b q)``. The sense whose match has the better odds counts in full, the other by the ratio of
    the odds. Scorers that know no match count by their best clip.

    Returns:
        Scores whose parts, ``speech`` among them, add up to `values`. Where speech tells more, utterances are the
        scenes and clips have no looks, because a speaker looks the same all the time.
    """
    if said.must_be_said and said.match.verdict == "none":
        return replace(scores, match=said.match)
    aim = AIM * min(0.0, said.aim)
    match = _aimed(scores.match, aim)
    seen = match.probability if match else _moved(float(scores.values.max()), aim)
    if said.match.verdict == "none" and not _is_nearer(said.match, match):
        return scores if match == scores.match else replace(scores, match=match)
    seen_weight, said_weight = (0.0, 1.0) if said.must_be_said else _weights(seen, said.match.probability)
    homes = utterance_of_clips(scores.grid, transcript, said.chances)
    spoken = np.where(homes >= 0, said_weight * said.chances[homes], 0).astype(np.float32)
    shown = np.asarray(seen_weight * scores.values, dtype=np.float32)
    values = np.asarray(1 - (1 - shown) * (1 - spoken), dtype=np.float32)
    shares = spoken / np.maximum(spoken + shown, _LEAST_CHANCE)
    rest = np.where(scores.values > 0, values * (1 - shares) / np.maximum(scores.values, _LEAST_CHANCE), 0)
    leads = shares > 0.5
    parts = {name: np.asarray(part * rest, dtype=np.float32) for name, part in scores.parts.items()}
    return replace(
        scores,
        values=np.clip(values, 0, 1),
        parts={**parts, SPEECH: np.asarray(values * shares, dtype=np.float32)},
        reasons=_reasons(scores, shares, homes, transcript),
        match=said.match if said.must_be_said else _either(match, said.match),
        borders=_borders(scores, homes, leads, shots),
        looks=_without_looks(scores.looks, leads) if scores.looks is not None and leads.any() else scores.looks,
    )


def _without_looks(looks: FloatArray, clips: npt.NDArray[np.bool_]) -> FloatArray:
    """Looks that are 0 in some clips."""
    left = new_array(looks.shape)
    for span in spans(left):
        left[span] = np.where(clips[span, None], 0, looks[span])
        release(looks)
    return left


def _is_nearer(said: Match, seen: Match | None) -> bool:
    """Whether what is said is nearer to an answer, where neither sense has one."""
    return seen is not None and seen.verdict == "none" and said.probability > seen.probability


def _aimed(match: Match | None, aim: float) -> Match | None:
    """The pictures' match, where the query may not be meant for them."""
    if match is None or aim == 0:
        return match
    chance = _moved(match.probability, aim)
    return Match("none" if chance < DOUBTED_BELOW else match.verdict, chance)


def _moved(chance: float, log_odds: float) -> float:
    odds = chance * math.exp(log_odds)
    return odds / (odds + 1 - chance)


def _weights(seen: float, said: float) -> tuple[float, float]:
    odds = [max(chance, _LEAST_CHANCE) / max(1 - chance, _LEAST_CHANCE) for chance in (seen, said)]
    return min(1.0, odds[0] / odds[1]), min(1.0, odds[1] / odds[0])


def _either(seen: Match | None, said: Match) -> Match:
    """Whether one sense or the other answers; the better verdict."""
    if seen is None:
        return said
    order = ("none", "weak", "strong")
    chance = 1 - (1 - seen.probability) * (1 - said.probability)
    return Match(max(seen.verdict, said.verdict, key=order.index), chance)


def utterance_of_clips(grid: TimeGrid, transcript: Transcript, chances: FloatArray) -> IndexArray:
    """(num_clips,) the utterance that each clip belongs to by its middle, -1 where there is no speech.

    A short utterance that holds no clip's middle gets the clip in which it lies, unless a better one has it.
    """
    utterances, homes = transcript.utterances, np.full(grid.num_clips, -1, dtype=np.int64)
    starts = np.array([each.start_seconds for each in utterances])
    stops = np.array([each.stop_seconds for each in utterances])
    gaps = np.concatenate([[np.inf], starts[1:] - stops[:-1], [np.inf]])
    reach = np.minimum(REACH_SECONDS, gaps / 2)
    first = np.searchsorted(grid.centers(), starts - reach[:-1])
    after = np.searchsorted(grid.centers(), stops + reach[1:])
    for number in range(len(utterances)):
        homes[first[number] : after[number]] = number
    for number in np.flatnonzero(first >= after).tolist():
        clip = int(grid.clip_index((starts[number] + stops[number]) / 2))
        if homes[clip] < 0 or chances[homes[clip]] < chances[number]:
            homes[clip] = number
    return homes


def _borders(scores: Scores, homes: IndexArray, leads: npt.NDArray[np.bool_], shots: Sequence[Shot]) -> FloatArray:
    """(num_clips - 1,) the scorer's scenes, or else the shots; utterances where speech leads."""
    index = shot_index(scores.grid, shots)
    scenes = (index[1:] != index[:-1]).astype(np.float32) if scores.borders is None else scores.borders
    spoken = np.where(homes[1:] == homes[:-1], 0.0, UTTERANCE_BORDER)
    return np.asarray(np.where(leads[1:] | leads[:-1], spoken, scenes), dtype=np.float32)


def _reasons(
    scores: Scores, shares: FloatArray, homes: IndexArray, transcript: Transcript
) -> tuple[tuple[Reason, ...], ...]:
    """Per clip the quote and what the scorer gave, strongest first."""
    before = scores.reasons or ((),) * scores.grid.num_clips
    told = []
    for clip, (reasons, share) in enumerate(zip(before, shares.tolist(), strict=True)):
        rest = [replace(reason, weight=reason.weight * (1 - share)) for reason in reasons] if share else list(reasons)
        if homes[clip] >= 0 and share >= _LEAST_SHARE:
            rest.append(Reason(SPEECH, quote_of(transcript.utterances[homes[clip]].text), share))
        told.append(tuple(sorted(rest, key=lambda reason: -reason.weight)))
    return tuple(told)


def quote_of(text: str) -> str:
    """What a viewer reads: ``said: "the tax office called"``, and ``caption: "[applause]"`` of what is not speech."""
    kind = "caption" if is_aside(text) else "said"
    return f'{kind}: "{shorten(text, LONGEST_QUOTE, placeholder=" …").strip(chr(34))}"'
