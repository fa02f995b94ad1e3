"""Tiny videos, a preset that needs no models, and a way to compare what two runs made."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.light import DEBUG_PRESET
from tests.mediamaker import made


@pytest.fixture(scope="session")
def preset(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A preset that starts at once."""
    path = tmp_path_factory.mktemp("preset") / "debug.yaml"
    path.write_text(DEBUG_PRESET)
    return str(path)


@pytest.fixture
def options(preset: str) -> dict[str, Any]:
    """Keywords of `BatchOptions` for tests."""
    return {"preset": preset, "device": "cpu", "workers": 1, "cache": False}


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A folder with three good videos, two of one name."""
    folder = tmp_path / "videos"
    for output_dir, seconds in (("a.mp4", 2.0), ("b.mp4", 3.0), ("deep/a.mp4", 2.5)):
        (folder / output_dir).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made("tiny.mp4", seconds=seconds, size=(160, 120)), folder / output_dir)
    return folder


def snapshot(output: Path) -> dict[str, Any]:
    """What a batch made, without what differs from run to run: times, tries, and where the folder is."""
    found: dict[str, Any] = {"results": [_plain_line(line) for line in results(output)]}
    for path in sorted(output.rglob("*.summary.*")):
        name = path.relative_to(output).as_posix()
        if path.suffix == ".mp4":
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.suffix == ".json":
            receipt = json.loads(path.read_text())
            found[name] = {key: receipt[key] for key in ("source", "scores", "segments", "shots", "query", "cut")}
        else:
            found[name] = path.stat().st_size > 1000
    return found


def results(output: Path) -> list[dict[str, Any]]:
    """The lines of `results.jsonl`."""
    return [json.loads(line) for line in (output / "results.jsonl").read_text().splitlines()]


def leftovers(output: Path) -> list[str]:
    """Files that nobody should find after a run."""
    names = [path.relative_to(output).as_posix() for path in output.rglob("*")]
    return [name for name in names if ".partial" in name or name.endswith(".part") or "fetched/" in name]


def _plain_line(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key not in ("seconds", "attempts")}
