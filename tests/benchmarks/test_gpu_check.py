"""The GPU check in small on the CPU: every part has its rows, what ends a process is told, and when time is over."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks import gpu_check, gpu_processes
from benchmarks.gpu_parts import NAMES, least_cosine
from benchmarks.gpu_processes import NO_TIME, Check, part_rows, worker_rows
from benchmarks.gpu_rows import Row, rows_table
from benchmarks.gpu_training import TRAINED
from benchmarks.made_video import make_video
from highlightr.media import probe

TINY = ["--device", "cpu", "--seconds", "2", "--height", "96", "--rounds", "1"]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gpu") / "made.mp4"
    make_video(path, 4.0, 160, 90)
    return path


def _check(video: Path, folder: Path, seconds: float) -> Check:
    return Check(video, "cpu", 1, folder, time.monotonic() + seconds)


def test_the_made_video_has_its_shots_sound_and_keyframes(video: Path) -> None:
    source = probe(video)
    assert source.duration_seconds == pytest.approx(4.0, abs=0.05)
    assert source.audio is not None
    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="gray").astype(int) for frame in container.decode(video=0)]
    changes = [float(np.abs(after - before).mean()) for before, after in pairwise(frames)]
    assert len(frames) == 100
    assert int(np.argmax(changes)) == 74
    assert min(changes) > 0.5


@pytest.mark.timeout(120)
def test_a_part_ends_with_its_rows_or_with_why_not(video: Path, tmp_path: Path) -> None:
    rows = list(part_rows(_check(video, tmp_path, 200), "decode", ["frame threads, sieved", "no such way", "NVDEC"]))
    assert [row.state for row in rows[:2]] == ["ok", "ok"]
    assert (rows[2].name, rows[2].state) == ("no such way", "failed")
    assert "KeyError" in rows[2].note
    # What came after the crash was tried all the same.
    assert [row.name for row in rows[3:]] == ["NVDEC, 1 frame a second", "NVDEC, 25 frames a second"]


def test_time_that_is_over_is_told(video: Path, tmp_path: Path) -> None:
    over = _check(video, tmp_path, 0)
    assert list(part_rows(over, "backbones", ["clip", "i3d"])) == [
        Row("backbones", name, "not run", note=NO_TIME) for name in ("clip", "i3d")
    ]
    assert [row.state for row in worker_rows(over, "clip")] == ["not run", "not run"]
    short = list(part_rows(_check(video, tmp_path, 0.5), "backbones", ["clip"]))
    assert [row.state for row in short] == ["not run", "not run"][: len(short)]


def test_a_line_that_was_cut_off_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"begun": "clip"}\n{"part": "backbones", "name": "clip, fp32"}\n{"part": "backb')
    assert gpu_processes._read(path) == ([Row("backbones", "clip, fp32")], ["clip"])


def test_rows_that_differ_are_known_by_their_cosine() -> None:
    rows = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    assert least_cosine(rows, rows) == pytest.approx(1.0)
    assert least_cosine(rows[::-1], rows) < 0.9
    assert least_cosine(rows[:4], rows) == least_cosine(rows * np.nan, rows) == 0.0


def test_the_table_holds_figures_and_notes() -> None:
    table = rows_table([Row("decode", "NVDEC", "not here", note="no | device"), Row("w", "two", figures={"x": 12.345})])
    assert "| decode | NVDEC | not here | no / device |" in table
    assert "| w | two | ok | x 12.35 |" in table


def _states(options: list[str], tmp_path: Path) -> dict[str, dict[str, str]]:
    try:
        gpu_check.main([*options, "--json", str(tmp_path / "gpu.json")])
    except SystemExit as ending:
        assert ending.code == 1
    kept = json.loads((tmp_path / "gpu.json").read_text())
    states: dict[str, dict[str, str]] = {}
    for row in kept["rows"]:
        states.setdefault(row["part"], {})[row["name"]] = row["state"]
    return states


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_rehearsal_reaches_every_part(tmp_path: Path) -> None:
    states = _states(
        [*TINY, "--budget", "550", "--presets", "davihd-debug", "--backbones", "cnn14", "davihd-mel"], tmp_path
    )
    assert set(states) == {"machine", "decode", "throughput", "workers", "training", "backbones"}
    assert states["throughput"] == {"davihd-debug": "ok"}
    assert set(states["workers"].values()) == {"ok"}
    assert states["training"] == {
        f"{name}, {short}": "not here" if short == "fp16" else "ok"
        for name in TRAINED
        for short in ("fp32", "bf16", "fp16")
    }
    assert states["backbones"] == {
        **{f"cnn14, {short}": "ok" for short in ("fp32", "bf16")},
        "cnn14, fp16": "not here",
        "davihd-mel, fp32": "ok",
    }


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_whole_rehearsal_has_no_fault(tmp_path: Path) -> None:
    states = _states([*TINY, "--budget", "1500", "--precisions", "fp32"], tmp_path)
    assert set(states["throughput"]) == set(gpu_check.PRESETS)
    assert {name.split(",")[0] for name in states["backbones"]} == set(NAMES)
    assert not {state for part in states.values() for state in part.values()} - {"ok", "not here"}
