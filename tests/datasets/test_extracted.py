"""The plain format with extracted features: from the CSV to a trained network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import TimeGrid
from highlightr.datasets import Layout, open_dataset
from highlightr.training.runs import train
from tests.training import moments
from tests.training.files import rows, save

HEADER = "file,start_seconds,stop_seconds,query,score\n"


def folder(root: Path, text: str, videos: int = 1, clips: int = 4) -> Path:
    """`videos` empty files with features of `clips` clips of 1 s, the last one half as long."""
    for index in range(videos):
        (root / f"v{index}.mp4").write_bytes(b"")
        path = root / f"features/clip_features/v{index}.npz"
        save(path, rows(clips, moments.WIDTH))
        about = {"duration_seconds": clips - 0.5, "clip_seconds": 1.0}
        path.with_name(f"{path.name}.json").write_text(json.dumps(about))
    (root / "moments.csv").write_text(HEADER + text)
    return root


def test_clips_are_those_of_the_extraction(tmp_path: Path) -> None:
    text = "v0.mp4,1,3,topic 0,\nv0.mp4,3.6,4,topic 0,0.4\nv0.mp4,3,4,,0.5\ngone.mp4,0,1,,\n"
    dataset = open_dataset("plain", folder(tmp_path, text))
    assert [item.key for item in dataset.items] == ["v0.mp4#topic 0", "v0.mp4"]
    first, second = dataset
    assert first.item.grid == TimeGrid(3.5, 1.0)
    assert first.labels.tolist() == pytest.approx([0, 1, 1, 0])  # the last clip's center is 3.25
    assert second.labels.tolist() == pytest.approx([0, 0, 0, 0.5])
    assert second.item.ratings[:, 0].tolist() == [0, 0, 0, 1]
    assert first.item.video == second.item.video == "v0"
    assert [problem.item for problem in dataset.problems] == ["gone.mp4"]


def test_features_of_other_programs_need_a_clip_length(tmp_path: Path) -> None:
    root = folder(tmp_path, "v0.mp4,2,4,,\n")
    (root / "features/clip_features/v0.npz.json").unlink()
    with pytest.raises(ConfigError, match=r"set data\.layout\.clip_seconds"):
        open_dataset("plain", root)
    layout = Layout(".", {"clip": "features/clip_features/{video}.npz"}, clip_seconds=2.0)
    assert open_dataset("plain", root, layout)[0].labels.tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ("{}", "must hold duration_seconds and clip_seconds"),
        ("[1]", "must hold duration_seconds and clip_seconds"),
        ('{"duration_seconds": -1, "clip_seconds": 1}', "duration_seconds must be a positive number"),
        ('{"duration_seconds": 1e9, "clip_seconds": 1e-3}', "4 rows, but its metadata says"),
    ],
)
def test_metadata_that_cannot_be_right(tmp_path: Path, about: str, message: str) -> None:
    root = folder(tmp_path, "v0.mp4,2,4,,\n")
    (root / "features/clip_features/v0.npz.json").write_text(about)
    with pytest.raises(ConfigError, match=message):
        open_dataset("plain", root)
    with pytest.raises(ConfigError, match=r"needs data\.layout\.streams"):
        open_dataset("plain", root, Layout(".", {}))


def test_a_scorer_is_trained_on_it(tmp_path: Path) -> None:
    text = "".join(f"v{i}.mp4,{i % 3},{i % 3 + 2},topic {i % 2},\n" for i in range(8))
    root = folder(tmp_path, text, videos=8)
    chosen = moments.config(**{"data.name": "plain", "epochs": 1})
    (run,) = train(chosen, root, tmp_path / "out", device="cpu", queries=moments.queries()).runs
    assert (run.sizes["train"], run.sizes["validation"], run.sizes["test"], run.sizes["problems"]) == (4, 2, 2, 0)
    assert 0 < run.metrics["map"] <= 100
