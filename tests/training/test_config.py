"""Training configs: every shipped one is valid with all its ablation rows; mistakes are named."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from highlightr.core.errors import ConfigError
from highlightr.core.folders import model_files
from highlightr.evaluation import find_protocol
from highlightr.scorers import scorer_class
from highlightr.training.config import config_names, load_config
from highlightr.training.learners import LEARNERS
from highlightr.zoo import load_preset, preset_names
from tests.training import moments

PAPERS = ["cfsum-qvhighlights", "cfsum-tvsum", "cfsum-youtube", "davihd-mrhisum", "davihd-tvsum"]


@pytest.mark.parametrize("name", config_names())
def test_every_shipped_config_and_ablation_row_fits_its_scorer(name: str) -> None:
    config = load_config(name)
    assert config.name == name
    find_protocol(config.protocol)
    rows = [config]
    for table in config.ablations.values():
        rows += [config.changed(changes, name=row) for row, changes in table.items()]
    for row in rows:
        assert row.scorer.name in LEARNERS
        scorer = "cfsum" if row.scorer.name == "plain-transformer" else row.scorer.name
        scorer_class(scorer).contract_of(row.scorer.config)
    assert len({row.name for row in rows}) == len(rows)


def test_the_papers_are_all_there() -> None:
    assert set(PAPERS) <= set(config_names())


@pytest.mark.parametrize("name", [name for name in config_names() if name in preset_names()])
def test_a_config_trains_what_its_preset_runs(name: str) -> None:
    """The clip length aside: TVSum's labels are of 2 s, and the DAViHD preset scores seconds."""
    ours, (scorer,) = load_config(name).scorer.config, load_preset(name).scorers.values()
    for key in ("video_streams", "audio_streams", "visual_streams", "text_width", "modalities", "width", "variant"):
        assert ours.get(key) == scorer.config.get(key), key


def test_the_page_on_the_papers_says_what_the_configs_do() -> None:
    text = (model_files() / "cards" / "papers.md").read_text(encoding="utf-8")
    header, _, *rows = text[text.index("| setting |") :].strip().splitlines()
    names = [cell.strip() for cell in header.strip("|").split("|")][1:]
    assert set(names) == set(PAPERS)
    assert len(rows) >= 20
    for row in rows:
        key, *cells = (cell.strip().strip("`") for cell in row.strip("|").split("|"))
        for name, cell in zip(names, cells, strict=True):
            value: Any = asdict(load_config(name))
            for step in key.split("."):
                value = value.get(step) if isinstance(value, dict) else None
            assert yaml.safe_load(cell) == value, (name, key)


def test_a_config_survives_a_file(tmp_path: Path) -> None:
    config = moments.config(ablations={"modules": {"no fusion": {"scorer.config.fusion": False}}})
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(asdict(config)))
    assert load_config(path) == config


def test_a_change_sets_one_key_and_leaves_the_rest() -> None:
    config = moments.config()
    changed = config.changed({"scorer.config.fusion": False, "epochs": 7}, name="other")
    assert (changed.name, changed.epochs, changed.scorer.config["fusion"]) == ("other", 7, False)
    assert "fusion" not in config.scorer.config
    assert changed.changed({"epochs": config.epochs}).optimiser == config.optimiser


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 3}, "no key 'epoch'; it knows name,"),
        ({"optimiser.lr": 0.1}, "no key 'lr'; it knows name, learning_rate"),
        ({"optimiser.name": "sgd"}, "one of adam, adamw, got 'sgd'"),
        ({"epochs": "ten"}, "epochs must be int, got 'ten'"),
        ({"epochs": True}, "epochs must be int, got True"),
        ({"epochs": 0}, "epochs must lie between 1 and"),
        ({"average": 1.0}, "average must lie between 0 and 0.99999"),
        ({"augment.speed": 1.5}, "augment.speed must lie between 0 and 1"),
        ({"objective": {}}, "one or more of mse, bce"),
        ({"objective": {"focal": 1.0}}, "more of mse, bce, listwise, contrastive, each once, got .*'focal'"),
        ({"objective": {"mse": "much"}}, r"objective\[\.\.\.\]: expected `float`, got `str`"),
        ({"data.name": "imagenet"}, "known: qvhighlights"),
        ({"data": "charades"}, "data must be a mapping"),
        ({"patience": 2, "data.validation_share": 0.0}, "patience needs a validation part"),
        ({"name": "../other"}, "letters, digits"),
        ({"epochs.more": 1}, "not a key that can be changed"),
    ],
)
def test_mistakes_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        moments.config(**changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not valid YAML"),
        ("- a", "it must be a mapping, got \\['a'\\]"),
        ("name: a\nsummary: b", "missing"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="there are cfsum-charades, cfsum-qvhighlights"):
        load_config("cfsum")
    with pytest.raises(ConfigError, match=r"cannot read nowhere\.yaml: no such file"):
        load_config("nowhere.yaml")
