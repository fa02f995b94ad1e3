"""What every protocol is, and what an evaluation returns.

A protocol reads an annotation file and a prediction file into `Case`s (one ranking to be judged each) and turns cases
into named metrics. The same cases with other scores give the random, oracle and position-prior rows. Metrics are
percentages, except the correlations.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.datasets.base import Item
from highlightr.datasets.json_lines import SCORES_FIELD, Record, read_judged

Array = npt.NDArray[np.float64]
Metrics = dict[str, float]


@dataclass(frozen=True)
class Case:
    """One ranking to be judged: the scores of a video's clips for one query, and what people said about them."""

    key: str
    """What joins predictions and annotations: the query's id, or the video's where there is no query."""
    video: str
    scores: Array
    """(num_scores,) finite, higher is better."""
    ratings: Array
    """(num_clips, num_annotators) as annotated."""
    group: str = ""
    """Domain of the video, where the protocol averages over domains."""
    change_points: npt.NDArray[np.int64] | None = None
    """(num_shots, 2) first frame and end of each shot, where the protocol scores summaries."""
    summary: npt.NDArray[np.bool_] | None = None
    """(num_frames,) the annotated summary, where the protocol has one."""

    def __post_init__(self) -> None:
        if self.scores.ndim != 1 or self.ratings.ndim != 2 or not len(self.scores) or not len(self.ratings):
            raise ValueError(
                f"case {self.key!r} needs scores (num_scores,) and ratings (num_clips, num_annotators), "
                f"got {self.scores.shape} and {self.ratings.shape}"
            )

    @property
    def relevance(self) -> Array:
        """(num_clips,) mean rating of each clip: what the oracle answers."""
        return np.asarray(self.ratings.mean(axis=1), dtype=np.float64)

    @classmethod
    def of(cls, item: Item, scores: npt.ArrayLike) -> Case:
        """An item of a data set and the scores (num_scores,) that are judged on it."""
        values = np.asarray(scores, dtype=np.float64)
        return cls(item.key, item.video, values, item.ratings, item.group, item.change_points, item.summary)

    def scored(self, scores: npt.ArrayLike) -> Case:
        """The same case with other scores."""
        return replace(self, scores=np.asarray(scores, dtype=np.float64))

    def filled(self) -> Case:
        """The same case with exactly one score per clip: clips without features get the lowest score.

        Files are refused if they do not fit; examples in memory may be cut where a stream is short.
        """
        missing = len(self.ratings) - len(self.scores)
        if missing == 0:
            return self
        return self.scored(np.append(self.scores, np.full(max(missing, 0), self.scores.min()))[: len(self.ratings)])

    def __repr__(self) -> str:
        return f"Case({self.key!r}, scores {self.scores.shape}, ratings {self.ratings.shape})"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    metrics: Metrics
    deviations: Metrics = field(default_factory=dict)
    """Standard deviation over runs (ddof 1), for rows that were repeated."""

    def figures(self, names: Iterable[str]) -> list[str]:
        """One for each metric, ``mean ± deviation`` where there are several runs, ``-`` where it has none."""
        spreads = {name: f" ± {value:.2f}" for name, value in self.deviations.items()}
        return [f"{self.metrics[name]:.2f}{spreads.get(name, '')}" if name in self.metrics else "-" for name in names]

    @classmethod
    def mean_of(cls, name: str, runs: Sequence[Mapping[str, float]]) -> Row:
        """Mean and deviation of the metrics that every run has: a fold may hold no video of a domain."""
        values = {key: [run[key] for run in runs] for key in runs[0] if all(key in run for run in runs)}
        means = {key: float(np.mean(each)) for key, each in values.items()}
        spread = {key: float(np.std(each, ddof=1)) for key, each in values.items()} if len(runs) > 1 else {}
        return cls(name, means, spread)


@dataclass(frozen=True)
class Report:
    """The result of an evaluation."""

    protocol: str
    source: str
    num_cases: int
    rows: tuple[Row, ...]
    """The predictions first, then random, position prior and oracle."""
    notes: tuple[str, ...] = ()
    """What was counted apart: items without a positive, lengths that differ."""

    @property
    def metrics(self) -> Metrics:
        """Of the predictions."""
        return self.rows[0].metrics

    def counted(self, annotated: int) -> Report:
        """The same, and where more items are annotated than were judged every row says so."""
        if self.num_cases >= annotated:
            return self
        rows = (replace(row, name=f"{row.name} ({self.num_cases} of {annotated} items)") for row in self.rows)
        return replace(self, rows=tuple(rows))

    def as_dict(self) -> dict[str, object]:
        """Plain JSON types: what ``highlightr evaluate --json`` prints."""
        return {
            "protocol": self.protocol,
            "source": self.source,
            "num_cases": self.num_cases,
            "metrics": self.metrics,
            "rows": [asdict(row) for row in self.rows],
            "notes": list(self.notes),
        }


class Protocol(ABC):
    """How one data set is judged."""

    name: ClassVar[str]
    source: ClassVar[str]
    """The paper and code that define it."""
    predictions_format: ClassVar[str]
    """What a line of the prediction file holds; shown in help and errors."""

    key: ClassVar[str] = "vid"
    """Field that joins predictions and annotations."""

    fills: ClassVar[bool] = False
    """Whether every clip must have a score; `Case.filled` gives those without one the lowest."""

    def read(self, predictions: Path, annotations: Path, *, allow_missing: bool = False) -> tuple[list[Case], int]:
        """Join two files of JSON Lines into cases, in the order of the annotations; and how many items are annotated.

        Raises:
            ConfigError: a file that is absent or malformed, named with its line; predictions for what is not annotated;
                without `allow_missing`, annotated items without a prediction.
        """
        pairs, annotated = read_judged(predictions, annotations, self.key, allow_missing=allow_missing)
        return [self.case(*pair) for pair in pairs], annotated

    def line(self, case: Case, clip_seconds: float) -> str:
        """A line of a prediction file, which `read` joins with the same item again."""
        scores = [float(f"{value:.9g}") for value in self.fitted(case).scores]  # No two of 32 bits become equal.
        return json.dumps({self.key: case.key, "clip_seconds": clip_seconds, SCORES_FIELD: scores}) + "\n"

    def fitted(self, case: Case) -> Case:
        """The case as it is judged."""
        return case.filled() if self.fills else case

    @abstractmethod
    def case(self, annotation: Record, prediction: Record) -> Case:
        """One item, as the data set's release has it, and its prediction; errors as for `read`."""

    @abstractmethod
    def measure(self, cases: Sequence[Case]) -> Metrics:
        """Metric name to value, a percentage unless it is a correlation."""

    def notes(self, cases: Sequence[Case]) -> tuple[str, ...]:  # noqa: ARG002  most protocols leave nothing out
        """Sentences on what the figures leave out or adjust."""
        return ()


def mean_percent(values: Sequence[float] | Array) -> float:
    """Mean of fractions as a percentage; 0 for none."""
    return 100.0 * float(np.mean(values)) if len(values) else 0.0


def group_means(cases: Sequence[Case], values: Sequence[float]) -> Mapping[str, float]:
    """Mean percentage per group, in order of name."""
    groups: dict[str, list[float]] = {}
    for case, value in zip(cases, values, strict=True):
        groups.setdefault(case.group, []).append(value)
    return {name: mean_percent(groups[name]) for name in sorted(groups)}
