"""The weights of the preset cfsum-charades: the runs of its first row together, calibrated on the videos held out.

    python -m tests.benchmarks.charades_weights --data ../shared/data/charades_clip --out results

`--out` is that of `tests.benchmarks.charades`: the runs of its first row are used, or made. They never saw the held-out
quarter of the videos, so the row's figures are those of the very file that is written, cfsum-charades.safetensors.
Beside it: the reliability before and after calibration, as JSON and as a picture.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from highlightr.evaluation import Case
from highlightr.features import create_text_encoder
from highlightr.training import load_config, train
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
    weights = sorted(held_out["folder"].glob("seed-*/best.safetensors"))
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
