"""Ablation tables: the same run with something switched off, row by row, over several seeds.

In: a config whose `ablations` name the tables and their rows. Out: a table of means and deviations, as JSON and as
Markdown, in a fresh folder that also holds every run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from highlightr.core.errors import ConfigError
from highlightr.core.files import write_whole
from highlightr.core.progress import ProgressHook
from highlightr.evaluation import Row
from highlightr.model_loader import open_text_encoder
from highlightr.training.batches import Queries
from highlightr.training.config import TrainConfig, TrainOptions
from highlightr.training.learners import check_learner
from highlightr.training.runs import checked_parts, fresh_folder, train

SEEDS = 3
"""Of each row, for its deviation."""


@dataclass(frozen=True)
class AblationResult:
    """The finished tables."""

    name: str
    folder: Path
    protocol: str
    seeds: int
    tables: Mapping[str, tuple[Row, ...]]
    """Table name to its rows, the unchanged config first."""
    baselines: tuple[Row, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        tables = {name: [asdict(row) for row in rows] for name, rows in self.tables.items()}
        own = {"name": self.name, "protocol": self.protocol, "seeds": self.seeds}
        return own | {"tables": tables, "baselines": [asdict(row) for row in self.baselines]}

    def markdown(self) -> str:
        """Every table, the baselines at the end of each."""
        parts = [f"### {name}\n\n{markdown_table((*rows, *self.baselines))}" for name, rows in self.tables.items()]
        return "\n".join(parts)


def ablate(
    config: TrainConfig | str | Path,
    data: Path,
    out: Path,
    *,
    tables: Sequence[str] = (),
    progress: ProgressHook | None = None,
    **options: Any,
) -> AblationResult:
    """Run every row of a config's ablation tables, or of those that `tables` names; arguments as for `train`.

    There are `SEEDS` seeds by default.

    Raises:
        ConfigError: a config without tables, an unknown table, or changes that do not fit the config.
        OutputError: the results cannot be written.
    """
    options = {"seeds": SEEDS, **options}
    wanted = TrainOptions(**options)
    chosen = wanted.applied(config)
    rows = _rows(chosen, tables)
    for each in chain.from_iterable(rows.values()):  # Every row is checked before the first is run.
        check_learner(each.scorer.name, each.scorer.config)
    checked_parts(chosen, data, wanted.folds, wanted.allow_missing)
    folder = fresh_folder(out, f"{chosen.name}-ablation")
    queries = Queries(open_text_encoder(chosen.text) if chosen.text else None)

    def run(each: TrainConfig) -> tuple[Row, tuple[Row, ...]]:
        found = train(each, data, folder, queries=queries, progress=progress, **options)
        return found.row, found.baselines

    whole, baselines = run(chosen)
    done = {name: (whole, *(run(each)[0] for each in changed)) for name, changed in rows.items()}
    result = AblationResult(chosen.name, folder, chosen.protocol, wanted.seeds, done, baselines)
    write_whole(folder / "ablation.json", json.dumps(result.as_dict(), indent=1) + "\n")
    write_whole(folder / "ablation.md", result.markdown())
    return result


def _rows(config: TrainConfig, tables: Sequence[str]) -> dict[str, list[TrainConfig]]:
    unknown = [name for name in tables if name not in config.ablations]
    if unknown or not config.ablations:
        known = ", ".join(config.ablations) or "none"
        raise ConfigError(f"{config.name} has no ablation table {', '.join(unknown) or 'at all'}; it has {known}")
    return {
        table: [config.changed(changes or {}, name=row) for row, changes in rows.items()]
        for table, rows in config.ablations.items()
        if not tables or table in tables
    }


def markdown_table(rows: Sequence[Row]) -> str:
    """One line per row, one column per metric, ``mean ± deviation`` where there are several runs."""
    names = list(rows[0].metrics)
    lines = [f"| row | {' | '.join(names)} |", f"|---{'|---' * len(names)}|"]
    lines += [f"| {row.name} | {' | '.join(row.figures(names))} |" for row in rows]
    return "\n".join(lines) + "\n"
