"""`highlightr datasets`: facts of every set, and what a folder lacks."""

from __future__ import annotations

import json
from pathlib import Path

from highlightr.datasets import DATASETS
from highlightr.datasets.catalogue import CATALOGUE
from highlightr.training.config import load_config
from tests.cli.run import Run
from tests.training.releases import qvhighlights, umt_set


def test_every_set_is_listed_and_described(run: Run) -> None:
    listed = run("datasets", "list").out
    for name, facts in CATALOGUE.items():
        assert name in listed
        assert load_config(facts.config).data.name == name
        shown = run("datasets", "describe", name).out
        assert all(address in shown for address in facts.pages.values())
        assert facts.config in shown
    assert set(CATALOGUE) <= set(DATASETS)
    assert "no data set named 'mine'" in run("datasets", "describe", "mine").err


def test_check_says_the_release_and_what_is_missing_part_by_part(tmp_path: Path, run: Run) -> None:
    qvhighlights(tmp_path, "lighthouse")
    whole = run("datasets", "check", tmp_path)
    assert (whole.code, "laid out like lighthouse" in whole.out) == (0, True)
    (tmp_path / "features/qvhighlight/clip/v25_0.0_12.0.npz").unlink()
    holed = run("datasets", "check", tmp_path, "--json")
    parts = {part["part"]: part for part in json.loads(holed.out)["parts"]}
    assert (holed.code, parts["train"]["missing"], parts["test"]["missing"]) == (1, 0, 1)
    assert parts["test"]["reasons"][0].startswith("25: ")


def test_check_recognises_umts_label_files_and_refuses_what_it_does_not_know(tmp_path: Path, run: Run) -> None:
    umt_set(tmp_path, "umt", "tvsum")
    found = run("datasets", "check", tmp_path)
    assert "tvsum, laid out like umt" in found.out
    assert "test: 2 usable, 0 missing" in found.out
    (tmp_path / "nothing").mkdir()
    assert "of no data set that is known; say which with --set" in run("datasets", "check", tmp_path / "nothing").err
