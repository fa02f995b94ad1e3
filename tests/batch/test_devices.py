"""One process per GPU, or per two cores."""

from __future__ import annotations

import pytest

from highlightr.batch import process
from highlightr.batch.process import Placement, place_workers
from highlightr.core import device
from highlightr.core.errors import ConfigError


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> int:
    """A machine with so many GPUs and eight cores."""
    for module in (device, process):
        monkeypatch.setattr(module, "cuda_device_count", lambda: request.param)
    monkeypatch.setattr(process, "core_count", lambda: 8)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return int(request.param)


@pytest.mark.parametrize("gpus", [3], indirect=True)
def test_each_gpu_gets_a_process_that_sees_it_alone(gpus: int) -> None:
    placed = place_workers("auto", None)
    assert [one.name for one in placed] == ["cuda:0", "cuda:1", "cuda:2"]
    assert [one.environment for one in placed] == [{"CUDA_VISIBLE_DEVICES": str(index)} for index in range(3)]
    assert {one.device for one in placed} == {"cuda"}


@pytest.mark.parametrize("gpus", [2], indirect=True)
def test_more_workers_than_gpus_share_them_in_turn(gpus: int) -> None:
    assert [one.name for one in place_workers("cuda", 5)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"]
    assert [one.name for one in place_workers("cuda", 1)] == ["cuda:0"]


@pytest.mark.parametrize("gpus", [2], indirect=True)
def test_devices_keep_the_names_that_the_caller_was_given(gpus: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-8932f937")
    environments = [one.environment["CUDA_VISIBLE_DEVICES"] for one in place_workers("auto", None)]
    assert environments == ["5", "GPU-8932f937"]


@pytest.mark.parametrize("gpus", [0, 2], indirect=True)
def test_on_a_cpu_two_cores_make_a_worker(gpus: int) -> None:
    expected = Placement("cpu", "cpu", {"OMP_NUM_THREADS": "2"})
    assert place_workers("cpu", None) == (expected,) * 4
    assert place_workers("cpu", 1) == (Placement("cpu", "cpu"),)
    assert place_workers("cpu", 100)[0].environment == {"OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("gpus", [0], indirect=True)
def test_a_gpu_that_is_not_there_is_said(gpus: int) -> None:
    with pytest.raises(ConfigError, match="no CUDA device"):
        place_workers("cuda", None)
