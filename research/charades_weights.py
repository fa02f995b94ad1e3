"""The weights of the preset cfsum-charades: members trained on every video, calibrated by cross-validation.

    python -m research.charades_weights --data ../shared/data/charades_clip --out results

`--out` is that of `benchmarks.charades`: its cross-validated runs are used, or made. What they say of videos that
they never saw calibrates the members, which have seen every video: cfsum-charades.safetensors. Beside it: its hash, the
reliability before and after calibration as JSON, and as a picture.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks import charades
from benchmarks.command import run_command
from highlightr.core.hashing import file_sha256
from highlightr.evaluation import Case
from highlightr.model_loader import open_text_encoder
from highlightr.training.batches import Queries
from highlightr.training.config import TrainConfig, load_config
from highlightr.training.runs import train
from research.calibration import Bin, expected_error, fit_platt, reliability, reliability_svg
from research.members import write_members

NAME = charades.CONFIG
MEMBERS = 4
"""Networks in the file: seeds 0, 1, … of the one recipe."""


def halves(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """The cases of every other video, and the rest."""
    place = {video: index % 2 for index, video in enumerate(sorted({case.video for case in cases}))}
    return [case for case in cases if not place[case.video]], [case for case in cases if place[case.video]]


def crossfitted(cases: Sequence[Case]) -> tuple[Bin, ...]:
    """Reliability after calibration, each half of the videos calibrated by what was fitted on the other."""
    first, second = halves(cases)
    calibrated = [case.scored(fit_platt(second)(case.scores)) for case in first]
    return reliability([*calibrated, *(case.scored(fit_platt(first)(case.scores)) for case in second)])


def members(config: TrainConfig, data: Path, out: Path, queries: Queries) -> list[Path]:
    """Weights of the runs on every video; made where they are missing."""
    found = sorted((out / "members").glob("*/report.json"))
    if found:
        return sorted(found[-1].parent.glob("seed-*/best.safetensors"))
    whole = config.changed({"data.test_share": 0.0})
    done = train(whole, data, out / "members", seeds=MEMBERS, device="cpu", queries=queries)
    return [run.weights for run in done.runs]


def write_reliability(cases: Sequence[Case], out: Path) -> dict[str, object]:
    """The reliability of cross-validated scores, and what calibration makes of it."""
    tables = {"as trained": reliability(cases), "calibrated": crossfitted(cases)}
    errors = {name: expected_error(table) for name, table in tables.items()}
    found: dict[str, object] = {"platt": asdict(fit_platt(cases)), "expected_error": errors}
    plain = found | {name: [asdict(each) for each in table] for name, table in tables.items()}
    (out / f"{NAME}-reliability.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    picture = reliability_svg(tables, f"{NAME}, clips of held-out videos")
    (out / f"{NAME}-reliability.svg").write_text(picture, encoding="utf-8")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, calibrate, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    config = load_config(NAME)
    queries = Queries(open_text_encoder(config.text or ""))
    charades.make(config, asked.data, asked.out, queries, charades.plan(NAME))
    runs = charades.scored(asked.out, NAME, charades.FOLDS, charades.held_out(asked.data))
    cases = charades.together(runs)
    weights = members(config, asked.data, asked.out, queries)
    path = asked.out / f"{NAME}.safetensors"
    write_members(weights, path, fit_platt(cases))
    found = {"sha256": file_sha256(path), "size_bytes": path.stat().st_size}
    print(json.dumps({**found, **write_reliability(cases, asked.out)}))


if __name__ == "__main__":
    run_command(main)
