"""Commands by turns beside a bare decode: which clips fill the time, and what the page tells of a round."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import beside_decode
from benchmarks.beside_decode import WAYS, clips_for, main, rows_of
from benchmarks.made_video import make_video
from benchmarks.stitching import Picture
from docs.measurements import MEASUREMENTS
from highlightr.core.errors import ConfigError
from highlightr.media.ffmpeg import run_ffmpeg


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    clips = tmp_path / "clips"
    clips.mkdir()
    for name, size in (("a", 96), ("b", 98)):
        make_video(clips / f"{name}.mp4", 2.0, size, 64)
    run_ffmpeg(["-i", str(clips / "a.mp4"), "-an", "-c", "copy", str(clips / "silent.mp4")])
    (clips / "captions.csv").write_text("file,caption\na.mp4,a cat\nsilent.mp4,a dog\nb.mp4,a drum\n")
    return clips


def test_the_page_has_the_columns_of_the_benchmark() -> None:
    assert MEASUREMENTS["beside-decode"].columns == beside_decode.COLUMNS


def test_clips_with_sound_come_again_until_the_time_is_filled(folder: Path) -> None:
    names = [clip.path.name for clip in clips_for([folder], 7.0)]
    assert len(names) == 4
    assert names[:2] == names[2:]
    assert set(names) == {"a.mp4", "b.mp4"}


def test_without_a_clip_with_sound_there_is_nothing_to_measure(folder: Path) -> None:
    (folder / "captions.csv").write_text("file,caption\nsilent.mp4,a dog\n")
    with pytest.raises(ConfigError, match="no clip with sound"):
        clips_for([folder], 7.0)


def test_each_round_is_told_beside_its_own_decode() -> None:
    took = {name: {"wall_seconds": [2.0, 1.0], "peak_mib": 400.4} for name in WAYS}
    ways = {**took, "decode": {"wall_seconds": [4.0, 1.0]}, "`score`": {"wall_seconds": [3.0, 0.5]}}
    figures = {"videos": [{"gop_seconds": 2.0, "seconds": 290.2, "clips": 42, "ways": ways}]}
    assert rows_of(figures) == [
        ["290 s, 42 clips", "2 s", "0.50, 0.75", "0.50, 1.00", "0.50, 1.00", "0.50, 1.00", "400"]
    ]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_command_runs_on_a_joined_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside_decode, "PICTURE", Picture(width=128, height=72, frames_per_second=25))
    found = folder / "found.json"
    main(["--data", str(folder), "--seconds", "4", "--gops", "1", "--rounds", "1", "--json", str(found)])
    (row,) = rows_of(json.loads(found.read_text()))
    assert row[:2] == ["4 s, 2 clips", "1 s"]
    assert len(row) == len(beside_decode.COLUMNS)
