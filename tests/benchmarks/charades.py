"""CFSum on labelled moments: the rows of models/training/cfsum-charades.yaml over seeds, and their members together.

    python -m tests.benchmarks.charades --data ../shared/data/charades_clip --out results [--rows cfsum-charades ...]

A row that `--out` already holds is not run again, so that rows can be shared between processes. The table is written
beside them as table.json and table.md, with the rows that are there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from highlightr.evaluation import Case, Row, find_protocol
from highlightr.features import create_text_encoder
from highlightr.training import TrainConfig, load_config, train
from highlightr.training.ablation import markdown_table
from highlightr.training.batches import Queries, Store
from highlightr.training.learners import create_learner
from highlightr.training.members import join_members
from highlightr.training.parts import open_parts
from highlightr.training.predict import predict

CONFIG = "cfsum-charades"
SEEDS = 3


def all_rows(config: TrainConfig) -> dict[str, TrainConfig]:
    """Row name to its config, the unchanged one first."""
    rows = {config.name: config}
    for table in config.ablations.values():
        rows |= {name: config.changed(changes, name=name) for name, changes in table.items()}
    return rows


def report_of(out: Path, name: str) -> dict[str, Any] | None:
    """What an earlier call wrote for a row."""
    found = sorted((out / name).glob("*/report.json"))
    return json.loads(found[-1].read_text(encoding="utf-8")) | {"folder": found[-1].parent} if found else None


def together(config: TrainConfig, folder: Path, data: Path, queries: Queries) -> list[Case]:
    """The runs of one row as the members of one network, on the same test part."""
    weights = [load_file(path) for path in sorted(folder.glob("seed-*/best.safetensors"))]
    settings = {**config.scorer.config, "members": len(weights)}
    learner = create_learner("cfsum", settings, 0)
    learner.network.load_state_dict(join_members(weights))
    test = open_parts(config.data, data).test
    assert test is not None
    return predict(learner, learner.network, Store(test, learner, queries))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", nargs="*", help="names of rows to run; all if not given, none if empty")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    config = load_config(CONFIG)
    rows = all_rows(config)
    queries = Queries(create_text_encoder(config.text or ""))
    for name in rows if asked.rows is None else asked.rows:
        if report_of(asked.out, name) is None:
            done = train(rows[name], asked.data, asked.out / name, seeds=asked.seeds, device="cpu", queries=queries)
            print(markdown_table([done.row]), flush=True)
    reports = {name: found for name in rows if (found := report_of(asked.out, name)) is not None}
    table = [Row(**report["rows"][0]) for report in reports.values()]
    if config.name in reports:
        cases = together(config, reports[config.name]["folder"], asked.data, queries)
        members = len(reports[config.name]["runs"])
        table.insert(1, Row(f"{members} members together", find_protocol(config.protocol).measure(cases)))
        table += [Row(**row) for row in reports[config.name]["rows"][1:]]
    plain = [{"name": row.name, "metrics": row.metrics, "deviations": row.deviations} for row in table]
    (asked.out / "table.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    (asked.out / "table.md").write_text(markdown_table(table), encoding="utf-8")


if __name__ == "__main__":
    main()
