"""What a training run came to, as data that is written beside its weights.

In: figures of single runs. Out: plain JSON types, and the row of a table: mean and deviation over runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from highlightr.evaluation import Row


@dataclass(frozen=True)
class RunResult:
    """One run: one seed, and one fold where there are folds."""

    folder: Path
    seed: int
    fold: int | None
    weights: Path
    """The best epoch's, safetensors."""
    parameters: int
    best_epoch: int
    epochs: int
    metrics: Mapping[str, float]
    """On the test part; empty without one."""
    sizes: Mapping[str, int]
    """Examples in `train`, `validation` and `test`, and `problems`."""
    notes: tuple[str, ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    """Annotated items that could not be used, in `train`, `validation` and `test`."""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        plain = asdict(self)
        return plain | {"folder": self.folder.name, "weights": self.weights.name, "notes": list(self.notes)}


@dataclass(frozen=True)
class TrainResult:
    """All runs of one `train`."""

    name: str
    folder: Path
    protocol: str
    runs: tuple[RunResult, ...]
    baselines: tuple[Row, ...] = ()
    """Random, position prior and oracle on the test examples of all folds."""

    def __post_init__(self) -> None:
        """Rows of figures on a part of the test items say so in their name."""
        counted = tuple(replace(row, name=f"{row.name}{self._counted}") for row in self.baselines)
        object.__setattr__(self, "baselines", counted)

    @property
    def _counted(self) -> str:
        folds = {run.fold: run for run in self.runs}.values()
        missing = sum(run.missing.get("test", 0) for run in folds)
        judged = sum(run.sizes.get("test", 0) for run in folds)
        return f" ({judged} of {judged + missing} test items)" if missing else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """Of all runs, each once."""
        return tuple(dict.fromkeys(note for run in self.runs for note in run.notes))

    @property
    def row(self) -> Row:
        """Over all runs; see `Row.mean_of`."""
        return Row.mean_of(f"{self.name}{self._counted}", [run.metrics for run in self.runs])

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types: what ``highlightr train --json`` prints and `report.json` holds."""
        return {
            "name": self.name,
            "protocol": self.protocol,
            "rows": [asdict(row) for row in (self.row, *self.baselines)],
            "notes": list(self.notes),
            "runs": [run.as_dict() for run in self.runs],
        }
