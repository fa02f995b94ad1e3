"""The "clip lies in the moment" protocol: is the best clip inside the moment that the query describes?

For Charades-style data (one query, one window) and for retrieval in stitched videos. A clip is positive if its center
lies in the half-open window ``[start_seconds, stop_seconds)``; the clips are those of `TimeGrid`. HIT@1 and mAP, in
percent, are means over queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.core.types import TimeGrid
from highlightr.datasets.items import Window, moment_labels, read_windows
from highlightr.datasets.json_lines import SCORES_FIELD, Record
from highlightr.evaluation.base import Case, Metrics, Protocol, mean_percent
from highlightr.evaluation.ranking import average_precision, expected_hit_at_1


def moment_case(key: str, video: str, scores: npt.ArrayLike, grid: TimeGrid, windows: Iterable[Window]) -> Case:
    """A case of this protocol from arrays: (num_clips,) scores on the grid, and the windows of the query."""
    labels = moment_labels(grid, windows).astype(np.float64)
    return Case(key, video, np.asarray(scores, dtype=np.float64), labels[:, None])


class Moments(Protocol):
    """HIT@1 and mAP of the clips of a moment.

    Ties do not depend on order: HIT@1 is the chance of a hit when one of the best clips is drawn at random, and equal
    scores are one step of the precision-recall curve. Scores that are all equal get the share of positive clips in
    both. Queries whose window holds no clip center have no answer; they are counted in the notes and left out.
    """

    name: ClassVar[str] = "moments"
    source: ClassVar[str] = "highlightr: a clip is positive if its center lies in the window"
    predictions_format: ClassVar[str] = '{"qid": 4, "clip_seconds": 1.0, "pred_saliency_scores": [one number per clip]}'

    key: ClassVar[str] = "qid"
    fills: ClassVar[bool] = True

    def case(self, annotation: Record, prediction: Record) -> Case:
        """See `Protocol.case`; annotations hold qid, vid, duration and window or relevant_windows."""
        duration = annotation.number("duration", positive=True)
        grid = TimeGrid(duration, prediction.number("clip_seconds", positive=True))
        scores = prediction.vector(SCORES_FIELD)
        if len(scores) != grid.num_clips:
            raise ConfigError(
                f"{prediction.where}: {len(scores)} scores, but {duration:g} s hold {grid.num_clips} clips of "
                f"{grid.clip_seconds:g} s"
            )
        return moment_case(annotation.key("qid"), annotation.key("vid"), scores, grid, read_windows(annotation))

    def measure(self, cases: Sequence[Case]) -> Metrics:
        """``hit@1`` and ``map``."""
        answerable = [self.fitted(case) for case in cases if case.ratings.any()]
        return {
            "hit@1": mean_percent([expected_hit_at_1(case.relevance, case.scores) for case in answerable]),
            "map": mean_percent([average_precision(case.relevance, case.scores) for case in answerable]),
        }

    def notes(self, cases: Sequence[Case]) -> tuple[str, ...]:
        """How many queries have no positive clip."""
        empty = sum(not case.ratings.any() for case in cases)
        return (f"{empty} queries were left out: no clip center lies in their window",) if empty else ()
