"""The plain format with extracted features: from the CSV to a trained network."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import TimeGrid
from highlightr.datasets import Layout, open_dataset
from highlightr.datasets.extracted import extracted_layout
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
    text = "v0.mp4,1,3,topic 0,\nv0.mp4,3.4,4,topic 0,0.4\nv0.mp4,3,4,,0.5\ngone.mp4,0,1,,\n"
    dataset = open_dataset("plain", folder(tmp_path, text))
    assert [item.key for item in dataset.items] == ["v0.mp4#topic 0", "v0.mp4"]
    first, second = dataset
    assert first.item.grid == TimeGrid(3.5, 1.0)
    assert first.labels.tolist() == pytest.approx([0, 1, 1, 0])  # the last clip's center is 3.25
    assert second.labels.tolist() == pytest.approx([0, 0, 0, 0.5])
    assert second.item.ratings[:, 0].tolist() == [0, 0, 0, 1]
    assert first.item.video == second.item.video == "v0"
    assert [problem.item for problem in dataset.problems] == ["gone.mp4"]


def test_what_begins_behind_the_end_of_its_video_is_no_lesson(tmp_path: Path) -> None:
    """Its clips would be taught that nothing is there to see."""
    text = "v0.mp4,1,3,topic 0,\nv0.mp4,3.5,4,topic 0,\nv0.mp4,40,50,topic 1,\nv0.mp4,3,99,topic 2,\n"
    dataset = open_dataset("plain", folder(tmp_path, text))
    assert [item.key for item in dataset.items] == ["v0.mp4#topic 0", "v0.mp4#topic 2"]
    assert [str(problem).partition(": ")[2] for problem in dataset.missing] == [
        "begins at 3.5 s, and v0.mp4 ends at 3.5 s",
        "moments.csv, line 4: begins at 40 s, and v0.mp4 ends at 3.5 s",
    ]


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
        (f'{{"duration_seconds": 1{"0" * 400}, "clip_seconds": 1}}', "must hold duration_seconds and clip_seconds"),
        ('{"duration_seconds": 1e9, "clip_seconds": 1e-310}', "hold too many clips of 1e-310 s"),
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


def test_a_query_is_no_part_of_a_file_name(tmp_path: Path) -> None:
    queries = ["a man and/or a dog", "AC\\\\DC", "very " * 60 + "long"]
    root = folder(tmp_path, "".join(f"v0.mp4,1,3,{query},\n" for query in queries))
    assert [item.query for item in open_dataset("plain", root).items] == queries


def test_two_videos_of_one_name_are_not_given_one_s_features(tmp_path: Path) -> None:
    root = folder(tmp_path, "v0.mp4,1,3,,\nmore/v0.mp4,1,3,,\nv1.mp4,1,3,,\nv1.mkv,0,1,,\nv2.mp4,0,1,,\n", videos=3)
    dataset = open_dataset("plain", root)
    assert [item.key for item in dataset.items] == ["v2.mp4"]
    assert sum("have one name" in problem.reason for problem in dataset.missing) == 4


def test_streams_of_other_clips_are_not_laid_side_by_side(tmp_path: Path) -> None:
    root = folder(tmp_path, "v0.mp4,1,3,,\nv1.mp4,1,3,,\n", videos=2)
    for video, seconds in (("v0", 1.0), ("v1", 2.0)):
        path = root / f"features/sound/{video}.npz"
        save(path, rows(4 if seconds == 1 else 2, 3))
        about = {"duration_seconds": 3.5, "clip_seconds": seconds}
        path.with_name(f"{path.name}.json").write_text(json.dumps(about))
    layout = Layout(".", {"clip": "features/clip_features/{video}.npz", "sound": "features/sound/{video}.npz"})
    dataset = open_dataset("plain", root, layout)
    assert [item.key for item in dataset.items] == ["v0.mp4"]
    assert "sound has clips of 2 s and clip of 1 s" in dataset.missing[0].reason
    save(root / "features/sound/v0.npz", rows(3, 3))
    with pytest.raises(ConfigError, match="3 rows, but its metadata says 4 clips"):
        open_dataset("plain", root, layout)


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
def test_a_name_of_other_bytes_is_not_where_all_videos_are(tmp_path: Path) -> None:
    root = folder(tmp_path, "v0.mp4,1,3,,\nv1.mp4,1,3,,\n", videos=2)
    place = root / "features/clip_features"
    for stem in ("v0", "v1", os.fsdecode(b"a\xff")):
        about = {
            "kind": "stream",
            "stream": "clip",
            "video": {"name": f"{stem}.mp4".encode("utf-8", "replace").decode()},
        }
        (place / f"{stem}.npz.json").write_text(json.dumps(about))
    found = extracted_layout(root)
    assert found is not None
    assert found.streams == {"clip": "features/clip_features/{video}.npz"}
