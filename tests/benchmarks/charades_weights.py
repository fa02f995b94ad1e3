"""The weights of the preset cfsum-charades: members trained on all videos, calibrated on videos that were held out.

    python -m tests.benchmarks.charades_weights --data ../shared/data/charades_clip --out results

`--out` is that of `tests.benchmarks.charades`: the held-out runs of its first row are used, or made. Writes
cfsum-charades.safetensors, and beside it the reliability before and after as JSON and as a picture.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from highlightr.evaluation import Case
from highlightr.features import create_text_encoder
from highlightr.training import TrainConfig, load_config, train
from highlightr.training.batches import Queries
from highlightr.training.calibration import Bin, expected_error, fit_platt, reliability, reliability_svg
from highlightr.training.members import write_members
from tests.benchmarks import charades

NAME = "cfsum-charades"


def halves(cases: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """The cases of every other video, and the rest."""
    place = {video: index % 2 for index, video in enumerate(sorted({case.video for case in cases}))}
    return [case for case in cases if not place[case.video]], [case for case in cases if place[case.video]]


def crossfitted(cases: Sequence[Case]) -> tuple[Bin, ...]:
    """Reliability after calibration, each half of the videos calibrated by what was fitted on the other."""
    first, second = halves(cases)
    calibrated = [case.scored(fit_platt(second)(case.scores)) for case in first]
    return reliability([*calibrated, *(case.scored(fit_platt(first)(case.scores)) for case in second)])


def runs_on_all(config: TrainConfig, data: Path, out: Path, queries: Queries) -> list[Path]:
    """Weights of one network per seed, trained on every video; those of an earlier call if they are there."""
    whole = replace(config, name=f"{NAME}-all", data=replace(config.data, test_share=0.0))
    if charades.report_of(out, whole.name) is None:
        train(whole, data, out / whole.name, seeds=charades.SEEDS, device="cpu", queries=queries)
    report = charades.report_of(out, whole.name)
    assert report is not None
    return sorted(report["folder"].glob("seed-*/best.safetensors"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, calibrate, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    config = load_config(NAME)
    queries = Queries(create_text_encoder(config.text or ""))
    if charades.report_of(asked.out, NAME) is None:
        train(config, asked.data, asked.out / NAME, seeds=charades.SEEDS, device="cpu", queries=queries)
    held_out = charades.report_of(asked.out, NAME)
    assert held_out is not None
    cases = charades.together(config, held_out["folder"], asked.data, queries)
    platt = fit_platt(cases)
    weights = runs_on_all(config, asked.data, asked.out, queries)
    write_members(weights, asked.out / f"{NAME}.safetensors", platt)
    tables = {"as trained": reliability(cases), "calibrated": crossfitted(cases)}
    errors = {name: expected_error(table) for name, table in tables.items()}
    found = {"platt": asdict(platt), "expected_error": errors} | {
        name: [asdict(each) for each in table] for name, table in tables.items()
    }
    (asked.out / f"{NAME}-reliability.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    picture = reliability_svg(tables, f"{NAME}, clips of held-out videos")
    (asked.out / f"{NAME}-reliability.svg").write_text(picture, encoding="utf-8")
    print(json.dumps({"platt": asdict(platt), "expected_error": errors}))


if __name__ == "__main__":
    main()
