"""TVSum and YouTube Highlights as UMT judges them: a trapezoid AP per video, averaged per domain, then over domains.

Scores and labels go in, percentages come out. TVSum looks at the five best clips and asks each of 20 annotators;
YouTube Highlights ranks the whole video against its match labels.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from highlightr.datasets.base import Item
from highlightr.datasets.items import tvsum_line, youtube_labels, youtube_line
from highlightr.datasets.json_lines import SCORES_FIELD, Record
from highlightr.evaluation.base import Array, Case, Metrics, Protocol, group_means
from highlightr.evaluation.ranking import ranked, trapezoid_average_precision

TOP = 5
"""Clips that the TVSum protocol looks at."""

_SOURCE = "UMT (Liu et al., CVPR 2022), datasets/{}.py"


def above_lower_median(ratings: Array) -> Array:
    """1 for ratings (num_clips,) above their median, else 0; of an even number the *lower* middle one is the median.

    Source: UMT, which calls ``torch.median``. With the upper middle one, that clip itself would not be positive.
    """
    median = np.sort(ratings)[(len(ratings) - 1) // 2]
    return np.asarray(ratings > median, dtype=np.float64)


def tvsum_top5_ap(scores: Array, ratings: Array) -> float:
    """Mean over annotators of the AP of the five best clips, positive where the annotator rated above the median.

    A fraction, from scores (num_scores,) and ratings (num_clips, num_annotators); only clips that have both are ranked.
    An annotator with no positive among the five counts as 0; recall counts within the five.

    Source: UMT, ``TVSum.evaluate``. Equal scores: the earlier clip first (published: left to torch's sort).
    """
    num_clips = min(len(scores), len(ratings))
    labels = np.stack([above_lower_median(annotator) for annotator in ratings.T], axis=1)[:num_clips]
    order = np.argsort(-scores[:num_clips], kind="stable")[:TOP]
    return float(np.mean([trapezoid_average_precision(annotator[order]) for annotator in labels.T]))


def youtube_ap(scores: Array, match: Array) -> float:
    """Trapezoid AP of the whole ranking, a fraction; 0 for a video without a matched clip, as published.

    From scores (num_scores,) and `match` (num_clips,), 1, 0 or -1; only clips that have both are ranked.

    Source: UMT, ``YouTubeHighlights.evaluate``. Equal scores: the earlier clip first.
    """
    num_clips = min(len(scores), len(match))
    return trapezoid_average_precision(ranked(youtube_labels(match[:num_clips]), scores[:num_clips]))


class _ByDomain(Protocol):
    """Shared by both data sets: one score list per video, domains averaged."""

    predictions_format: ClassVar[str] = '{"vid": "akI8YFjEmUw", "pred_saliency_scores": [one number per clip]}'

    @staticmethod
    @abstractmethod
    def item(record: Record) -> Item:
        """What a line of the annotations says."""

    def case(self, annotation: Record, prediction: Record) -> Case:
        """See `Protocol.case`; annotations are JSON lines as released by Lighthouse."""
        return Case.of(self.item(annotation), prediction.vector(SCORES_FIELD))

    @abstractmethod
    def precision(self, case: Case) -> float:
        """AP of one video, a fraction."""

    def measure(self, cases: Sequence[Case]) -> Metrics:
        """``map``: the mean over domains, the tables' average; ``map/DOMAIN``: each one."""
        domains = group_means(cases, [self.precision(case) for case in cases])
        metrics = {"map": float(np.mean(list(domains.values())))}
        return metrics | {f"map/{name}": value for name, value in domains.items() if name}

    def notes(self, cases: Sequence[Case]) -> tuple[str, ...]:
        """How many videos have another number of scores than of labels."""
        differing = sum(len(case.scores) != len(case.ratings) for case in cases)
        return (f"{differing} videos were cut to the shorter of scores and labels",) if differing else ()


class TVSum(_ByDomain):
    """Top-5 mAP over 20 annotators."""

    name: ClassVar[str] = "tvsum"
    source: ClassVar[str] = _SOURCE.format("tvsum")
    item = staticmethod(tvsum_line)

    def precision(self, case: Case) -> float:
        """See `tvsum_top5_ap`."""
        return tvsum_top5_ap(case.scores, case.ratings)


class YouTubeHighlights(_ByDomain):
    """mAP over videos."""

    name: ClassVar[str] = "youtube-highlights"
    source: ClassVar[str] = _SOURCE.format("youtube")
    item = staticmethod(youtube_line)

    def precision(self, case: Case) -> float:
        """See `youtube_ap`."""
        return youtube_ap(case.scores, case.ratings[:, 0])
