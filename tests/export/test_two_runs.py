"""Two runs at a time that replace the same summary: its files are all of one run, whichever was last."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from highlightr import Highlighter
from highlightr.core.hashing import file_sha256
from highlightr.core.locks import turn_in
from highlightr.export import outputs
from tests.light import DEBUG_PRESET
from tests.mediamaker import make_video


def test_files_of_two_runs_are_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    make_video(tmp_path / "v.mp4", seconds=6.0, size=(160, 120))
    both, move = threading.Barrier(2), outputs.move

    def move_side_by_side(source: Path, target: Path) -> None:
        """Each run moves its first file, then waits for the other to do so: as unlucky as can be."""
        move(source, target)
        with suppress(threading.BrokenBarrierError):
            both.wait(timeout=3)

    monkeypatch.setattr(outputs, "move", move_side_by_side)

    def run(span: str) -> None:
        made = Highlighter.from_preset(tmp_path / "debug.yaml", cache=False)
        how = {"clips": tmp_path / "clips", "export": "csv", "range": span, "ratio": 0.9, "cut": "exact"}
        made.summarize(tmp_path / "v.mp4", output=tmp_path / "s.mp4", overwrite=True, **how)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(run, ["0-1", "3-4"]))
    receipt = json.loads((tmp_path / "s.json").read_text())
    span = f",{receipt['segments'][0]['start_seconds']:g},{receipt['segments'][0]['stop_seconds']:g},"
    listed = {each["name"]: each["sha256"] for each in receipt["files"]}
    assert span in (tmp_path / "s.csv").read_text()
    assert listed["s.csv"] == file_sha256(tmp_path / "s.csv")
    assert {path.name for path in (tmp_path / "clips").iterdir()} == set(listed) - {"s.csv"}


def test_a_turn_ends_with_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ours"), turn_in([tmp_path, tmp_path / "missing", tmp_path / "."]):
        raise ValueError("ours")
    with turn_in([tmp_path]):
        assert list(tmp_path.iterdir()) == []
