"""QVHighlights, highlight detection: the saliency of 2 s clips for a query, rated 0 to 4 by three workers.

Scores and ratings go in; HL mAP and HIT@1 at Fair, Good and Very Good come out, in percent with the two decimals of
the published evaluator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from highlightr.datasets.items import full_ratings
from highlightr.datasets.json_lines import SCORES_FIELD, Record
from highlightr.evaluation.base import Array, Case, Metrics, Protocol, mean_percent
from highlightr.evaluation.ranking import interpolated_average_precision

LEVELS = {"fair": 2, "good": 3, "very_good": 4}
"""Name of a level to the lowest rating that counts as positive."""


def highlight_map(scores: Array, ratings: Array, lowest_positive: float) -> float:
    """Mean over workers of the interpolated AP of finding the clips that the worker rated high enough.

    A fraction, from scores (num_scores,), which are cut or zero-filled to num_clips, and ratings (num_clips,
    num_workers), 0 for clips outside the moments. A worker who rated no clip high enough counts as 0, as published.

    Source: Moment-DETR (Lei et al., NeurIPS 2021), standalone_eval ``compute_hl_ap``.
    """
    fitted = np.zeros(len(ratings))
    fitted[: len(scores)] = scores[: len(ratings)]
    return float(np.mean([interpolated_average_precision(worker >= lowest_positive, fitted) for worker in ratings.T]))


def highlight_hit_at_1(scores: Array, ratings: Array, lowest_positive: float) -> float:
    """1 if any worker rated the best clip high enough, else 0; the earliest of equal clips is the best.

    Source: Moment-DETR, standalone_eval ``compute_hl_hit1``. A best clip past the rated ones is a miss.
    """
    best = int(np.argmax(scores))
    return float(best < len(ratings) and bool((ratings[best] >= lowest_positive).any()))


class QVHighlights(Protocol):
    """HL mAP and HIT@1 at three levels."""

    name: ClassVar[str] = "qvhighlights"
    source: ClassVar[str] = "Moment-DETR (Lei et al., NeurIPS 2021), standalone_eval"
    predictions_format: ClassVar[str] = '{"qid": 2579, "pred_saliency_scores": [one number per 2 s clip]}'

    key: ClassVar[str] = "qid"

    def case(self, annotation: Record, prediction: Record) -> Case:
        """See `Protocol.case`; annotations are the released ``highlight_*_release.jsonl``."""
        key, video = annotation.key("qid"), annotation.key("vid")
        return Case(key, video, prediction.vector(SCORES_FIELD), full_ratings(annotation))

    def measure(self, cases: Sequence[Case]) -> Metrics:
        """``very_good_map``, ``very_good_hit@1`` and so on, in percent, rounded to two decimals as published."""
        metrics: Metrics = {}
        for level, lowest in LEVELS.items():
            precision = [highlight_map(case.scores, case.ratings, lowest) for case in cases]
            hits = [highlight_hit_at_1(case.scores, case.ratings, lowest) for case in cases]
            metrics[f"{level}_map"] = round(mean_percent(precision), 2)
            metrics[f"{level}_hit@1"] = round(mean_percent(hits), 2)
        return metrics

    def notes(self, cases: Sequence[Case]) -> tuple[str, ...]:
        """How many predictions were not as long as the video."""
        differing = sum(len(case.scores) != len(case.ratings) for case in cases)
        if not differing:
            return ()
        return (f"{differing} predictions were cut or zero-filled to the number of clips, as the evaluator does",)
