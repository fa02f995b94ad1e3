"""What pages are told, as plain JSON types: a video, what was found in it for a query, what was proposed.

Times are seconds, spans half-open. Curves are SVG paths in the box that `highlightr.export.curve` draws in.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

import numpy as np

from highlightr.core.source import Source
from highlightr.core.types import Features, FloatArray, Scores
from highlightr.export.curve import columns, line_path, part_lines, shot_path
from highlightr.export.words import sense, verdict_words
from highlightr.features.labels import label_names
from highlightr.pipeline import Analysis
from highlightr.scorers.label_bank import first_name
from highlightr.scorers.sounds import heard
from highlightr.selection.edges import SPEECH, find_pauses
from highlightr.selection.spans import Span
from highlightr.web.analyst import Proposal
from highlightr.web.library import Video

MOST_POINTS = 3000
MOST_FIRST_POINTS = 400
"""Of the curve while a video is analysed, which is sent again and again."""

MOST_EDGES = 5000
MOST_CLIPS = 40_000
"""Of which reasons are told; eleven hours of one-second clips."""

LONGEST_LINE = 400
"""Characters of an utterance."""

REASONS_PER_CLIP = 3
MOST_SUGGESTIONS = 8
CLEAR = {"imagenet": 0.25, "yamnet": 0.4}
"""Class stream to the score from which a clip is said to show or sound like a class."""


def list_row(video: Video) -> dict[str, Any]:
    """A row of the list."""
    return {
        "id": video.id,
        "name": video.name,
        "size": video.size_bytes,
        "version": str(video.modified_ns),
        "made": list(video.made),
        "summary": video.summary_id,
    }


def video_facts(video: Video, source: Source) -> dict[str, Any]:
    """What a player needs to know."""
    rate = source.video.frames_per_second
    return {
        **list_row(video),
        "duration": source.duration_seconds,
        "rate": None if rate is None else float(rate),
        "first": source.picture_start_seconds,
        "width": source.video.width,
        "height": source.video.height,
    }


def partial_curve(scores: Scores) -> dict[str, Any]:
    """The curve of the first seconds, in a box that is as long as they are, while the rest is analysed."""
    seconds = scores.grid.duration_seconds
    return {"seconds": seconds, "curve": line_path(scores.values, scores.grid, most=MOST_FIRST_POINTS)}


def analysis_values(analysis: Analysis) -> dict[str, Any]:
    """Curve, parts, verdict and reasons for a query, and the lanes that all queries share."""
    scores, match = analysis.scores, analysis.scores.match
    grid = scores.grid
    return {
        "query": analysis.query,
        "clip": grid.clip_seconds,
        "covered": grid.num_clips * grid.clip_seconds,
        "scores": columns(scores.values, MOST_POINTS),
        "curve": line_path(scores.values, grid, most=MOST_POINTS),
        "parts": part_lines(scores, MOST_POINTS),
        "match": None if match is None else [match.verdict, *verdict_words(match)],
        "notes": [*scores.notes, *analysis.notes],
        "reasons": _reasons(scores),
        "suggestions": suggestions(analysis.features),
        "lanes": _lanes(analysis),
    }


def _lanes(analysis: Analysis) -> dict[str, Any]:
    duration = analysis.scores.grid.duration_seconds
    speech = analysis.features.signals.get(SPEECH)
    pauses = find_pauses(speech, duration) if speech is not None and len(speech.times_seconds) else []
    shots = [round(shot.start_seconds, 4) for shot in analysis.shots[1:]]
    said = () if analysis.transcript is None else analysis.transcript.utterances[:MOST_EDGES]
    return {
        "shots": shots[:MOST_EDGES],
        "shot_path": shot_path(analysis.shots, duration),
        "pauses": _rounded(pauses),
        "speech": _rounded(_between(pauses, duration)),
        "transcript": [
            (round(each.start_seconds, 3), round(each.stop_seconds, 3), each.text[:LONGEST_LINE]) for each in said
        ],
    }


def _rounded(spans: Sequence[Span]) -> list[list[float]]:
    return [[round(span.start, 3), round(span.stop, 3)] for span in spans[:MOST_EDGES]]


def _between(pauses: Sequence[Span], duration: float) -> list[Span]:
    """Where there is speech: what lies between pauses; nothing where there are none."""
    if not pauses:
        return []
    edges = [0.0, *(edge for pause in pauses for edge in pause), duration]
    spans = [Span(*pair) for pair in zip(edges[::2], edges[1::2], strict=True)]
    return [span for span in spans if span.seconds > 0.02]


def _reasons(scores: Scores) -> dict[str, Any]:
    """Per clip the strongest reasons: numbers into a list of labels, and percents."""
    labels: dict[tuple[str, str], int] = {}
    clips: list[list[list[int]]] = []
    for reasons in scores.reasons[:MOST_CLIPS]:
        rows = []
        for reason in reasons[:REASONS_PER_CLIP]:
            number = labels.setdefault((reason.kind, reason.label), len(labels))
            rows.append([number, round(100 * min(max(reason.weight, 0), 1))])
        clips.append(rows)
    return {"labels": [[*sense(kind), label] for kind, label in labels], "clips": clips}


def proposal_rows(proposals: Sequence[Proposal]) -> list[dict[str, Any]]:
    """Segments as a page's edit has them."""
    return [
        {
            "start_seconds": round(each.segment.start_seconds, 6),
            "stop_seconds": round(each.segment.stop_seconds, 6),
            "title": each.segment.title,
            "query": each.query,
        }
        for each in proposals
    ]


def suggestions(features: Features) -> list[str]:
    """What a user could ask for: at most `MOST_SUGGESTIONS` classes that the features name most, things and sounds by
    turns, what fills most of the video first; empty where no stream has classes.
    """
    named = [_named(stream, features.streams[stream]) for stream in CLEAR if stream in features.streams]
    turns = chain.from_iterable(zip_longest(*named))
    return list(dict.fromkeys(name for name in turns if name is not None))[:MOST_SUGGESTIONS]


def _named(stream: str, values: FloatArray) -> list[str]:
    names = label_names(stream)
    if values.shape[1] != len(names):
        return []
    if stream == "yamnet":
        values, _ = heard(values, names)
    best, strength = values.argmax(axis=1), values.max(axis=1)
    clear = strength >= CLEAR[stream]
    totals = np.bincount(best[clear], strength[clear], minlength=len(names))
    most = np.argsort(-totals, kind="stable")[:MOST_SUGGESTIONS]
    return [first_name(names[index]) for index in most if totals[index] > 0]
