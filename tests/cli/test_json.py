"""What `--json` prints is one document for programs, and nothing beside it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from highlightr.datasets.catalogue import CATALOGUE
from tests.cli.run import Run
from tests.mediamaker import made


def _printed(run: Run, *arguments: object) -> Any:
    outcome = run(*arguments, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    return json.loads(outcome.out)


def test_data_sets(run: Run) -> None:
    listed = _printed(run, "datasets", "list")
    assert list(listed) == list(CATALOGUE)
    for name, facts in listed.items():
        assert _printed(run, "datasets", "describe", name) == {"name": name, **facts}


def test_weights(run: Run) -> None:
    listed = {each["name"]: each for each in _printed(run, "models", "list")}
    embedded = listed["efficientnet_lite0"]
    assert embedded["state"] == "embedded"
    assert Path(embedded["path"]).stat().st_size == embedded["size_bytes"]
    assert listed["i3d-rgb"]["path"] is None


def test_what_was_removed_from_the_cache(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path))
    nothing = {"entries": 0, "models": 0, "size_bytes": 0}
    assert _printed(run, "cache", "clear", "--models") == nothing


def test_a_cut_without_a_receipt(run: Run, tmp_path: Path) -> None:
    video = Path(shutil.copy(made("plain.mp4"), tmp_path))
    file = tmp_path / "cuts.csv"
    file.write_text("start_seconds,stop_seconds\n0.4,1.2\n2,3\n")
    cut = _printed(run, "cut", file, video)
    assert cut["outputs"] == {"video": str(tmp_path / "cuts.cut.mp4")}
    assert cut["seconds"] == pytest.approx(1.8)
    assert any("No receipt" in note for note in cut["notes"])
    told = run("cut", file, video, "--overwrite").out.splitlines()
    assert told[0] == "1.8 s in 2 segments"
    assert told[1].startswith("Note: No receipt")
    assert told[-1] == f"{'video':<10} {tmp_path / 'cuts.cut.mp4'}"
