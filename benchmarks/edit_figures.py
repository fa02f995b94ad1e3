"""How good summaries are whose videos are known part by part: the figures of `edit_quality`.

In: watched videos and a method that answers queries. Out: `Figures`, the rows of a table, and the curve of absent
queries over those that are falsely said to be absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

import numpy as np

from benchmarks.edit_videos import Asked, Span
from highlightr.core.transcript import Transcript
from highlightr.core.types import Features, Match, Segment, Shot
from highlightr.selection import SelectionOptions

Fact = TypeVar("Fact")

NEIGHBOUR_SECONDS = 0.5
"""A moment may hold so much of another part."""

CHANCES = (0.0, 0.2, 0.34, 0.45, 0.6, 0.7, 0.8, 1.0)
SCORES = (0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Edges of the spans of chances, and of segments' scores, that are counted."""


@dataclass(frozen=True)
class Watched:
    """A video as the pipeline sees it, and what is true about it."""

    name: str
    features: Features
    shots: tuple[Shot, ...]
    spans: tuple[Span, ...]
    """Its parts."""
    asked: tuple[Asked, ...]
    scorer: str
    """``fold N`` or ``shipped``: whose weights answer."""
    sentences: tuple[Span, ...] = ()
    events: tuple[Span, ...] = ()
    transcript: Transcript | None = None


@dataclass
class Figures:
    """What is collected over the queries of a set."""

    right: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    several_right: list[float] = field(default_factory=list)
    several_kept: list[float] = field(default_factory=list)
    clean: list[bool] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    there: list[tuple[bool, float]] = field(default_factory=list)
    """Noted, and the match's probability, of true queries."""
    absent: list[tuple[bool, float]] = field(default_factory=list)
    shown: list[tuple[bool, bool, float]] = field(default_factory=list)
    """Of each segment, whether it is mostly what was asked for, whether its video shows that at all, and its score."""
    inside: list[bool] = field(default_factory=list)
    found: list[bool] = field(default_factory=list)
    led: list[bool] = field(default_factory=list)
    ended: list[bool] = field(default_factory=list)

    def row(self) -> dict[str, float]:
        """The columns of the table; what was not measured is left out."""
        shares = {
            "right": np.median(self.right) if self.right else None,
            "mean": _mean(self.right),
            "kept": _mean(self.kept),
            "several right": _mean(self.several_right),
            "several kept": _mean(self.several_kept),
            "edges": _mean(self.clean),
            "absent": _mean([noted for noted, _ in self.absent]),
            "falsely": _mean([noted for noted, _ in self.there]),
            "area": _area(self.there, self.absent),
            "inside": _mean(self.inside),
            "found": _mean(self.found),
            "led": _mean(self.led),
            "ended": _mean(self.ended),
        }
        row = {name: 100 * float(value) for name, value in shares.items() if value is not None}
        return row | {"segments": float(np.mean(self.counts)), "seconds": float(np.mean(self.seconds))}


def _mean(values: Sequence[float] | Sequence[bool]) -> float | None:
    return float(np.mean(values)) if values else None


def _area(there: Sequence[tuple[bool, float]], absent: Sequence[tuple[bool, float]]) -> float | None:
    """Chance that a true query's probability exceeds an absent one's; equal ones count half."""
    if not there or not absent:
        return None
    high, low = (np.array([chance for _, chance in each]) for each in (there, absent))
    return float(np.mean((high[:, None] > low) + 0.5 * (high[:, None] == low)))


def covered(segments: Sequence[Segment], spans: Sequence[Span]) -> float:
    """Seconds of the segments that lie inside the spans."""
    pairs = ((segment, span) for segment in segments for span in spans)
    return sum(max(0.0, min(a.stop_seconds, stop) - max(a.start_seconds, start)) for a, (start, stop) in pairs)


def is_clean(segment: Segment, parts: Sequence[Span]) -> bool:
    """Whether all but `NEIGHBOUR_SECONDS` of a segment lies in one part."""
    return segment.seconds - max(covered([segment], [part]) for part in parts) <= NEIGHBOUR_SECONDS + 1e-6


def edges_inside(segments: Sequence[Segment], sentences: Sequence[Span], duration: float) -> list[bool]:
    """For each edge that is a cut, whether it lies inside a sentence."""
    edges = [edge for each in segments for edge in (each.start_seconds, each.stop_seconds)]
    return [
        any(start + 0.05 < edge < stop - 0.05 for start, stop in sentences)
        for edge in edges
        if 0.01 < edge < duration - 0.01
    ]


Answer = Callable[["Watched", Asked | None], tuple[Sequence[Segment], Match | None]]
"""What a method delivers for a query (`None`: without one), and its verdict."""


def judge(videos: Sequence[Watched], answer: Answer) -> Figures:
    """Ask everything of every video."""
    figures = Figures()
    for video in videos:
        queries: Sequence[Asked | None] = video.asked or [None]
        for asked in queries:
            segments, match = answer(video, asked)
            noted = match is not None and match.verdict == "none", match.probability if match else 1.0
            if asked is not None:
                _add_scores(figures, video, asked, segments)
            if asked is not None and not asked.parts:
                figures.absent.append(noted)
                continue
            _add_shape(figures, video, segments)
            if asked is not None:
                figures.there.append(noted)
                _add_share(figures, video, asked, segments)
    return figures


def _add_shape(figures: Figures, video: Watched, segments: Sequence[Segment]) -> None:
    figures.counts.append(len(segments))
    figures.seconds += [segment.seconds for segment in segments]
    figures.clean += [is_clean(segment, video.spans) for segment in segments]
    figures.inside += edges_inside(segments, video.sentences, video.features.grid.duration_seconds)
    for start, stop in video.events:
        near = [each for each in segments if covered([each], [(start, stop)]) > (stop - start) / 2]
        figures.found.append(bool(near))
        if near:
            figures.led.append(near[0].start_seconds <= start - 0.3)
            figures.ended.append(near[-1].stop_seconds >= stop + 0.3)


def _add_scores(figures: Figures, video: Watched, asked: Asked, segments: Sequence[Segment]) -> None:
    wanted = [video.spans[part] for part in asked.parts]
    for segment in segments:
        is_right = covered([segment], wanted) > segment.seconds / 2
        figures.shown.append((is_right, bool(wanted), segment.score))


def _add_share(figures: Figures, video: Watched, asked: Asked, segments: Sequence[Segment]) -> None:
    wanted = [video.spans[part] for part in asked.parts]
    inside = covered(segments, wanted)
    budget = SelectionOptions().budget_seconds(video.features.grid.duration_seconds)
    right = inside / max(sum(segment.seconds for segment in segments), 1e-9)
    kept = inside / min(sum(stop - start for start, stop in wanted), budget)
    figures.right.append(right)
    figures.kept.append(kept)
    if len(wanted) > 1:
        figures.several_right.append(right)
        figures.several_kept.append(kept)


def curve(figures: Figures) -> list[dict[str, float]]:
    """Absent noted at each rate of falsely noted."""
    there, absent = (np.array([chance for _, chance in each]) for each in (figures.there, figures.absent))
    if not len(there) or not len(absent):
        return []
    rates = (1, 2, 5, 8, 10, 15, 20, 30, 50)
    points = [(rate, np.percentile(there, rate)) for rate in rates]
    return [{"falsely": rate, "below": float(at), "absent": 100 * float((absent < at).mean())} for rate, at in points]


def calibration(figures: Figures) -> list[dict[str, float]]:
    """How many queries got a chance in each span, and how many of them are in their video."""
    asked = [(chance, True) for _, chance in figures.there] + [(chance, False) for _, chance in figures.absent]
    return [
        {"from": low, "to": high, "queries": len(found), "there": sum(found)}
        for low, high, found in _in_spans(CHANCES, asked)
    ]


def score_calibration(figures: Figures) -> list[dict[str, float]]:
    """How many segments got a score in each span, and how many are right; likewise where the video shows an answer."""
    shown = [(score, (is_right, is_there)) for is_right, is_there, score in figures.shown]
    rows = []
    for low, high, found in _in_spans(SCORES, shown):
        answered = [is_right for is_right, is_there in found if is_there]
        counts = {"segments": len(found), "right": sum(answered), "answered": len(answered)}
        rows.append({"from": low, "to": high, **counts})
    return rows


def _in_spans(edges: Sequence[float], found: Sequence[tuple[float, Fact]]) -> Iterator[tuple[float, float, list[Fact]]]:
    """Both edges of each span, and what is known of the values in it; the last one holds its upper edge."""
    for low, high in pairwise(edges):
        yield low, high, [fact for value, fact in found if low <= value < high or value == high == edges[-1]]


def print_table(rows: Mapping[str, Mapping[str, float]]) -> None:
    """One row per set and method; what a set does not measure stays empty."""
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    print(f"{'':28}" + "".join(f"{name:>14}" for name in columns))
    for name, row in rows.items():
        cells = (f"{row[column]:14.1f}" if column in row else " " * 14 for column in columns)
        print(f"{name:28}" + "".join(cells))
