"""Ways side by side on a tiny file: what each finds is judged, and one that fails says so."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest

from benchmarks import beside_others, other_ways
from benchmarks.beside_others import LABELS, Way, measure, rows_of, run_once, share_inside, shot_quality
from benchmarks.made_video import make_video
from benchmarks.stitching import Captioned, Picture
from docs.measurements import MEASUREMENTS
from highlightr.core.errors import ConfigError
from highlightr.core.types import Segment


def test_the_page_has_the_columns_of_the_benchmark() -> None:
    assert MEASUREMENTS["beside-others"].columns == beside_others.COLUMNS
    assert set(LABELS) == {"decode", "highlightr-summarize", *other_ways.WAYS}


def test_shots_and_moments_are_judged_by_hand() -> None:
    spans = [(0.0, 4.0), (4.0, 9.0), (9.0, 12.0)]
    assert shot_quality([2.0, 4.08, 9.3], spans) == {"joins": 50.0, "elsewhere": 2.0}
    assert shot_quality([], spans[:1]) == {"joins": 0.0, "elsewhere": 0.0}
    assert share_inside([Segment(3.0, 5.0, 1.0), Segment(8.0, 10.0, 1.0)], (4.0, 9.0)) == 0.5
    assert share_inside([], (4.0, 9.0)) == 0.0


def test_a_way_that_fails_says_why_and_is_not_tried_again(tmp_path: Path) -> None:
    way, output = Way(), tmp_path / "found.json"
    run_once(way, [sys.executable, "-c", "import sys; sys.exit('no such thing')"], output)
    run_once(way, [sys.executable, "-c", "open('never', 'w')"], output)
    assert (way.failure, len(way.wall_seconds), way.processor_seconds) == ("no such thing", 1, [])


def test_pyscenedetect_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scenedetect", None)
    with pytest.raises(ConfigError, match="run `pip install scenedetect`"):
        other_ways.scene_detection(Path("video.mp4"), "ContentDetector")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_way_on_a_joined_file(tmp_path: Path) -> None:
    clips = [Captioned(tmp_path / f"{number}.mp4", caption) for number, caption in enumerate(("a cat", "a drum"))]
    for number, clip in enumerate(clips):
        make_video(clip.path, 3.0, 96 + 2 * number, 64)
    options = argparse.Namespace(
        rounds=1, ways=list(LABELS), picture=Picture(width=128, height=72, frames_per_second=25)
    )
    figures = {"ways": {name: vars(way) for name, way in measure(clips, options, tmp_path).items()}}
    failed = {name for name, way in figures["ways"].items() if way["failure"]}
    assert failed <= {"scenedetect-content", "scenedetect-adaptive", "scenedetect-split"}
    assert figures["ways"]["highlightr-score"]["quality"].keys() == {"joins", "elsewhere", "best second"}
    assert figures["ways"]["highlightr-summarize"]["quality"].keys() == {"right"}
    assert all(len(row) == len(beside_others.COLUMNS) for row in rows_of(json.loads(json.dumps(figures))))
