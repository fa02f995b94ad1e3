"""Going on with a run that ended at its last epoch, with files that are damaged or another's; and curves that end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from highlightr.core.errors import ConfigError, OutputError, WeightsError
from highlightr.training.loop import is_over
from highlightr.training.runs import train
from highlightr.training.trainer import StateFiles
from tests.training import moments

CONSTANT = {"optimiser.schedule": "constant"}
WRITTEN = ("metrics.csv", "best.safetensors", "last.safetensors", "predictions.jsonl", "result.json")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return moments.moments_folder(tmp_path / "data")


def _run(data: Path, out: Path, changes: Mapping[str, Any], resume: Path | None = None) -> Path:
    """The results folder."""
    chosen, queries = moments.config(**changes), moments.queries()
    return train(chosen, data, out, device="cpu", queries=queries, resume=resume).folder


@pytest.mark.parametrize(
    "changes",
    [{"epochs": 2}, {"epochs": 2, "average": 0.0, **CONSTANT}, {"epochs": 30, "patience": 2, **CONSTANT}],
    ids=["averaged", "plain", "stopped early"],
)
@pytest.mark.parametrize("result", ["absent", "half"])
def test_a_run_killed_after_its_last_epoch_is_judged_and_not_trained_on(
    data: Path, tmp_path: Path, changes: Mapping[str, Any], result: str
) -> None:
    folder = _run(data, tmp_path / "out", changes)
    run = folder / "seed-0"
    before = {name: (run / name).read_bytes() for name in WRITTEN}
    (run / "result.json").write_bytes(before["result.json"][: 40 if result == "half" else 0])
    (run / "predictions.jsonl").unlink()
    assert _run(data, tmp_path, changes, folder) == folder
    assert {name: (run / name).read_bytes() for name in WRITTEN} == before


def _other(path: Path) -> None:
    torch.save({"state_dict": {"weight": torch.zeros(3)}}, path)


def _code(path: Path) -> None:
    torch.save({"state_dict": Path}, path)


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [_other, _code, _half, lambda path: path.write_bytes(b"")])
def test_another_state_is_refused_and_removing_it_starts_again(
    data: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    folder = _run(data, tmp_path / "out", {"epochs": 1})
    run = folder / "seed-0"
    before = {name: (run / name).read_bytes() for name in WRITTEN}
    (run / "result.json").unlink()
    damage(run / "last.ckpt")
    with pytest.raises(WeightsError, match=r"last\.ckpt is not a state .*; remove it to start again"):
        _run(data, tmp_path, {"epochs": 1}, folder)
    (run / "last.ckpt").unlink()
    _run(data, tmp_path, {"epochs": 1}, folder)
    assert {name: (run / name).read_bytes() for name in WRITTEN} == before


def test_a_disk_without_room_leaves_the_state_before(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "last.ckpt"
    StateFiles().save_checkpoint({"weight": torch.zeros(3)}, path)
    before, (soft, hard) = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, hard))
    try:
        with pytest.raises(OutputError, match=r"last\.ckpt: cannot be written"):
            StateFiles().save_checkpoint({"weight": torch.zeros(3000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_loss_that_is_no_number_ends_the_run_in_words(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the loss is (nan|inf) in epoch 0: .*learning_rate"):
        _run(data, tmp_path, {"objective": {"mse": 1e39}})


@pytest.mark.parametrize("key", ["seed", "data.split_seed"])
def test_a_seed_is_a_number_that_every_generator_takes(key: str) -> None:
    for seed in (-1, 10**18):
        with pytest.raises(ConfigError, match=f"{key} must lie between 0 and"):
            moments.config(**{key: seed})


@pytest.mark.parametrize(
    ("figures", "over"),
    [([], False), ([1, 2, 3], False), ([3, 1, 2], True), ([3, 1], False), ([3, 3, 3], True), ([1, 2, 3, 4, 5], True)],
)
def test_a_run_is_over_at_its_last_epoch_or_two_after_the_best(figures: list[float], over: bool) -> None:
    history = [{"epoch": float(i), "map": float(value)} for i, value in enumerate(figures)]
    assert is_over(history, moments.config(epochs=5, patience=2)) == over
