"""Presets in three lines: what must not be missed comes first, and what is needed is told from the manifest."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from highlightr.cli.presets import RANDOM, preset_lines
from highlightr.zoo import load_preset, preset_names
from highlightr.zoo.manifest import load_manifest
from highlightr.zoo.store import WeightsState
from tests.cli.run import Run
from tests.light import DEBUG_PRESET


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_says_what_it_is_good_for_what_it_needs_and_how_it_was_measured(name: str) -> None:
    lines = preset_lines(load_preset(name))
    assert [heading for heading, _ in lines.items() if heading] == ["good for", "needs", "measured"]
    assert all(text for _, text in lines.items())
    assert "need" not in lines["good for"], "what it needs has a line of its own"


def test_what_must_not_be_missed_comes_first() -> None:
    trained = next(iter(preset_lines(load_preset("davihd-tvsum")).items()))
    assert trained == (
        "",
        "No trained weights are published; `highlightr train --config davihd-tvsum --data DIR` makes them.",
    )
    assert next(iter(preset_lines(load_preset("cfsum-debug")).items())) == ("", RANDOM)
    assert "" not in preset_lines(load_preset("lite"))


def test_needs_follow_the_manifest_and_what_is_here() -> None:
    preset = load_preset("cfsum-qvhighlights")
    assert "cnn14-32k (327 MB)" in preset_lines(preset)["needs"]
    assert "cfsum-qvhighlights (to train, 52 MB)" in preset_lines(preset)["needs"]
    states = {
        entry.name: WeightsState(entry, "present", None, 0, "", pinned=False) for entry in load_manifest().values()
    }
    assert "cnn14-32k (here)" in preset_lines(preset, states)["needs"]
    assert preset_lines(replace(load_preset("lite"), cost=None))["needs"].startswith("nothing more")


def test_a_narrow_terminal_is_not_overrun(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "get_terminal_size", lambda *_: os.terminal_size((60, 24)))
    printed = run("presets").out
    assert max(map(len, printed.splitlines())) <= 60
    assert "  good for  " in printed
    described = run("models", "describe", "cfsum-tvsum").out
    assert described.index("No trained weights") < described.index("good for") < described.index("streams")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: [", "is not valid YAML"),
        ("name: mine\nsummary: s\n", "clip_seconds is missing"),
        (DEBUG_PRESET.replace("[motion]", "[nothing]"), "nothing"),
    ],
    ids=["yaml", "keys", "extractor"],
)
def test_a_malformed_preset_is_named_and_the_others_are_listed(
    text: str, words: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, preset in (("bad", text), ("good", DEBUG_PRESET)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "preset.yaml").write_text(preset)
    monkeypatch.chdir(tmp_path)
    listed = run("presets", "--json")
    assert listed.code == 0
    names = [row["name"] for row in json.loads(listed.out)]
    assert names[0] == "lite"
    assert "good" in names
    assert "bad" not in names
    assert listed.err.startswith("highlightr: left out: bad/preset.yaml")
    assert words in listed.err
    assert listed.err.count("\n") == 1
    shutil.rmtree(tmp_path / "bad")
    assert run("presets", "--json").err == ""
