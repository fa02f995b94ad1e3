"""Mr.HiSum: metrics and protocol, in the three incompatible variants that were published.

Frame scores (one per second) of the prediction and of the truth go in, fractions in [0, 1] come out; of a protocol,
percentages. Annotations, HDF5 or JSON Lines: per video ``gtscore`` (num_frames,) in [0, 1] and, for the knapsack F1,
``change_points`` (num_shots, 2) and ``gt_summary`` (num_frames,), as in the released ``mr_hisum.h5``. Always name the
variant beside a figure: `mrhisum`, `davihd` and `triplesumm` differ in how many segments count as highlights, in
which of two equal segments is taken, and in what happens to the tail. Published code computes in float32; so do we,
because the ties depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.core.knapsack import knapsack
from highlightr.datasets.hdf5 import HDF5_SUFFIXES, member, open_hdf5
from highlightr.datasets.json_lines import SCORES_FIELD, Record, read_predictions
from highlightr.datasets.mrhisum import Truth, read_truth, truth_from_group
from highlightr.evaluation.base import Array, Case, Metrics, Protocol, mean_percent
from highlightr.evaluation.ranking import average_precision, kendall, spearman

SEGMENT_FRAMES = 5
"""Frames, at one per second, that make a segment."""

SUMMARY_SHARE = 0.15
"""Share of the video that a knapsack summary may fill."""

_EPSILON = 1e-8
"""Added to counts by the published code; kept so that figures agree to the last digit."""

Frames = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Variant:
    """The choices in which the published evaluations differ."""

    source: str
    round_up: bool
    """Number of highlight segments: share x segments rounded up (else down)."""
    at_least_one: bool
    """Never fewer than one highlight segment."""
    later_wins: bool
    """Among equal segments the later one is taken first (else the earlier)."""
    pad_tail: bool
    """The last, shorter segment is filled with zeros before its mean is taken (else its own frames only)."""


VARIANTS = {
    "mrhisum": Variant("MR.HiSum (Sul et al., NeurIPS 2023), model/utils/evaluate_map.py", False, False, False, False),
    "davihd": Variant("DAViHD, the authors' evaluation code", False, True, True, False),
    "triplesumm": Variant("TripleSumm, utils/compute_metrics.py", True, True, True, True),
}
"""Name to variant."""


def segment_means(frames: npt.ArrayLike, pad_tail: bool) -> Frames:
    """(ceil(num_frames / 5),) float32: mean score of each run of five frames, of (num_frames,) scores, at least one.

    With `pad_tail` the last run is filled with zeros to five frames.
    """
    values = np.asarray(frames, dtype=np.float32)
    if pad_tail:
        values = np.pad(values, (0, -len(values) % SEGMENT_FRAMES))
    runs = [values[i : i + SEGMENT_FRAMES] for i in range(0, len(values), SEGMENT_FRAMES)]
    return np.array([run.mean() for run in runs], dtype=np.float32)


def _top(scores: Frames, share: float, variant: Variant) -> npt.NDArray[np.bool_]:
    """Mask of the segments (or frames) with the highest scores."""
    exact = len(scores) * share
    count = int(np.ceil(exact)) if variant.round_up else int(exact)
    count = max(1, count) if variant.at_least_one else count
    rising = np.argsort(scores, kind="stable")[::-1]
    order = rising if variant.later_wins else np.argsort(-scores, kind="stable")
    mask = np.zeros(len(scores), dtype=np.bool_)
    mask[order[:count]] = True
    return mask


def segment_average_precision(scores: npt.ArrayLike, truth: npt.ArrayLike, share: float, variant: Variant) -> float:
    """AP of finding the segments whose true score is among the highest `share` (AP50: 0.5, AP15: 0.15).

    A fraction, from (num_frames,) predicted scores and true ones in [0, 1]; 0 where the variant's rounding leaves no
    highlight segment.

    Source: `variant.source`. Two of them send the predicted means through a softmax first; it keeps their order, so
    it is left out.
    """
    labels = _top(segment_means(truth, variant.pad_tail), share, variant)
    return average_precision(labels, segment_means(scores, variant.pad_tail))


def frame_f1(scores: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """F1 between the better half of frames by prediction and by truth, at least one frame each.

    Source: DAViHD's evaluation code, which takes frames directly and solves no knapsack.
    """
    variant = VARIANTS["davihd"]
    chosen = _top(np.asarray(scores, dtype=np.float32), 0.5, variant)
    wanted = _top(np.asarray(truth, dtype=np.float32), 0.5, variant)
    return summary_f1(chosen, wanted)


def summary_f1(summary: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """F1 between two binary summaries (num_frames,), the shorter one filled with zeros.

    Source: ``evaluate_summary`` of MR.HiSum (and of PGL-SUM before it).
    """
    chosen, wanted = (np.asarray(side).astype(np.bool_) for side in (summary, truth))
    length = min(len(chosen), len(wanted))
    overlap = float((chosen[:length] & wanted[:length]).sum())
    precision = overlap / (float(chosen.sum()) + _EPSILON)
    recall = overlap / (float(wanted.sum()) + _EPSILON)
    return 2 * precision * recall / (precision + recall) if overlap else 0.0


def knapsack_summary(
    scores: npt.ArrayLike, change_points: npt.ArrayLike, share: float = SUMMARY_SHARE
) -> npt.NDArray[np.bool_]:
    """Choose whole shots with the largest sum of mean scores within `share` of the video.

    A shot that adds nothing to the sum is left out; the last shots decide ties. From predicted scores (num_frames,) and
    first frame and end of each shot, (num_shots, 2) integers in order, to (sum of the shots' lengths,) bool; the number
    of frames that may be kept is rounded down.

    Source: ``generate_summary`` of MR.HiSum. As published, a shot weighs stop - start frames, while its value is the
    mean over start … stop *including* stop.
    """
    frames = np.asarray(scores, dtype=np.float32)
    shots = np.asarray(change_points, dtype=np.int64)
    lengths = shots[:, 1] - shots[:, 0]
    values = np.array([frames[start : stop + 1].mean() for start, stop in shots], dtype=np.float64)
    worth = np.flatnonzero((values > 0) & (lengths > 0))
    picked = np.zeros(len(shots), dtype=np.bool_)
    picked[worth[list(knapsack(values[worth], lengths[worth], int(len(frames) * share)))]] = True
    return np.repeat(picked, lengths)


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
