"""Ablation tables: every row is run, the table holds what the runs gave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from highlightr.core.errors import ConfigError
from highlightr.evaluation import Row
from highlightr.training import ablation
from highlightr.training.ablation import ablate, markdown_table
from tests.training import moments

TABLES = {
    "modules": {"no fusion": {"scorer.config.fusion": False}},
    "loss": {"bce alone": {"objective": {"bce": 1.0}}, "unchanged": {}},
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ablation, "open_text_encoder", lambda name: moments.FakeText())
    return moments.moments_folder(tmp_path / "data", videos=8)


def test_tables_hold_what_the_runs_gave(data: Path, tmp_path: Path) -> None:
    config = moments.config(ablations=TABLES, epochs=1, text="minilm")
    result = ablate(config, data, tmp_path / "out", seeds=2, device="cpu")
    assert {name: [row.name for row in rows] for name, rows in result.tables.items()} == {
        "modules": ["small", "no fusion"],
        "loss": ["small", "bce alone", "unchanged"],
    }
    whole, unchanged = result.tables["loss"][0], result.tables["loss"][2]
    assert whole.metrics == unchanged.metrics
    assert set(whole.deviations) == {"hit@1", "map"}
    assert result.tables["modules"][1].metrics != whole.metrics
    written = json.loads((result.folder / "ablation.json").read_text())
    assert written == json.loads(json.dumps(result.as_dict()))
    text = (result.folder / "ablation.md").read_text()
    assert f"| no fusion | {result.tables['modules'][1].metrics['hit@1']:.2f} ± " in text
    assert "| oracle | 100.00 |" in text
    assert len(list(result.folder.glob("*/seed-*/best.safetensors"))) == 8


def test_one_table_may_be_run_alone(data: Path, tmp_path: Path) -> None:
    config = moments.config(ablations=TABLES, epochs=1, text="minilm")
    assert set(ablate(config, data, tmp_path, seeds=1, device="cpu", tables=["modules"]).tables) == {"modules"}


def test_mistakes_are_named_before_anything_is_run(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no ablation table depth; it has modules, loss"):
        ablate(moments.config(ablations=TABLES), data, tmp_path / "out", tables=["depth"])
    with pytest.raises(ConfigError, match="no ablation table at all"):
        ablate(moments.config(), data, tmp_path / "out")
    with pytest.raises(ConfigError, match="no key 'fusion'"):
        ablate(moments.config(ablations={"a": {"b": {"scorer.fusion": False}}}), data, tmp_path / "out")
    for changes, message in ({"scorer.config.width": 15}, "multiple of its 2"), ({"scorer.name": "x"}, "named 'x'"):
        with pytest.raises(ConfigError, match=message):
            ablate(moments.config(ablations={"a": {"b": changes}}), data, tmp_path / "out")
    with pytest.raises(ConfigError, match="monitor is 'x'"):
        ablate(moments.config(ablations=TABLES, monitor="x"), data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_table_in_words() -> None:
    rows = [Row("a", {"m": 1.0, "n": 2.0}, {"m": 0.5, "n": 0.25}), Row("b", {"m": 3.0, "n": 4.0})]
    assert (
        markdown_table(rows)
        == "| row | m | n |\n|---|---|---|\n| a | 1.00 ± 0.50 | 2.00 ± 0.25 |\n| b | 3.00 | 4.00 |\n"
    )
    # Of another part of the data, other figures.
    assert markdown_table([*rows, Row("c", {"n": 5.0})]).endswith("| c | - | 5.00 |\n")
