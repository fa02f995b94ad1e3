"""What `highlightr doctor` finds, and what makes it fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from highlightr.cli import doctor as command
from tests.cli.run import Run


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a distribution look as if it were not installed."""
    version = metadata.version

    def hide(name: str) -> None:
        def found(asked: str) -> str:
            if asked == name:
                raise metadata.PackageNotFoundError(name)
            return version(asked)

        monkeypatch.setattr(metadata, "version", found)

    return hide


def test_everything_is_found(run: Run) -> None:
    outcome = run("doctor", "--json")
    found = {each["part"]: each for each in json.loads(outcome.out)}
    assert outcome.code == 0
    assert {"highlightr", "python", "libav", "ffmpeg", "weights efficientnet_lite0", "cache", "device"} <= set(found)
    assert all(each["good"] for each in found.values())


def test_what_lite_needs_must_be_there(run: Run, without: Callable[[str], None]) -> None:
    without("tokenizers")
    outcome = run("doctor")
    assert outcome.code == 1
    assert "BAD tokenizers                 missing: pip install tokenizers" in outcome.out


@pytest.mark.parametrize("name", command.OPTIONAL)
def test_what_other_presets_need_may_be_missing(run: Run, without: Callable[[str], None], name: str) -> None:
    without(name)
    outcome = run("doctor")
    assert outcome.code == 0
    told = " ".join(outcome.out.split())
    assert f"-- {name} not installed; {command.OPTIONAL[name]}" in told
    assert "pip install 'highlightr[backbones]'" in told


def test_a_home_that_is_a_file_is_told(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "file" / "home"))
    outcome = run("doctor")
    assert outcome.code == 0
    assert "-- cache " in " ".join(outcome.out.split())
    assert "cannot be written; set HIGHLIGHTR_HOME" in " ".join(outcome.out.split())


def test_an_ffmpeg_that_is_older_than_what_plans_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "av_generation", lambda: 999)
    found = {each["part"]: each for each in json.loads(run("doctor", "--json").out)}
    assert (found["ffmpeg"]["good"], found["ffmpeg"]["lacks"], found["libav"]["lacks"]) == (True, True, False)
