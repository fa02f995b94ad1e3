"""`highlightr train` on a folder in each layout that a config's releases have: holes are refused, allowed, and gone."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from highlightr.datasets.base import Item
from highlightr.datasets.catalogue import CATALOGUE
from highlightr.training.config import TrainConfig, config_names
from highlightr.training.splits import open_parts
from tests.cli.run import Run
from tests.training.releases import AS_RELEASED

pytest.importorskip("lightning")

PRESET_OF_OWN_VIDEOS = "own"
"""The config that reads videos instead of a release; tests/training/test_own.py runs it."""

CHECKED = {facts.config for facts in CATALOGUE.values()}


def test_every_config_is_run() -> None:
    assert {name for name, _ in AS_RELEASED} | {PRESET_OF_OWN_VIDEOS} == set(config_names())


def first_items(config: TrainConfig, data: Path) -> tuple[Item, Item]:
    """One that is learned from and one that is judged."""
    parts = open_parts(config.data, data)
    assert parts.test is not None
    return parts.train.items[0], parts.test.items[0]


@pytest.mark.parametrize(("name", "release"), AS_RELEASED, ids=map("-".join, AS_RELEASED))
def test_one_epoch_as_released_with_holes_and_without(name: str, release: str, tmp_path: Path, run: Run) -> None:
    make, needed = AS_RELEASED[name, release]
    data = tmp_path / "data"
    data.mkdir()
    config = make(data)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(asdict(config)))
    command = ("train", "--config", tmp_path / "config.yaml", "--data", data, "--device", "cpu", "--out")

    learned, judged = first_items(config, data)
    holes = [data / needed.format(video=item.video, key=item.key) for item in (learned, judged)]
    kept = [path.read_bytes() for path in holes]
    for path in holes:
        path.unlink()
    if name in CHECKED:
        assert run("datasets", "check", data).code == 1
    refused = run(*command, tmp_path / "none")
    assert refused.code == 2
    assert f"1 of the {'10' if 'qv' in name else '2'} test items cannot be used ({judged.key}; " in refused.err
    assert "--allow-missing" in refused.err
    assert not (tmp_path / "none").exists()

    allowed = run(*command, tmp_path / "part", "--allow-missing", "--json")
    assert allowed.code == 0, allowed.err
    report = json.loads(allowed.out)
    assert (report["runs"][0]["missing"]["train"], report["runs"][0]["missing"]["test"]) == (1, 1)
    assert all(" test items)" in row["name"] for row in report["rows"])
    assert any(note.startswith("train: 1 of ") and learned.key in note for note in report["notes"])

    for path, content in zip(holes, kept, strict=True):
        path.write_bytes(content)
    if name in CHECKED:
        checked = run("datasets", "check", data)
        assert (checked.code, checked.out.count(" 0 missing")) == (0, 2 + (config.data.validation is not None))
    whole = run(*command, tmp_path / "whole")
    assert whole.code == 0, whole.err
    assert config.monitor in whole.out
    assert "missing" not in whole.out + whole.err
    assert list((tmp_path / "whole").glob("*/seed-*/best.safetensors"))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("train", "--config", "own", "--seeds", "3"), "--seeds does nothing with --config own"),
        (("train", "--config", "own", "--resume", "runs/x"), "--resume does nothing with --config own"),
        (("train", "--config", "own", "--allow-missing"), "--allow-missing does nothing with --config own"),
        (
            ("train", "--config", "cfsum-tvsum", "--features", "clip"),
            "--features does nothing with --config cfsum-tvsum",
        ),
        (
            ("evaluate", "--protocol", "moments", "--predictions", "p", "--annotations", "a"),
            "--preset and --data to judge",
        ),
    ],
)
def test_an_option_that_would_be_passed_over_is_refused(command: tuple[str, ...], message: str, run: Run) -> None:
    refused = run(*command, "--data", "DIR")
    assert refused.code == 2
    assert message in refused.err
