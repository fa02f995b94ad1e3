"""Why a segment was chosen, in words a viewer understands, its title, and what is said in it.

In: the reasons of every clip and a span. Out: at most `MOST_REASONS` reasons for the span, each with the stretch in
which it was found, strongest first; and a few words made of them. Spans are half-open, in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from highlightr.core.transcript import Transcript, is_aside
from highlightr.core.types import Reason, Scores, Segment
from highlightr.selection.spans import Span, clip_overlaps

MOST_REASONS = 4
"""More than this is not read."""

LEAST_WEIGHT = 0.02
"""A reason that made less of a segment's score than this explains nothing."""

TITLE_WEIGHT = 0.1
"""A second label is part of a title from this weight on."""

LEAST_SHARE = 0.5
"""Of an utterance that lies in the segment, for it to be quoted."""

NAMED_KINDS = ("visual", "audio", "text", "speech")
"""Kinds whose labels name something; movement and novelty are a title only where nothing else is known."""

_ROUNDING = 1e-6

Key = tuple[str, str]
"""Kind and label of a reason."""


def segment_reasons(scores: Scores, span: Span) -> tuple[Reason, ...]:
    """The strongest reasons of the covered clips, each clip counting by its share of the segment's score.

    A reason is left out where it made no more of this segment's score than of the video's on average: it is true of
    the whole video, or of another part, and does not explain why this one was chosen.
    """
    if not scores.reasons:
        return ()
    first, overlaps = clip_overlaps(scores.grid, span)
    values = scores.values[first : first + len(overlaps)].astype(np.float64)
    total = float(np.dot(values, overlaps))
    if total <= 0:  # Nothing scored: nothing was a reason.
        return ()
    found = _contributions(scores, first, len(overlaps))
    usual = _means(scores, found)
    weights = {key: float(np.dot(each, overlaps)) for key, each in found.items()}
    kept = [
        (weight / total, key)
        for key, weight in weights.items()
        if weight / total >= LEAST_WEIGHT and weight / overlaps.sum() >= usual[key] - _ROUNDING
    ]
    ordered = sorted(kept, key=lambda item: (-item[0], item[1]))[:MOST_REASONS]
    return tuple(Reason(*key, min(weight, 1.0), *_found_at(scores, span, first, found[key])) for weight, key in ordered)


def _contributions(scores: Scores, first: int, count: int) -> dict[Key, npt.NDArray[np.float64]]:
    """(count,) per label: what it made of the score of each clip from `first` on."""
    found: dict[Key, npt.NDArray[np.float64]] = {}
    for offset in range(count):
        for reason in scores.reasons[first + offset]:
            key = (reason.kind, reason.label)
            row = found.setdefault(key, np.zeros(count))
            row[offset] += reason.weight * float(scores.values[first + offset])
    return found


def _means(scores: Scores, wanted: dict[Key, npt.NDArray[np.float64]]) -> dict[Key, float]:
    """What each label makes of a clip's score, on average over the video."""
    sums = dict.fromkeys(wanted, 0.0)
    for value, reasons in zip(scores.values.tolist(), scores.reasons, strict=True):
        for reason in reasons:
            if (key := (reason.kind, reason.label)) in sums:
                sums[key] += reason.weight * value
    return {key: total / scores.grid.num_clips for key, total in sums.items()}


def _found_at(scores: Scores, span: Span, first: int, contributions: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The stretch around the strongest clip in which a label keeps at least half of its strength."""
    peak = int(np.argmax(contributions))
    strong = contributions >= contributions[peak] / 2
    low = high = peak
    while low > 0 and strong[low - 1]:
        low -= 1
    while high + 1 < len(strong) and strong[high + 1]:
        high += 1
    clip = scores.grid.clip_seconds
    return max(span.start, (first + low) * clip), min(span.stop, (first + high + 1) * clip)


def title_of(reasons: Sequence[Reason]) -> str:
    """The strongest thing that was seen and the strongest that was heard or said; empty without reasons.

    Where one holds all words of the other, as ``Acoustic guitar`` and ``guitar``, it stands alone.
    """
    named = [reason for reason in reasons if reason.kind in NAMED_KINDS] or list(reasons[:1])
    strongest: dict[str, Reason] = {}
    for reason in named:
        strongest.setdefault(reason.kind, reason)
    kept = [reason for reason in strongest.values() if reason is named[0] or reason.weight >= TITLE_WEIGHT]
    kept.sort(key=lambda reason: (*NAMED_KINDS, reason.kind).index(reason.kind))
    labels = _distinct([reason.label for reason in kept])[:2]
    words = [label if at == 0 else _uncapitalised(label) for at, label in enumerate(labels)]
    title = ", ".join(words)
    return title[:1].upper() + title[1:]


def _distinct(labels: Sequence[str]) -> list[str]:
    """Labels without those whose words another one holds; the first of equals."""
    words = [frozenset(label.casefold().split()) for label in labels]
    return [
        label
        for at, (label, own) in enumerate(zip(labels, words, strict=True))
        if not any(own < other or (own == other and number < at) for number, other in enumerate(words))
    ]


def _uncapitalised(label: str) -> str:
    """A class name such as ``Bark`` inside a title; an abbreviation or a proper name of several words stays."""
    return label[:1].lower() + label[1:] if label[1:].islower() else label


def with_quotes(segments: Sequence[Segment], transcript: Transcript | None) -> tuple[Segment, ...]:
    """Quote what is said in each segment, for the most part; without a transcript nothing changes."""
    if transcript is None:
        return tuple(segments)
    return tuple(replace(segment, quotes=_quotes(segment, transcript)) for segment in segments)


def _quotes(segment: Segment, transcript: Transcript) -> tuple[str, ...]:
    start, stop = segment.start_seconds, segment.stop_seconds
    return tuple(
        each.text
        for each in transcript.during(start, stop)
        if not is_aside(each.text)
        and min(each.stop_seconds, stop) - max(each.start_seconds, start)
        >= LEAST_SHARE * (each.stop_seconds - each.start_seconds)
    )
