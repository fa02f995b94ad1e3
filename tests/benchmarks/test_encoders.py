"""Encoders compared at equal quality: by hand, and on a small video."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import encoders
from benchmarks.encoders import Point, at_quality, encoders_table
from benchmarks.made_video import make_video


def test_between_two_points_size_is_logarithmic_and_time_is_not() -> None:
    points = [Point("a", 26, 80.0, 100.0, 1.0, 2.0), Point("a", 20, 90.0, 400.0, 3.0, 4.0)]
    found = at_quality(points, 85.0)
    assert found == pytest.approx({"kilobytes": 200.0, "wall_seconds": 2.0, "processor_seconds": 3.0})
    assert at_quality(points, 95.0) is at_quality(points[:1], 80.0) is None
    table = encoders_table(Point("shipped", 20, 85.0, 400.0, 1.0, 1.0), [*points, Point("b", 20, 99.0, 1.0, 1.0, 1.0)])
    assert "| a | 50 % | 2.00 | 3.00 |" in table
    assert "| b | - | - | - |" in table


@pytest.mark.slow
def test_a_whole_comparison(tmp_path: Path) -> None:
    make_video(tmp_path / "made.mp4", 1.0, 320, 180)
    asked = ["--presets", "superfast", "--threads", "1", "--qualities", "17", "24", "--json", str(tmp_path / "e.json")]
    encoders.main([str(tmp_path / "made.mp4"), *asked])
    figures = json.loads((tmp_path / "e.json").read_text())
    names = {each["setting"] for each in figures["points"]}
    assert {"superfast", "superfast, 1 threads"} <= names
    for name in names:
        low, high = (each for each in figures["points"] if each["setting"] == name)
        assert low["quality"] > high["quality"]
        assert low["kilobytes"] > high["kilobytes"]
