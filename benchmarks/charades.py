"""CFSum on labelled moments, cross-validated: the rows of models/training/cfsum-charades.yaml and seeds together.

    python -m benchmarks.charades --data ../shared/data/charades_clip --out results [--rows cfsum-charades ...]

The rows that are compared go through every fold, so that each query is held out once; the ablations through fold 0.
A run that `--out` already holds is not made again, so that rows can be shared between processes. The tables are written
beside them as tables.json and tables.md, with the runs that are there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from benchmarks.command import run_command
from highlightr.datasets import open_dataset
from highlightr.evaluation import Case, Protocol, Row, find_protocol
from highlightr.evaluation.protocols import baseline_rows
from highlightr.model_loader import open_text_encoder
from highlightr.training.ablation import markdown_table
from highlightr.training.batches import Queries
from highlightr.training.config import TrainConfig, load_config
from highlightr.training.runs import train
from highlightr.training.splits import unscored_cases

CONFIG = "cfsum-charades"
FOLDS = range(4)
SEEDS = range(3)
"""Of every row on fold 0."""
COMPARED = {CONFIG: 2, "plain transformer": 1}
"""Rows that go through every fold, and with how many of the seeds."""

_LIMIT = 1e-6
"""Prediction files keep six places."""

Run = Mapping[str, Case]
"""Held-out cases by key."""


def all_rows(config: TrainConfig) -> dict[str, TrainConfig]:
    """Row name to its config, the unchanged one first."""
    rows = {config.name: config}
    for table in config.ablations.values():
        rows |= {name: config.changed(changes, name=name) for name, changes in table.items()}
    return rows


def finished(out: Path, name: str, fold: int, seed: int) -> Path | None:
    """The folder of a run that was made before."""
    found = sorted((out / name).glob(f"*/fold-{fold}-seed-{seed}/result.json"))
    return found[-1].parent if found else None


def plan(name: str) -> list[tuple[int, int]]:
    """Fold and seed of every run of a row."""
    whole = [(fold, seed) for seed in range(COMPARED.get(name, 0)) for fold in FOLDS]
    return [*whole, *((0, seed) for seed in SEEDS if (0, seed) not in whole)]


def make(config: TrainConfig, data: Path, out: Path, queries: Queries, runs: Iterable[tuple[int, int]]) -> None:
    """Those of a row's runs, (fold, seed), that are missing."""
    for fold, seed in runs:
        if finished(out, config.name, fold, seed) is None:
            one = config.changed({"seed": seed})
            train(one, data, out / config.name, folds=len(FOLDS), only_folds=[fold], device="cpu", queries=queries)


def held_out(data: Path) -> dict[str, Case]:
    """Every query without scores, by key."""
    return {case.key: case for case in unscored_cases(open_dataset("charades", data))}


def scored(out: Path, name: str, folds: Sequence[int], cases: Run) -> list[Run]:
    """One `Run` per seed that is planned for these folds and has them all."""
    found: list[Run] = []
    planned = plan(name)
    for seed in (seed for seed in SEEDS if all((fold, seed) in planned for fold in folds)):
        folders = [finished(out, name, fold, seed) for fold in folds]
        paths = [folder / "predictions.jsonl" for folder in folders if folder is not None]
        if len(paths) == len(folds):
            lines = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
            found.append({line["qid"]: cases[line["qid"]].scored(line["pred_saliency_scores"]) for line in lines})
    return found


def together(runs: Sequence[Run]) -> list[Case]:
    """The cases with the mean of the runs' logits for scores: what `CFSumMembers` gives."""
    found = []
    for key, case in runs[0].items():
        scores = np.clip([run[key].scores for run in runs], _LIMIT, 1 - _LIMIT)
        found.append(case.scored(1 / (1 + np.exp(-np.mean(np.log(scores) - np.log1p(-scores), axis=0)))))
    return found


def rows_of(name: str, runs: Sequence[Run], protocol: Protocol) -> list[Row]:
    """Mean and deviation over the seeds, each on all of its queries; then the seeds together."""
    figures = [protocol.measure(list(run.values())) for run in runs]
    if len(runs) == 1:
        return [Row.mean_of(f"{name} (1 seed)", figures)]
    seeds, whole = f"{len(runs)} seeds", protocol.measure(together(runs))
    return [Row.mean_of(f"{name} ({seeds})", figures), Row(f"{name}, {seeds} together", whole)]


def table(out: Path, names: Iterable[str], folds: Sequence[int], cases: Run, protocol: Protocol) -> list[Row]:
    """The rows that have runs on all of these folds, and the baselines on the same queries."""
    rows: list[Row] = []
    judged: dict[str, Case] = {}
    for name in names:
        runs = scored(out, name, folds, cases)
        if runs:
            rows += rows_of(name, runs, protocol)
            judged |= runs[0]
    return [*rows, *baseline_rows(protocol, list(judged.values()), seeds=5)] if rows else []


def write_tables(out: Path, data: Path, config: TrainConfig) -> None:
    """tables.json and tables.md from the runs in `out`."""
    cases, protocol = held_out(data), find_protocol(config.protocol)
    tables = {
        "every fold": table(out, COMPARED, FOLDS, cases, protocol),
        "fold 0": table(out, all_rows(config), [0], cases, protocol),
    }
    plain = {name: [asdict(row) for row in rows] for name, rows in tables.items()}
    (out / "tables.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    texts = [f"### {name}\n\n{markdown_table(rows)}" for name, rows in tables.items() if rows]
    (out / "tables.md").write_text("\n".join(texts), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the runs that are missing and write the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", nargs="*", help="names of rows to run; all if not given, none if empty")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    config = load_config(CONFIG)
    rows = all_rows(config)
    queries = Queries(open_text_encoder(config.text or ""))
    for name in rows if asked.rows is None else asked.rows:
        make(rows[name], asked.data, asked.out, queries, plan(name))
    write_tables(asked.out, asked.data, config)


if __name__ == "__main__":
    run_command(main)
