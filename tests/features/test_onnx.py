from __future__ import annotations

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.files import staging_folder
from highlightr.core.sealed import write_sealed
from highlightr.features.base import Weights
from highlightr.features.engines import compiled
from highlightr.features.engines.compiled import clear_compiled, compiled_files
from highlightr.features.engines.onnx import Recipe, compiled_path, default_threads, open_model

INPUT = {"rows": np.arange(6, dtype=np.float32).reshape(2, 3)}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def double() -> Any:
    import torch

    class Double(torch.nn.Module):
        def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return rows * 2.0, rows.sum(dim=1)

    return Double().eval()


def recipe(build: Callable[[], Any] = double) -> Recipe:
    return Recipe(
        name="double",
        weights=Weights("double", "ab" * 32, "none", "nowhere"),
        build=build,
        example={"rows": np.ones((2, 3), dtype=np.float32)},
        outputs=("doubled", "sums"),
        dynamic={"rows": {0: "batch"}, "doubled": {0: "batch"}, "sums": {0: "batch"}},
    )


def not_again() -> Any:
    raise AssertionError("built a second time")


def place() -> Path:
    found = compiled_path(recipe())
    assert found is not None
    return found


def check(model: Any) -> None:
    doubled, sums = model(INPUT)
    np.testing.assert_array_equal(doubled, INPUT["rows"] * 2)
    np.testing.assert_array_equal(sums, [3.0, 12.0])


def test_is_built_once_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="highlightr")
    check(open_model(recipe()))
    check(open_model(recipe(not_again)))
    assert [record.message for record in caplog.records] == ["Preparing double for this machine, once"]


def test_takes_another_batch_size_than_the_example() -> None:
    doubled, _ = open_model(recipe())({"rows": np.ones((7, 3), dtype=np.float32)})
    assert doubled.shape == (7, 3)


@pytest.mark.parametrize("damage", ["bit", "cut", "sealed rubbish"])
def test_a_damaged_file_is_made_again(damage: str) -> None:
    open_model(recipe())
    path = place()
    content = path.read_bytes()
    if damage == "sealed rubbish":
        write_sealed(path, b"no model")
    else:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if damage == "bit" else content[:100])
    check(open_model(recipe()))
    check(open_model(recipe(not_again)))


def test_an_unwritable_home_only_costs_time(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    home.write_text("a file where the folder should be")
    caplog.set_level(logging.INFO, logger="highlightr")
    check(open_model(recipe()))
    assert "cannot be kept" in caplog.text


def test_a_place_that_cannot_be_taken_only_costs_time(caplog: pytest.LogCaptureFixture) -> None:
    place().mkdir(parents=True)
    caplog.set_level(logging.INFO, logger="highlightr")
    check(open_model(recipe()))
    assert "cannot be kept" in caplog.text
    assert list(place().parent.iterdir()) == [place()]


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not() -> None:
    folder = place().parent
    (folder / ".highlightr-dead.partial").mkdir(parents=True)
    with staging_folder(folder) as living:
        (folder / ".highlightr-dead.partial").mkdir(exist_ok=True)
        open_model(recipe())
        assert sorted(folder.iterdir()) == sorted([living, place()])


def test_what_nothing_used_for_a_month_goes_when_another_comes() -> None:
    open_model(replace(recipe(), name="old"))
    open_model(replace(recipe(), name="used"))
    old, used = (compiled_path(replace(recipe(), name=name)) for name in ("old", "used"))
    assert old is not None
    assert used is not None
    for path in (old, used):
        os.utime(path, (0, 0))
    open_model(replace(recipe(not_again), name="used"))
    open_model(recipe())
    assert [each.path for each in compiled_files()] == [place(), used]


def test_clearing_removes_every_model_and_says_how_many(home: Path) -> None:
    assert clear_compiled() == (0, 0)
    open_model(recipe())
    size = place().stat().st_size
    (place().parent / ".highlightr-dead.partial").mkdir()
    with staging_folder(home / "compiled") as living:
        assert clear_compiled() == (1, size)
        assert list((home / "compiled").iterdir()) == [living], "another process is at it"
    check(open_model(recipe()))


def test_other_code_leads_to_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    before = place()
    monkeypatch.setattr(compiled, "code_digest", lambda folder: "0" * 64)
    assert place() != before


def test_other_weights_lead_to_another_file() -> None:
    other = Recipe(**{**vars(recipe()), "weights": Weights("double", "cd" * 32, "none", "nowhere")})
    assert compiled_path(other) != compiled_path(recipe())


def test_a_model_that_does_not_repeat_itself_is_refused(home: Path) -> None:
    def counting() -> Any:
        import torch

        class Counting(torch.nn.Module):
            calls = 0

            def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
                self.calls += 1
                return rows * self.calls, rows.sum(dim=1)

        return Counting()

    with pytest.raises(WeightsError, match="differs from torch in doubled"):
        open_model(recipe(counting))
    assert not place().exists()


def test_torch_backend_gives_the_same() -> None:
    check(open_model(recipe(), device="torch"))


def test_a_single_output_keeps_its_batch_axis() -> None:
    import torch

    one = Recipe(**{**vars(recipe(lambda: torch.nn.Flatten().eval())), "outputs": ("doubled",)})
    one = Recipe(**{**vars(one), "dynamic": {"rows": {0: "batch"}, "doubled": {0: "batch"}}})
    for device in ("torch", "cpu"):
        (output,) = open_model(one, device=device)(INPUT)
        assert output.shape == (2, 3)


def test_unknown_device_and_absent_gpu_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="unknown device 'tpu'"):
        open_model(recipe(), device="tpu")
    with pytest.raises(ConfigError, match="no GPU"):
        open_model(recipe(), device="cuda:1")


@pytest.mark.gpu
def test_runs_on_a_gpu() -> None:
    check(open_model(recipe(), device="cuda"))


def test_two_models_may_be_prepared_at_once() -> None:
    names = [f"double-{number}" for number in range(4)]
    with ThreadPoolExecutor(max_workers=4) as threads:
        for model in threads.map(lambda name: open_model(replace(recipe(), name=name)), names):
            check(model)


@pytest.mark.parametrize(("variable", "most"), [("1", 1), ("0", 1), ("", None), ("many", None), ("9999", None)])
def test_threads_keep_to_what_the_environment_allows(
    monkeypatch: pytest.MonkeyPatch, variable: str, most: int | None
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = default_threads()
    assert cores >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert default_threads() == (cores if most is None else most)
