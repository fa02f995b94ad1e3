"""State files that anyone may have written or damaged: each costs itself alone, and never stops a batch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from highlightr.batch import BatchOptions, plan_jobs, run_batch
from highlightr.batch.names import is_inside
from highlightr.batch.output_dir import OutputDir
from highlightr.core.errors import WeightsError
from highlightr.core.types import Signal, TimeGrid
from highlightr.features.base import Extracted
from highlightr.features.cache import FeatureCache
from highlightr.pipeline import Highlighter
from highlightr.zoo.records import pins, pins_file, read_install_record, weights_folder
from tests.light import DEBUG_PRESET
from tests.mediamaker import made

DEEP = "[" * 100_000
HOSTILE = [
    DEEP,
    '{"a":' * 50_000,
    '{"id": "x", "folder": "\\ud800", "state": "done"}',
    '{"id": "x", "folder": "y", "state": "done", "seconds": 1e400}',
    '{"id": "x", "folder": "y", "state": "done", "seconds": NaN}',
    '{"id": 3, "folder": "y", "state": "done"}',
    "null",
    "\x00\xff",
    '{"id": "x", "folder": "y"',
]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return Path(shutil.copy(made("tiny.mp4", seconds=3.0, size=(160, 120)), tmp_path / "in" / "a.mp4"))


def test_a_batch_goes_on_over_damaged_state(video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    preset = tmp_path / "debug.yaml"
    preset.write_text(DEBUG_PRESET)
    options: dict[str, Any] = {"preset": str(preset), "device": "cpu", "workers": 1, "cache": False}
    out = tmp_path / "out"

    def states() -> list[str]:
        return [one.state for one in run_batch(plan_jobs([video.parent], out), out, BatchOptions(**options)).outcomes]

    assert states() == ["done"]
    with (out / "results.jsonl").open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.write("\n".join(HOSTILE) + "\n")
    assert states() == ["kept"]
    assert f"{len(HOSTILE)} damaged lines are skipped" in caplog.text
    assert [json.loads(line)["state"] for line in (out / "results.jsonl").read_text().splitlines()] == ["done"]
    for folder in ("began", "done"):
        for path in (*(out / ".highlightr" / folder).iterdir(), out / ".highlightr" / folder / "stranger"):
            path.write_text(DEEP)
    (out / ".highlightr" / "folders.json").write_text('{"x": "../../etc", "y": 3}')
    assert states() == ["done"], "a record that cannot be read is made again"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_records_and_folders_that_cannot_be_read_are_none(text: str, tmp_path: Path) -> None:
    output_dir = OutputDir(tmp_path / "out")
    output_dir.prepare()
    for name in ("folders.json", "done/x", "began/x"):
        (tmp_path / "out" / ".highlightr" / name).write_text(text, encoding="utf-8")
    assert all(is_inside(folder) for folder in output_dir.known_folders().values())
    assert output_dir.record("x") is None
    output_dir.sweep()


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_pins_are_never_ignored_and_receipts_mean_pull_again(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path))
    weights_folder("net").mkdir(parents=True)
    pins_file().write_text(text, encoding="utf-8")
    (weights_folder("net") / "receipt.json").write_text(text, encoding="utf-8")
    with pytest.raises(WeightsError, match=r"cannot read the pins at .*repair the file, or delete it"):
        pins()
    assert read_install_record("net") is None


def _entries(grid: TimeGrid) -> dict[str, Extracted]:
    rows, times = np.zeros((grid.num_clips, 1), np.float32), np.arange(4, dtype=np.float64)
    values = np.zeros((4, 3), np.float32)
    return {
        "too few clips": Extracted({"motion": rows[:-1]}),
        "too wide": Extracted({"motion": np.zeros((grid.num_clips, 99), np.float32)}),
        "another type": Extracted({"motion": rows.astype(np.float64)}),
        "not a number": Extracted({"motion": np.full_like(rows, np.nan)}),
        "another stream": Extracted({"stranger": rows}),
        "nothing": Extracted(),
        "a signal of another width": Extracted({}, {"frame_change": Signal(times, np.zeros((4, 7), np.float32))}),
        "a signal that goes back": Extracted({}, {"frame_change": Signal(times[::-1].copy(), values)}),
    }


@pytest.mark.parametrize("kind", list(_entries(TimeGrid(3.0, 1.0))))
def test_a_sealed_entry_that_cannot_be_right_is_made_again(
    kind: str, light: Highlighter, video: Path, tmp_path: Path
) -> None:
    cache = FeatureCache(tmp_path / "cache")
    highlighter = Highlighter(light.preset, light._models, cache, None)
    good = highlighter.analyse(video)
    for entry in cache.entries():
        cache.put(entry.about, _entries(good.features.grid)[kind])
    again = highlighter.analyse(video)
    np.testing.assert_array_equal(again.scores.values, good.scores.values)
    for name, rows in good.features.streams.items():
        np.testing.assert_array_equal(again.features.streams[name], rows)
