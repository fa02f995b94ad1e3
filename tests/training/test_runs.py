"""A training run from config to figures: learning, folders, seeds and folds, stopping, and going on after a kill."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from highlightr.core.config import from_plain
from highlightr.core.errors import ConfigError
from highlightr.datasets import open_dataset
from highlightr.evaluation import evaluate_files
from highlightr.scorers import ScorerContext, create_scorer
from highlightr.training import loop as loop_module
from highlightr.training.batches import SampleStore
from highlightr.training.config import TrainConfig
from highlightr.training.learners import Batch, CFSumLearner, create_learner
from highlightr.training.objectives import Outcome
from highlightr.training.predict import predict
from highlightr.training.runs import train
from highlightr.training.splits import open_parts
from highlightr.training.trainer import quiet
from tests.training import moments

RUN_FILES = {
    "config.yaml",
    "versions.json",
    "metrics.csv",
    "curves.svg",
    "best.safetensors",
    "last.safetensors",
    "last.ckpt",
    "predictions.jsonl",
    "result.json",
}


def test_lightning_speaks_again_after_a_run_that_failed() -> None:
    logger = logging.getLogger("lightning.pytorch")
    before = logger.level
    with pytest.raises(RuntimeError), quiet():
        assert logger.level == logging.ERROR
        raise RuntimeError
    assert logger.level == before != logging.ERROR


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return moments.moments_folder(tmp_path / "data")


def weights(folder: Path, name: str = "last.safetensors") -> dict[str, torch.Tensor]:
    return load_file(folder / name)


def test_it_learns_and_writes_everything_down(data: Path, tmp_path: Path) -> None:
    told: list[tuple[str, float, float]] = []
    result = train(
        moments.config(epochs=12),
        data,
        tmp_path / "out",
        device="cpu",
        queries=moments.queries(),
        progress=lambda *each: told.append(each),
    )
    (run,) = result.runs
    random = next(row for row in result.baselines if row.name == "random")
    assert run.metrics["map"] > random.metrics["map"] + 20
    assert {each.name for each in run.folder.iterdir()} == RUN_FILES
    assert from_plain(TrainConfig, yaml.safe_load((run.folder / "config.yaml").read_text()), "it") == moments.config(
        epochs=12
    )
    assert {"torch", "lightning", "highlightr"} <= set(json.loads((run.folder / "versions.json").read_text()))
    assert run.sizes == {"train": 18, "validation": 6, "test": 8, "problems": 0}
    assert told[-1] == ("train small seed 0", 12, 12)
    rows = (run.folder / "metrics.csv").read_text().splitlines()
    columns = {"epoch", "step", "loss", "bce", "listwise", "contrastive", "hit@1", "map"}
    assert columns <= set(rows[0].split(","))
    assert len(rows) == 13
    assert "<polyline" in (run.folder / "curves.svg").read_text()


def test_the_predictions_file_gives_the_same_figures(data: Path, tmp_path: Path) -> None:
    (run,) = train(moments.config(), data, tmp_path / "out", device="cpu", queries=moments.queries()).runs
    test = open_parts(moments.config().data, data).test
    assert test is not None
    kept = {item.key for item in test.items}
    annotated = [
        line for line in (data / "moments.jsonl").read_text().splitlines() if str(json.loads(line)["qid"]) in kept
    ]
    (tmp_path / "test.jsonl").write_text("\n".join(annotated) + "\n")
    found = evaluate_files("moments", run.folder / "predictions.jsonl", tmp_path / "test.jsonl").metrics
    assert found == pytest.approx(dict(run.metrics))


def test_the_scorer_of_the_saved_weights_scores_as_training_did(data: Path, tmp_path: Path) -> None:
    """One preparation of features for both paths: the figures of a run are those of its file."""
    chosen = moments.config()
    (run,) = train(chosen, data, tmp_path / "out", device="cpu", queries=moments.queries()).runs
    scorer = create_scorer("cfsum", chosen.scorer.config, ScorerContext(run.weights))
    written = [json.loads(line) for line in (run.folder / "predictions.jsonl").read_text().splitlines()]
    examples = {example.item.key: example for example in open_dataset("charades", data)}
    for line in written:
        example = examples[line["qid"]]
        query = moments.queries().of(example)
        scores = scorer.score(example.features(), query, ())
        np.testing.assert_allclose(scores.values, line["pred_saliency_scores"], atol=2e-6)


def test_longer_videos_than_fit_are_scored_in_windows(data: Path) -> None:
    learner = create_learner("cfsum", {**moments.SCORER, **moments.REGULARISED, "longest_clips": 8}, 0)
    store = SampleStore(open_dataset("charades", data), learner, moments.queries())
    cases = predict(learner, store)
    example, query = store.example(3)
    np.testing.assert_allclose(cases[3].scores, learner.scorer.score(example.features(), query, ()).values)


def test_no_video_is_in_two_parts(data: Path) -> None:
    parts = open_parts(moments.config().data, data)
    assert parts.validation is not None
    assert parts.test is not None
    sets = [set(part.videos) for part in (parts.train, parts.validation, parts.test)]
    assert sum(len(each) for each in sets) == len(set.union(*sets)) == 16


def test_every_call_gets_a_folder_of_its_own(data: Path, tmp_path: Path) -> None:
    once = moments.config(epochs=1)
    first, second = (train(once, data, tmp_path / "out", device="cpu", queries=moments.queries()) for _ in range(2))
    assert first.folder != second.folder
    assert (weights(first.runs[0].folder)["head.bias"] == weights(second.runs[0].folder)["head.bias"]).all()


class _KilledError(Exception):
    pass


@pytest.mark.parametrize(
    ("schedule", "moment"),
    [
        ("one-cycle", "in an epoch"),
        ("exponential", "between epochs"),
        pytest.param("one-cycle", "between epochs", marks=pytest.mark.slow),
        pytest.param("exponential", "in an epoch", marks=pytest.mark.slow),
        pytest.param("constant", "in an epoch", marks=pytest.mark.slow),
        pytest.param("constant", "between epochs", marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on_with_the_same_curves(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: str, moment: str
) -> None:
    chosen = moments.config(**{"epochs": 4, "optimiser.schedule": schedule})
    whole = train(chosen, data, tmp_path / "whole", device="cpu", queries=moments.queries())

    step, load = loop_module._Loop.training_step, loop_module._Loop.train_dataloader

    def dying_step(self: loop_module._Loop, batch: Batch, batch_index: int) -> torch.Tensor:
        if moment == "in an epoch" and self.current_epoch == 2 and batch_index == 1:
            raise _KilledError
        return step(self, batch, batch_index)

    def dying_load(self: loop_module._Loop) -> object:
        if moment == "between epochs" and self.current_epoch == 2:
            raise _KilledError
        return load(self)

    with monkeypatch.context() as patch:
        patch.setattr(loop_module._Loop, "training_step", dying_step)
        patch.setattr(loop_module._Loop, "train_dataloader", dying_load)
        with pytest.raises(_KilledError):
            train(chosen, data, tmp_path / "killed", device="cpu", queries=moments.queries())
    (folder,) = (tmp_path / "killed").iterdir()
    assert len((folder / "seed-0" / "metrics.csv").read_text().splitlines()) == 3
    resumed = train(chosen, data, tmp_path, resume=folder, device="cpu", queries=moments.queries())

    assert (resumed.runs[0].folder / "metrics.csv").read_text() == (whole.runs[0].folder / "metrics.csv").read_text()
    before, after = weights(whole.runs[0].folder), weights(resumed.runs[0].folder)
    assert all((before[name] == after[name]).all() for name in before)
    assert resumed.runs[0].metrics == whole.runs[0].metrics


def test_finished_runs_are_kept_when_going_on(data: Path, tmp_path: Path) -> None:
    chosen = moments.config(epochs=1)
    first = train(chosen, data, tmp_path / "out", seeds=2, device="cpu", queries=moments.queries())
    stamps = [run.weights.stat().st_mtime_ns for run in first.runs]
    again = train(chosen, data, tmp_path, seeds=2, device="cpu", resume=first.folder, queries=moments.queries())
    assert [run.weights.stat().st_mtime_ns for run in again.runs] == stamps
    assert again.as_dict() == first.as_dict()
    with pytest.raises(ConfigError, match="another config, other data, seeds or folds"):
        train(chosen, data, tmp_path, seeds=3, resume=first.folder, queries=moments.queries())
    for folder, remedy in (tmp_path, "start without resume"), (tmp_path / "out", f"give {first.folder}"):
        with pytest.raises(ConfigError, match=f"holds no training to go on with .*; {remedy}"):
            train(chosen, data, tmp_path, resume=folder, queries=moments.queries())
    moved = data.rename(tmp_path / "moved")
    assert train(chosen, moved, tmp_path, seeds=2, resume=first.folder, queries=moments.queries()).runs == first.runs
    labels = moved / "moments.jsonl"
    labels.write_text(labels.read_text().replace("[0.0, ", "[2.0, "))
    with pytest.raises(ConfigError, match="other data"):
        train(chosen, moved, tmp_path, seeds=2, resume=first.folder, queries=moments.queries())


def test_seeds_and_folds_give_mean_and_deviation(data: Path, tmp_path: Path) -> None:
    chosen = moments.config(epochs=1)
    result = train(chosen, data, tmp_path / "out", seeds=2, folds=2, device="cpu", queries=moments.queries())
    assert [(run.fold, run.seed) for run in result.runs] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    values = [run.metrics["map"] for run in result.runs]
    assert result.row.metrics["map"] == pytest.approx(np.mean(values))
    assert result.row.deviations["map"] == pytest.approx(np.std(values, ddof=1))
    assert sum(run.sizes["test"] for run in result.runs[::2]) == 32
    assert json.loads((result.folder / "report.json").read_text()) == json.loads(json.dumps(result.as_dict()))


def test_one_fold_alone_is_the_same_fold(data: Path, tmp_path: Path) -> None:
    chosen = moments.config(epochs=1)
    both = train(chosen, data, tmp_path / "out", folds=2, device="cpu", queries=moments.queries())
    alone = train(chosen, data, tmp_path / "out", folds=2, only_folds=[1], device="cpu", queries=moments.queries())
    assert [run.fold for run in alone.runs] == [1]
    assert alone.runs[0].metrics == both.runs[1].metrics
    assert (alone.runs[0].folder / "predictions.jsonl").read_text() == (
        both.runs[1].folder / "predictions.jsonl"
    ).read_text()
    assert alone.baselines != both.baselines
    with pytest.raises(ConfigError, match=r"there are folds 0 to 1 of 2; got \[2\]"):
        train(chosen, data, tmp_path, folds=2, only_folds=[2], queries=moments.queries())


def test_it_stops_where_validation_gets_no_better_and_keeps_the_best(data: Path, tmp_path: Path) -> None:
    still = moments.config(**{"epochs": 9, "patience": 2, "optimiser.learning_rate": 1e-12, "average": 0.0})
    (run,) = train(still, data, tmp_path / "out", device="cpu", queries=moments.queries()).runs
    assert (run.best_epoch, run.epochs) == (0, 3)


def test_without_validation_every_epoch_is_run_and_the_last_is_kept(data: Path, tmp_path: Path) -> None:
    whole = moments.config(**{"data.validation_share": 0.0, "data.test_share": 0.0})
    (run,) = train(whole, data, tmp_path / "out", device="cpu", queries=moments.queries()).runs
    assert (run.best_epoch, run.epochs, run.metrics) == (2, 3, {})
    assert all(
        (weights(run.folder)[name] == value).all() for name, value in weights(run.folder, "best.safetensors").items()
    )


def test_the_moving_average_is_kept_and_not_the_weights(data: Path, tmp_path: Path) -> None:
    plain, moving = (
        train(moments.config(average=decay), data, tmp_path / str(decay), device="cpu", queries=moments.queries()).runs[
            0
        ]
        for decay in (0.0, 0.9)
    )
    start = create_learner("cfsum", moments.config().scorer.config, 0).network.state_dict()
    near, far = (
        sum(float((value - start[name]).square().sum()) for name, value in weights(run.folder).items())
        for run in (moving, plain)
    )
    assert 0 < near < far


def test_dropout_is_on_while_training_and_off_while_judging(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[tuple[bool, bool]] = []
    run = CFSumLearner.run

    def watched(self: CFSumLearner, batch: Batch) -> Outcome:
        modes.append((torch.is_grad_enabled(), self.network.training))
        return run(self, batch)

    monkeypatch.setattr(CFSumLearner, "run", watched)
    for decay in (0.0, 0.9):
        train(moments.config(average=decay), data, tmp_path / "out", device="cpu", queries=moments.queries())
    assert set(modes) == {(True, True), (False, False)}


@pytest.mark.slow
def test_two_processes_train_one_network(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU, as several GPUs would: half of the batches each, one set of files, figures in this process."""
    monkeypatch.setattr(loop_module, "devices", lambda device: ("cpu", 2))
    chosen = moments.config(epochs=6, batch_size=4)
    told = lambda *_: None  # noqa: E731
    result = train(chosen, data, tmp_path / "out", device="cpu", queries=moments.queries(), progress=told)
    (run,) = result.runs
    assert [each.name for each in (tmp_path / "out").iterdir()] == [result.folder.name]
    assert {each.name for each in run.folder.iterdir()} == RUN_FILES
    random = next(row for row in result.baselines if row.name == "random")
    assert run.metrics["map"] > random.metrics["map"] + 10
    assert run.epochs == 6


def test_bf16_trains_too(data: Path, tmp_path: Path) -> None:
    found = train(moments.config(), data, tmp_path / "a", device="cpu", precision="bf16", queries=moments.queries())
    assert all(value.dtype == torch.float32 for value in weights(found.runs[0].folder).values())
    assert np.isfinite(list(found.runs[0].metrics.values())).all()


def test_the_plain_transformer_is_a_row_like_any_other(data: Path, tmp_path: Path) -> None:
    plain = moments.config(
        **{
            "scorer.name": "plain-transformer",
            "scorer.config": {**moments.SCORER, "output": "logits"},
            "objective": {"bce": 1.0},
            "epochs": 12,
        }
    )
    (run,) = train(plain, data, tmp_path / "out", device="cpu", queries=moments.queries()).runs
    assert run.metrics["map"] > 60


def _refused(data: Path, out: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        train(moments.config(**changes), data, out, device="cpu", queries=moments.queries())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"monitor": "accuracy"}, "monitor is 'accuracy'; there are .*hit@1, map"),
        ({"data.group": "BK"}, "'BK' has no item"),
        ({"data.layout": {"stream": {}}}, "data.layout has no key 'stream'; it knows annotations, streams"),
        (
            {"data.layout": {"streams": {"clip": 3}}},
            r"data.layout: streams.*expected `str`",
        ),
        ({"data.layout": {"tokens": ["a"]}}, "data.layout: tokens must be str . null, got"),
        ({"data.layout": {"clip_seconds": -1}}, "data.layout: clip_seconds must be a positive number"),
        ({"data.test": {"annotations": True}}, "data.layout: annotations must be str, got True"),
        ({"data.test": {}}, "24 items of the test part are in the training part, too"),
        ({"data.validation": {}}, "24 items of the validation part are in the training part, too"),
        ({"protocol": "nothing"}, "unknown protocol 'nothing'"),
        ({"objective": {"bce": -1.0}}, "must be finite and at least 0"),
        ({"scorer.config": {**moments.SCORER, "dropout": 2.0}}, "dropout must lie between 0 and 0.99"),
        ({"scorer.config": {**moments.SCORER, "width": 10**30}}, "width must lie between 1 and 65536"),
        ({"scorer.config": {**moments.SCORER, "video_streams": {"clip": 10**6}}}, "all at most 65536 wide"),
        ({"scorer.config": moments.SCORER}, "bce needs logits"),
        ({"scorer.config": {**moments.SCORER, "output": "logits"}}, "contrastive needs a linear path"),
        ({"scorer.config": {**moments.SCORER, "width": 15}}, "multiple of its 2"),
        ({"scorer.name": "zeroshot"}, "nothing to train is named 'zeroshot'"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    data: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    _refused(data, tmp_path / "out", changes, message)


def test_queries_without_tokens_need_an_encoder(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name a text encoder"):
        train(moments.config(), data, tmp_path / "out", device="cpu")


def test_a_query_is_embedded_once(data: Path) -> None:
    encoder = moments.FakeText()
    shared = moments.Queries(encoder)
    for example in open_dataset("charades", data):
        shared.of(example)
    assert encoder.calls == moments.TOPICS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scorer.config.video_streams": {"clip": 13}}, "'clip' is 13 wide, and the data has 12"),
        ({"scorer.config.widht": 8}, "scorer.config has no key 'widht'"),
        ({"data.group": "sport"}, "has no item; there are no groups"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_folder_is_made(
    data: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    _refused(data, tmp_path / "out", changes, message)
    assert not (tmp_path / "out").exists()
