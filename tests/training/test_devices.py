"""What holds on every device, tried without one: where tensors are made, in which precision losses are taken."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from highlightr.core.errors import ConfigError
from highlightr.datasets import open_dataset
from highlightr.training import objectives, trainer
from highlightr.training.batches import SampleStore
from highlightr.training.learners import Learner, Sample, create_learner
from highlightr.training.loop import _Loop
from highlightr.training.objectives import Outcome, weighted_loss
from highlightr.training.predict import predict
from highlightr.training.runs import train
from tests.training import moments

_BOTH = {**moments.SCORER, "audio_streams": {"cnn14": 6}, "modalities": ["video", "audio", "text"]}
_DAVIHD = {
    "visual_streams": {"clip": 12},
    "audio_streams": {"cnn14": 6},
    "visual_width": 8,
    "audio_width": 8,
    "hidden_width": 4,
    "heads": 2,
    "dynamics_heads": 2,
    "dynamics_layers": 1,
    "dynamics_channels": [4] * 6,
}
_MOST = {"bce": 1.0, "listwise": 1.0, "contrastive": 1.0}


def _samples(learner: Learner) -> list[Sample]:
    rng = np.random.default_rng(0)
    widths = {"visual": 12, "semantic": 6, "mel": 128}
    if learner.scorer_name == "cfsum":
        widths = {"video": 12, "audio": 6, "place": 1}
    return [
        Sample(
            {name: rng.random((clips, width), dtype=np.float32) for name, width in widths.items()},
            rng.random((clips - 2, moments.TEXT_WIDTH), dtype=np.float32) if learner.takes_query else None,
            (np.arange(clips) % 2).astype(np.float32),
        )
        for clips in (5, 9)
    ]


@pytest.mark.parametrize(
    ("name", "config", "objective"),
    [
        ("cfsum", _BOTH, {"mse": 1.0}),
        ("cfsum", {**_BOTH, **moments.REGULARISED, "smoothing_seconds": 2.0}, _MOST),
        ("cfsum", {**_BOTH, **moments.REGULARISED, "members": 2}, {"bce": 1.0, "listwise": 1.0}),
        ("plain-transformer", {**_BOTH, "output": "logits"}, {"bce": 1.0}),
        ("davihd", _DAVIHD, {"mse": 1.0, "bce": 1.0}),
        ("davihd", {**_DAVIHD, "self_attention": "late", "fusion": "concatenate"}, {"mse": 1.0}),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_every_tensor_is_made_where_the_inputs_are(
    name: str, config: Mapping[str, Any], objective: Mapping[str, float], training: bool
) -> None:
    """With another device by default, what is made without naming one is there, and cannot meet the inputs."""
    learner = create_learner(name, {**config, "dropout": 0.0}, 0)
    learner.network.train(training)
    batch = learner.collate(_samples(learner))

    def loss() -> float:
        outcome = learner.run(batch)
        total, _ = weighted_loss(objective, outcome, batch.labels, batch.mask)
        total.backward()
        return float(total.detach())

    expected = loss()
    with torch.device("meta"):
        assert loss() == pytest.approx(expected, rel=1e-5)


def test_videos_longer_than_a_window_are_scored_where_the_network_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = create_learner("cfsum", {**moments.SCORER, "longest_clips": 8}, 0)
    store = SampleStore(open_dataset("charades", moments.moments_folder(tmp_path)), learner, moments.queries())
    devices = set[str]()

    def forward(window: Mapping[str, Tensor], query: object) -> Mapping[str, Tensor]:
        devices.update(each.device.type for each in window.values())
        rows = torch.zeros(window["video"].shape[:2])
        return {"scores": rows, "video": rows}

    monkeypatch.setattr(learner.scorer, "_forward", forward)
    monkeypatch.setattr("highlightr.scorers.neural.autocast", lambda *_: nullcontext())  # There is none on this device.
    learner.network.to("meta")
    predict(learner, store)
    assert devices == {"meta"}


def _unit(rows: Tensor) -> Tensor:
    return torch.nn.functional.normalize(rows, dim=-1)


@pytest.mark.parametrize("name", list(objectives._TERMS))
def test_losses_are_taken_in_single_precision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the products inside them; the cross-entropy of probabilities cannot be taken under CUDA's autocast."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(3, 5, generator=generator)
    vectors = _unit(torch.randn(3, 5, 7, generator=generator)), _unit(torch.randn(3, 7, generator=generator))
    labels, mask = torch.eye(3, 5), torch.ones(3, 5, dtype=torch.bool)
    outcome, inside = Outcome(scores, "logits", {"video": vectors}), list[bool]()

    def watched(*arguments: Any) -> Tensor:
        inside.append(torch.is_autocast_enabled("cpu"))
        return term(*arguments)

    term = objectives._TERMS[name]
    expected, _ = weighted_loss({name: 1.0}, outcome, labels, mask)
    monkeypatch.setitem(objectives._TERMS, name, watched)
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = weighted_loss({name: 1.0}, outcome, labels, mask)
    assert float(found) == float(expected)
    assert inside == [False]


@pytest.mark.parametrize("name", ["contrastive", "listwise"])
def test_a_batch_without_anything_to_learn_can_be_stepped(name: str) -> None:
    scores = torch.randn(1, 4, requires_grad=True)
    vectors = _unit(torch.randn(1, 4, 3)), _unit(torch.randn(1, 3))
    outcome = Outcome(scores, "logits", {"video": vectors})
    total, _ = weighted_loss({name: 1.0}, outcome, torch.zeros(1, 4), torch.ones(1, 4, dtype=torch.bool))
    total.backward()
    assert float(total.detach()) == 0
    assert scores.grad is not None
    assert not scores.grad.any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "cuda"}, "no CUDA device was found"),
        ({"device": "gpu"}, "no device 'gpu'"),
        ({"device": "cpu", "precision": "fp16"}, "fp16 needs a CUDA device"),
    ],
)
def test_another_device_or_precision_than_asked_for_is_never_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Mapping[str, Any], message: str
) -> None:
    monkeypatch.setattr("highlightr.core.device.cuda_device_count", lambda: 0)
    with pytest.raises(ConfigError, match=message):
        train(moments.config(), tmp_path, tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_what_goes_to_the_processes_of_several_gpus_can_go(tmp_path: Path) -> None:
    config, learner = moments.config(patience=2), create_learner("cfsum", moments.SCORER, 0)
    store = SampleStore(open_dataset("charades", moments.moments_folder(tmp_path)), learner, moments.queries())
    made = trainer.make_trainer(config, tmp_path, "cpu", 2, lambda *_: None)
    callbacks = pickle.loads(pickle.dumps(made.callbacks))  # type: ignore[attr-defined]
    assert {type(each) for each in callbacks} == {type(each) for each in made.callbacks}  # type: ignore[attr-defined]
    loop = pickle.loads(pickle.dumps(_Loop(learner, config, store, None, tmp_path)))
    assert len(loop.train_store) == len(store)
    assert loop.learner.network is loop.network


def test_every_gpu_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("highlightr.core.device.cuda_device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert trainer.devices("auto") == trainer.devices("cuda") == ("cuda", 2)
    assert trainer.devices("cpu") == ("cpu", 1)
