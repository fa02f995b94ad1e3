"""Backends make what the pipeline makes, and one that does not is not chosen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import backends
from benchmarks.backends import backends_table, chosen, heard
from benchmarks.forwards import BACKENDS, Trial, best, by_turns, trials
from benchmarks.networks import Network, text_network
from highlightr.media import probe
from tests import opened
from tests.mediamaker import CLOSED_GOP, made

QUICK = [name for name in BACKENDS if name != "torch, compiled"]


def _small(shape: tuple[int, ...]) -> Network:
    """A small convolution network that has heard eight inputs."""
    torch.manual_seed(0)
    axes = len(shape) - 1
    convolution = (torch.nn.Conv2d if axes == 2 else torch.nn.Conv3d)(3, 8, 3)
    module = torch.nn.Sequential(convolution, torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(40)).eval()
    sample = np.random.default_rng(0).normal(size=(8, *shape)).astype(np.float32)

    def own(batch: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(np.ascontiguousarray(batch))).numpy()

    network = Network("small", own, module)
    network.heard(sample, own(sample))
    return network


@pytest.mark.parametrize("shape", [(3, 12, 12), (3, 5, 12, 12)], ids=["picture", "window"])
@pytest.mark.parametrize("name", QUICK)
def test_a_backend_makes_what_the_pipeline_makes(name: str, shape: tuple[int, ...]) -> None:
    network = _small(shape)
    found = list(trials(network, [name], 1))
    if not found:
        pytest.skip(f"{name} is not installed")
    assert [each.batch for each in found] == [1, 2, 4, 8]
    # Processors without instructions for bytes (VNNI) add them in 16 bits, which overflow.
    least = 0.9 if "int8" in name else 0.98 if "bfloat16" in name else 0.99999
    for each in found:
        assert each.correlation > least
        assert least < 0.99 or each.worst < 1e-4


def _trial(name: str, seconds: float, worst: float, correlation: float) -> Trial:
    return Trial(name, 1, seconds, worst, correlation, lambda batch: batch)


def test_what_is_fast_and_wrong_is_not_chosen() -> None:
    found = [_trial("own", 3.0, 0.0, 1.0), _trial("fast", 1.0, 0.5, 0.9), _trial("near", 2.0, 0.01, 0.9995)]
    assert chosen(found).backend == "near"
    assert best(found).backend == "own"
    table = backends_table([*found, ("odd", "no such operator")])
    assert "| **near** | 1 | 2000.00 |  | 1.0e-02 | 0.99950 |" in table
    assert "| odd | | cannot: no such operator | | | |" in table


def test_turns_replace_the_times_and_leave_the_rest() -> None:
    order: list[str] = []

    def running(name: str) -> Any:
        return lambda batch: order.append(name) or batch

    network = Network("net", lambda batch: batch)
    network.heard(np.zeros((4, 2)), np.zeros((4, 2)))
    found = [Trial(name, 2, 99.0, 0.5, 0.9, running(name)) for name in ("one", "other")]
    timed = by_turns(network, found, 3)
    assert order == ["one", "one", "other", "other"] * 3
    assert [(each.backend, each.batch, each.worst, each.correlation) for each in timed] == [
        ("one", 2, 0.5, 0.9),
        ("other", 2, 0.5, 0.9),
    ]
    assert all(each.seconds_per_input < 99 and each.processor_seconds_per_input is not None for each in timed)


def test_yamnet_and_minilm_run_in_onnxruntime_as_in_the_pipeline() -> None:
    sound, random = heard("yamnet", probe(made("backends.mp4", **CLOSED_GOP, seconds=2.0)))
    assert not random
    texts = text_network(opened.text_encoder("minilm"), ["a cat", "a cup of coffee on the table"])
    assert texts.sample.shape[:2] == (2, 2)
    # The texts' backends run the published weights, the pipeline those that are stored in 8 bit.
    for network, worst in ((sound, 1e-4), (texts, 0.05)):
        assert all(each.worst < worst for each in trials(network, ["onnxruntime"], 1))


def test_a_backend_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Network) -> Any:
        raise RuntimeError("no such operator")

    monkeypatch.setitem(BACKENDS, "torch", broken)
    video = made("backends.mp4", **CLOSED_GOP, seconds=2.0)
    asked = ["--networks", "yamnet", "--backends", "pipeline", "torch", "--rounds", "1"]
    backends.main([str(video), *asked, "--json", str(tmp_path / "b.json")])
    (network,) = json.loads((tmp_path / "b.json").read_text())["networks"]
    assert [each["backend"] for each in network["backends"]] == ["pipeline", "torch"]
    assert network["backends"][1]["cannot"] == "no such operator"
