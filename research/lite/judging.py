"""How well a query scorer finds its clip: joined videos of clips it never saw, every sentence a query.

In: takes dealt into folds. Out: HIT@1 and mAP by the protocol `moments`, in percent, and the raw log evidence for the
calibration. A method is a function from a joined video and a query to one value per clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from highlightr.core.types import Features, FloatArray, Query
from highlightr.evaluation.ranking import average_precision, expected_hit_at_1
from highlightr.scorers.cfsum.lite import CFSumLiteScorer
from highlightr.scorers.zeroshot.scorer import ZeroShotScorer
from research.lite.clips import Take
from research.lite.stitching import Mixed, deal, join, whole

Method = Callable[[Mixed, Sequence[Query]], Sequence[FloatArray]]
"""Values (num_clips,) of a joined video for each query; only their order counts."""

PARTS_PER_VIDEO = 8


@dataclass(frozen=True)
class Answer:
    """One query on one joined video."""

    values: FloatArray
    """(num_clips,) what the method said."""
    labels: FloatArray
    """(num_clips,) 1 where the clip belongs to the part that the sentence describes."""

    @property
    def hit(self) -> float:
        """HIT@1, in [0, 1]."""
        return expected_hit_at_1(self.labels, self.values)

    @property
    def precision(self) -> float:
        """Average precision, in [0, 1]."""
        return average_precision(self.labels, self.values)


@dataclass(frozen=True)
class Judged:
    """Figures of one method."""

    queries: int
    hit_at_1: float
    """In percent."""
    mean_ap: float
    """In percent."""
    hit_error: float
    """Standard error of HIT@1 over queries, in percent; queries of several deals are not independent."""

    @classmethod
    def of(cls, found: Sequence[Answer]) -> Judged:
        """Mean over answers."""
        hits = 100 * np.array([each.hit for each in found])
        error = float(hits.std() / np.sqrt(len(hits)))
        return cls(len(found), float(hits.mean()), float(100 * np.mean([each.precision for each in found])), error)


def folds_of(count: int, folds: int, seed: int) -> list[list[int]]:
    """Takes dealt to folds; every take is in exactly one."""
    order = np.random.default_rng(seed).permutation(count)
    return [sorted(order[fold::folds].tolist()) for fold in range(folds)]


def videos_of(
    takes: Sequence[Take], chosen: Sequence[int], rng: np.random.Generator, parts: int = PARTS_PER_VIDEO
) -> Iterator[Mixed]:
    """The chosen takes dealt into videos of so many parts, in full."""
    for group in deal(len(chosen), parts, rng):
        yield join(takes, whole(takes, [chosen[member] for member in group]))


def answers(videos: Sequence[Mixed], queries: Sequence[Query], method: Method) -> list[Answer]:
    """Every sentence of every video as a query."""
    found = []
    for video in videos:
        asked = [queries[part.take] for part in video.parts]
        for index, values in enumerate(method(video, asked)):
            found.append(Answer(values, (video.owner == index).astype(np.float32)))
    return found


def judge(videos: Sequence[Mixed], queries: Sequence[Query], method: Method) -> Judged:
    """Figures of a method on joined videos."""
    return Judged.of(answers(videos, queries, method))


def by_linear(scorer: CFSumLiteScorer, without: Sequence[str] = ()) -> Method:
    """Log evidence of the linear CFSum; `without` leaves out streams."""
    return lambda video, asked: list(scorer.log_evidence(_without(video.features, without), asked, video.shots))


def by_zeroshot(scorer: ZeroShotScorer, without: Sequence[str] = ()) -> Method:
    """Scores of the zero-shot scorer; `without` leaves out streams."""

    def method(video: Mixed, asked: Sequence[Query]) -> list[FloatArray]:
        features = _without(video.features, without)
        return [scorer.score(features, query, video.shots).values for query in asked]

    return method


def _without(features: Features, names: Sequence[str]) -> Features:
    kept: Mapping[str, FloatArray] = {name: rows for name, rows in features.streams.items() if name not in names}
    return Features(features.grid, kept)
