"""`highlightr summarize` from a file to its outputs: what is written, printed, and kept quiet about."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import av
import jsonschema
import pytest

from highlightr.core.types import Match
from highlightr.export.receipt_schema import receipt_schema
from highlightr.model_loader import Models
from tests.cli.run import Run
from tests.mediamaker import make_video

AWKWARD_NAMES = (
    "two words.mp4",
    'it\'s "quoted".mp4',
    "Ünïcode - 日本語 🎬.mp4",
    "-dash.mp4",
    "100%d %s.mp4",
    "concat:a|b.mp4",
    "http:example.mp4",
    "semi;colon & $(touch hacked) `touch hacked`.mp4",
    "[brackets] {braces} 'q.mp4",
)


def _seconds(path: Path) -> float:
    with av.open(f"file:{path}") as container:
        return max(float((frame.pts + (frame.duration or 0)) * frame.time_base) for frame in container.decode(video=0))


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_awkward_names_are_only_names(name: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    make_video(tmp_path / "plain.mp4", seconds=3.0).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    outcome = run("summarize", "--ratio", "0.5", "--quiet", "--", name)
    assert (outcome.code, outcome.out) == (0, ""), outcome.err
    stem = name.removesuffix(".mp4")
    made = {f"{stem}.summary.mp4", f"{stem}.summary.json", f"{stem}.summary.html"}
    assert {path.name for path in tmp_path.iterdir()} == made | {name}


def test_json_prints_the_receipt_alone(tmp_path: Path, run: Run) -> None:
    video = make_video(tmp_path / "video.mp4", seconds=4.0)
    outcome = run("summarize", video, "--duration", "2", "--json")
    assert outcome.code == 0, outcome.err
    printed = json.loads(outcome.out)
    assert printed == json.loads((tmp_path / "video.summary.json").read_text())
    jsonschema.validate(printed, receipt_schema())
    assert len(printed["scores"]) == 4
    assert sum(part["stop_seconds"] - part["start_seconds"] for part in printed["segments"]) <= 2 + 1e-6


def test_a_person_sees_what_was_chosen_and_where_it_is(tmp_path: Path, run: Run) -> None:
    video = make_video(tmp_path / "video.mp4", seconds=4.0)
    outcome = run("summarize", video, "--ratio", "0.5", "--clips", tmp_path / "clips")
    assert outcome.code == 0, outcome.err
    for word in ("score", "video.summary.mp4", "video.summary.json", "video.summary.html", "of 4.0 s"):
        assert word in outcome.out
    assert "Watching and listening" in outcome.err
    names = sorted(path.name for path in (tmp_path / "clips").iterdir())
    assert names[0].startswith("01 0-0")
    assert all(name.endswith(".mp4") for name in names)


def test_strict_leaves_with_3_and_writes_nothing(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    video = make_video(tmp_path / "video.mp4", seconds=4.0)
    score = Models.score
    monkeypatch.setattr(Models, "score", lambda *given: replace(score(*given), match=Match("none", 0.02)))
    outcome = run("summarize", video, "-q", "a zebra", "--strict", "--clips", tmp_path / "clips")
    assert outcome.code == 3
    assert "nothing in this video seems to be 'a zebra'" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]


@pytest.mark.parametrize("sound", [True, False], ids=["sound", "silent"])
def test_a_blink_of_a_video_is_kept_whole(sound: bool, tmp_path: Path, run: Run) -> None:
    video = make_video(tmp_path / "blink.mp4", seconds=0.2, sound=sound)
    outcome = run("summarize", video, "--query", "a dog", "--duration", "5", "--quiet")
    assert outcome.code == 0, outcome.err
    receipt = json.loads((tmp_path / "blink.summary.json").read_text())
    assert [(part["start_seconds"], part["stop_seconds"]) for part in receipt["segments"]] == [(0, 0.2)]
    assert _seconds(tmp_path / "blink.summary.mp4") == pytest.approx(0.2, abs=0.05)


def test_overwrite_replaces_all_three(tmp_path: Path, run: Run) -> None:
    video = make_video(tmp_path / "video.mp4", seconds=2.0)
    for suffix in ("mp4", "json", "html"):
        (tmp_path / f"video.summary.{suffix}").write_text("old")
    assert run("summarize", video, "--overwrite", "--quiet").code == 0
    assert all((tmp_path / f"video.summary.{suffix}").stat().st_size > 100 for suffix in ("mp4", "json", "html"))


def test_copy_says_how_far_boundaries_moved(tmp_path: Path, run: Run) -> None:
    video = make_video(tmp_path / "video.mp4", seconds=6.0)
    outcome = run("summarize", video, "--duration", "2", "--copy", "--json")
    assert outcome.code == 0, outcome.err
    cut = json.loads(outcome.out)["cut"]
    assert {piece["method"] for piece in cut["pieces"]} == {"copied"}
    segments = json.loads(outcome.out)["segments"]
    assert len(cut["pieces"]) == len(segments)
    for piece, segment in zip(cut["pieces"], segments, strict=True):
        moved = piece["start_seconds"] - segment["start_seconds"]
        assert piece["start_moved_seconds"] == pytest.approx(moved, abs=1e-5)


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    video = make_video(tmp_path / "video.mp4", seconds=2.0)
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\necho 'the disk is on fire' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("HIGHLIGHTR_FFMPEG", str(broken))
    outcome = run("summarize", video, "--quiet")
    assert outcome.code == 1
    assert "the disk is on fire" in outcome.err
    assert {path.name for path in tmp_path.iterdir()} == {"video.mp4", "ffmpeg"}
