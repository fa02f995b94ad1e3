"""The Ray engine: the same results as the local one, also when a node of the cluster is lost on the way."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from highlightr.batch import BatchOptions, BatchProgress, Job, plan_jobs, run_batch
from highlightr.batch import cluster as engine
from highlightr.batch.output_dir import OutputDir
from highlightr.core.errors import ConfigError
from tests.batch.conftest import leftovers, snapshot
from tests.conftest import REPOSITORY


def fake_ray(*nodes: dict[str, float], dead: tuple[dict[str, float], ...] = ()) -> Any:
    alive = [{"Alive": True, "Resources": resources} for resources in nodes]
    return SimpleNamespace(nodes=lambda: alive + [{"Alive": False, "Resources": one} for one in dead])


def test_without_ray_the_message_says_what_to_install(
    videos: Path, tmp_path: Path, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"highlightr\[ray\]"):
        run_batch(plan_jobs([videos], tmp_path), tmp_path / "out", BatchOptions(**options, engine="ray"))
    assert not (tmp_path / "out").exists()


def test_a_task_asks_for_a_gpu_where_nodes_have_one() -> None:
    mixed = fake_ray({"CPU": 8.0}, {"CPU": 16.0, "GPU": 4.0})
    assert engine._resources(mixed, "auto") == ("cuda", {"num_cpus": 2.0, "num_gpus": 1.0})
    assert engine._resources(mixed, "cpu") == ("cpu", {"num_cpus": 2.0})
    small = fake_ray({"CPU": 1.0}, dead=({"CPU": 64.0, "GPU": 8.0},))
    assert engine._resources(small, "auto") == ("cpu", {"num_cpus": 1.0})
    with pytest.raises(ConfigError, match="no node of the Ray cluster offers a GPU"):
        engine._resources(small, "cuda")
    with pytest.raises(ConfigError, match="no device 'tpu'"):
        engine._resources(mixed, "tpu")


@pytest.fixture
def output_dir(tmp_path: Path) -> OutputDir:
    made = OutputDir(tmp_path / "out")
    made.prepare()
    return made


def test_a_node_that_does_not_see_the_folder_says_so(output_dir: OutputDir, tmp_path: Path, options: Any) -> None:
    settings, job = json.dumps(asdict(BatchOptions(**options))), asdict(Job("/v.mp4", None, "v.mp4"))
    answer = engine._do(str(tmp_path / "elsewhere"), settings, "cpu", output_dir.token(), job)
    assert "does not see the output folder" in answer["unusable"]
    assert answer["error_class"] == "ConfigError"
    assert not (tmp_path / "elsewhere").exists()


def test_models_are_loaded_once_for_many_tasks(
    output_dir: OutputDir, videos: Path, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from highlightr.pipeline import Highlighter

    loads = []
    load = Highlighter.from_preset
    monkeypatch.setattr(Highlighter, "from_preset", lambda *a, **k: loads.append(a) or load(*a, **k))
    settings = json.dumps(asdict(BatchOptions(**options)))
    for job in plan_jobs([videos], output_dir.root):
        answer = engine._do(str(output_dir.root), settings, "cpu", output_dir.token(), asdict(job))
        assert answer["state"] == "done", answer
    assert len(loads) == 1


@pytest.fixture
def two_nodes() -> Iterator[Any]:
    """A Ray cluster of two nodes on this machine."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    memory = 80 * 2**20
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": memory})
    made.lost = made.add_node(num_cpus=1, object_store_memory=memory)
    yield made
    made.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_lost_node_loses_nothing(videos: Path, tmp_path: Path, options: Any, two_nodes: Any) -> None:
    for name in ("c.mp4", "d.mp4", "e.mp4"):  # So that each node is in the middle of one when the first is done.
        shutil.copy(videos / "b.mp4", videos / name)
    jobs = plan_jobs([videos], tmp_path / "out")
    wanted = {**options, "workers": None}
    assert not run_batch(jobs, tmp_path / "calm", BatchOptions(**options)).failed
    boards: list[int] = []

    def lose(progress: BatchProgress) -> None:
        if progress.finished and not boards:
            boards.append(progress.finished)
            two_nodes.remove_node(two_nodes.lost, allow_graceful=False)

    on_ray = BatchOptions(**wanted, engine="ray", address=two_nodes.address)
    result = run_batch(jobs, tmp_path / "out", on_ray, progress=lose)
    assert boards
    assert [one.state for one in result.outcomes] == ["done"] * 6
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "calm")
    assert leftovers(tmp_path / "out") == []
    again = run_batch(jobs, tmp_path / "out", on_ray)
    assert [one.state for one in again.outcomes] == ["kept"] * 6


def test_the_example_is_a_cluster_that_ray_accepts() -> None:
    pytest.importorskip("ray")
    import jsonschema
    import ray.autoscaler
    import yaml

    config = yaml.safe_load((REPOSITORY / "examples" / "ray-cluster.yaml").read_text())
    schema = Path(ray.autoscaler.__file__).with_name("ray-schema.json")
    jsonschema.validate(config, json.loads(schema.read_text()))
    assert config["max_workers"] == len(config["provider"]["worker_ips"])
