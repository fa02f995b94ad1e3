"""Mr.HiSum as a protocol, in three variants: an HDF5 or JSON Lines annotation file goes in, metrics come out.

Scores are one per second of video. Annotations: per video ``gtscore`` (num_frames,) in [0, 1] and, for the knapsack
F1, ``change_points`` (num_shots, 2) and ``gt_summary`` (num_frames,), as in the released ``mr_hisum.h5``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from highlightr.core.errors import ConfigError
from highlightr.datasets.hdf5 import HDF5_SUFFIXES, member, open_hdf5
from highlightr.datasets.json_lines import SCORES_FIELD, Record, read_predictions
from highlightr.datasets.mrhisum import Truth, read_truth, truth_from_group
from highlightr.evaluation.base import Array, Case, Metrics, Protocol, mean_percent
from highlightr.evaluation.mrhisum import VARIANTS, frame_f1, knapsack_summary, segment_average_precision, summary_f1
from highlightr.evaluation.ranking import kendall, spearman


def _case(prediction: Record, truth: Truth) -> Case:
    scores, (frames, shots, summary) = prediction.vector(SCORES_FIELD), truth
    if len(scores) != len(frames):
        raise ConfigError(f"{prediction.where}: {len(scores)} scores, but the video has {len(frames)} frames")
    vid = prediction.key("vid")
    return Case(vid, vid, scores, frames[:, None], change_points=shots, summary=summary)


class MrHiSumTripleSumm(Protocol):
    """AP50, AP15 and rank correlations in TripleSumm's variant: highlights rounded up, tail filled with zeros."""

    name: ClassVar[str] = "triplesumm"
    source: ClassVar[str] = VARIANTS["triplesumm"].source
    predictions_format: ClassVar[str] = '{"vid": "video_1", "pred_saliency_scores": [one number per second]}'
    fills: ClassVar[bool] = True

    def read(self, predictions: Path, annotations: Path, *, allow_missing: bool = False) -> tuple[list[Case], int]:
        """See `Protocol.read`. An HDF5 file holds every split, so there only the predicted videos are judged."""
        if annotations.suffix.lower() in HDF5_SUFFIXES:
            cases = _read_hdf5(read_predictions(predictions, self.key), annotations)
            return cases, len(cases)
        return super().read(predictions, annotations, allow_missing=allow_missing)

    def case(self, annotation: Record, prediction: Record) -> Case:
        """See `Protocol.case`; annotations are lines with the fields of the HDF5 release."""

        def get(name: str, ndim: int) -> Array | None:
            if annotation.fields.get(name) is None:
                return None
            return annotation.vector(name) if ndim == 1 else annotation.matrix(name)

        return _case(prediction, read_truth(get, annotation.where))

    def measure(self, cases: Sequence[Case]) -> Metrics:
        """``map@50`` and ``map@15`` in percent, ``spearman`` and ``kendall`` of the frame scores as they are."""
        cases, variant, metrics = [self.fitted(case) for case in cases], VARIANTS[self.name], Metrics()
        for percent in (50, 15):
            found = [segment_average_precision(each.scores, each.relevance, percent / 100, variant) for each in cases]
            metrics[f"map@{percent}"] = mean_percent(found)
        for correlation in (spearman, kendall):
            values = [correlation(case.scores, case.relevance) for case in cases]
            metrics[correlation.__name__] = float(np.mean(values)) if values else 0.0
        return metrics


class MrHiSum(MrHiSumTripleSumm):
    """The variant of MR.HiSum's own code: highlights rounded down, knapsack F1 at 15 %."""

    name: ClassVar[str] = "mrhisum"
    source: ClassVar[str] = VARIANTS["mrhisum"].source

    def measure(self, cases: Sequence[Case]) -> Metrics:
        """Adds ``f1@15``; it is absent where no video has both change points and a summary."""
        values = [
            summary_f1(knapsack_summary(case.scores, case.change_points), case.summary)
            for case in map(self.fitted, cases)
            if case.change_points is not None and case.summary is not None
        ]
        return super().measure(cases) | ({"f1@15": mean_percent(values)} if values else {})

    def notes(self, cases: Sequence[Case]) -> tuple[str, ...]:
        """How many videos had no shots or summary."""
        bare = sum(case.change_points is None or case.summary is None for case in cases)
        return (f"f1@15 leaves out {bare} videos without change_points and gt_summary",) if bare else ()


class MrHiSumDAViHD(MrHiSumTripleSumm):
    """The variant of DAViHD: at least one highlight segment, frame F1 at 50 %.

    It judges Mr.HiSum, and TVSum by the mean of its annotators. A video whose true scores are all 0 counts as 0 in
    every metric, as published.
    """

    name: ClassVar[str] = "davihd"
    source: ClassVar[str] = VARIANTS["davihd"].source

    def measure(self, cases: Sequence[Case]) -> Metrics:
        """Adds ``f1@50``."""
        judged = [self.fitted(case) for case in cases if case.ratings.any()]
        f1 = mean_percent([frame_f1(case.scores, case.relevance) for case in judged])
        share = len(judged) / max(len(cases), 1)
        return {name: share * value for name, value in (super().measure(judged) | {"f1@50": f1}).items()}

    def notes(self, cases: Sequence[Case]) -> tuple[str, ...]:
        """How many videos have nothing to find."""
        empty = sum(not case.ratings.any() for case in cases)
        return (f"{empty} videos count as 0: their true scores are all 0",) if empty else ()


def _read_hdf5(predicted: Mapping[str, Record], annotations: Path) -> list[Case]:
    cases = []
    with open_hdf5(annotations) as file:
        for vid, record in predicted.items():
            group = member(file, vid)
            if not hasattr(group, "keys"):
                raise ConfigError(f"{record.where}: {annotations} has no video {vid!r}")
            cases.append(_case(record, truth_from_group(group)))
    return cases
