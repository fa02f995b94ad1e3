"""A preset judged on a folder: the figures are those of its scorer on every example."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from highlightr.core.errors import ConfigError
from highlightr.datasets import open_dataset
from highlightr.evaluation import Case, evaluate_cases, find_protocol
from highlightr.scorers import ScorerContext, create_scorer
from highlightr.training import evaluate_preset as preset
from highlightr.training.evaluate_preset import evaluate_preset
from highlightr.zoo import Preset, ScorerChoice, ScorerUse
from tests.training import moments

CHOICE = ScorerChoice("cfsum", {**moments.SCORER, **moments.REGULARISED}, None, 3)
SMALL = Preset("small", "for tests", 1.0, ("clip",), "minilm", {"cfsum": CHOICE}, ScorerUse("cfsum", "cfsum"))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(preset, "create_text_encoder", lambda name, device: moments.FakeText())
    return moments.moments_folder(tmp_path / "data", videos=6)


def test_the_figures_are_those_of_the_scorer(data: Path) -> None:
    told: list[tuple[float, float]] = []
    report = evaluate_preset(SMALL, data, progress=lambda stage, done, total: told.append((done, total)))
    scorer = create_scorer("cfsum", CHOICE.config, ScorerContext(random_seed=3))
    encoder = moments.FakeText()
    cases = [
        Case.of(example.item, scorer.score(example.features(), encoder.encode(str(example.item.query)), ()).values)
        for example in open_dataset("charades", data)
    ]
    assert report.metrics == evaluate_cases(find_protocol("moments"), cases).metrics
    assert set(report.metrics) == {"hit@1", "map"}
    assert [row.name for row in report.rows] == ["predictions", "random", "position prior", "oracle"]
    assert told[-1] == (12, 12)


def test_what_cannot_be_used_is_counted(data: Path) -> None:
    (data / "features" / "v0.npz").unlink()
    report = evaluate_preset(SMALL, data)
    assert report.num_cases == 10
    assert "2 items could not be used, or were cut" in report.notes


def test_mistakes_are_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no preset named"):
        evaluate_preset("nothing", data)
    with pytest.raises(ConfigError, match="unknown protocol"):
        evaluate_preset(SMALL, data, "nothing")
    with pytest.raises(ConfigError, match=r"moments\.jsonl"):
        evaluate_preset(SMALL, tmp_path)
    with pytest.raises(ConfigError, match="scores labelled streams"):
        evaluate_preset("lite", data)
    mute = replace(SMALL, text=None)
    with pytest.raises(ConfigError, match="names no text encoder"):
        evaluate_preset(mute, data)


@pytest.mark.realdata
def test_the_shipped_preset_answers_queries_about_real_videos(real_data: Path, tmp_path: Path) -> None:
    """It was trained on these videos, so this says that it runs as trained, not how good it is."""
    # Every seventh query: all 2,785 take minutes.
    queries = (real_data / "charades_clip" / "moments.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "moments.jsonl").write_text("".join(queries[::7]), encoding="utf-8")
    (tmp_path / "features").symlink_to(real_data / "charades_clip" / "features", target_is_directory=True)
    report = evaluate_preset("cfsum-charades", tmp_path)
    assert report.num_cases == 398
    prior = next(row for row in report.rows if row.name == "position prior")
    assert report.metrics["hit@1"] > prior.metrics["hit@1"] + 15
    assert report.metrics["map"] > prior.metrics["map"] + 10
