"""TVSum and YouTube Highlights in their authors' own layouts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.datasets import DATASETS, Layout, open_dataset
from highlightr.datasets.originals import clip_ratings, second_ratings
from tests.training.files import RNG, lines, umt_features


def write_tvsum_mat(path: Path, videos: Sequence[tuple[str, float, np.ndarray]]) -> None:
    """The layout of ydata-tvsum50.mat as MATLAB's v7.3 writes it: (num_videos, 1) references, column-major data."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        table, store = file.create_group("tvsum50"), file.create_group("#refs#")
        for name in ("video", "title", "category", "length", "user_anno", "nframes", "gt_score"):
            column = table.create_dataset(name, (len(videos), 1), dtype=h5py.ref_dtype)
            for i, (vid, length, frames) in enumerate(videos):
                text = {"video": vid, "title": "A title", "category": "VT"}.get(name)
                if text is not None:
                    value = np.array([[ord(letter)] for letter in text], dtype=np.uint16)
                else:
                    value = {"length": np.array([[length]]), "user_anno": frames.T}.get(name, np.array([[1.0]]))
                column[i, 0] = store.create_dataset(f"{name}{i}", data=value).ref


def test_tvsum_from_the_original_mat(tmp_path: Path) -> None:
    per_shot = RNG.integers(1, 6, size=(5, 20)).astype(float)
    frames = np.repeat(per_shot, 60, axis=0)  # 10 s at 30 frames per second
    bad = frames.copy()
    bad[:60, 0] = 9  # the whole first clip
    write_tvsum_mat(tmp_path / "ydata-tvsum50.mat", [("AwmHb44_ouw", 10.0, frames), ("b", 10.0, bad)])
    umt_features(tmp_path, "AwmHb44_ouw", 5)
    layout = Layout("ydata-tvsum50.mat", DATASETS["tvsum"][1].streams, DATASETS["tvsum"][1].tokens)
    dataset = open_dataset("tvsum", tmp_path, layout)
    (item,) = dataset.items
    assert (item.video, item.query, item.group) == ("AwmHb44_ouw", "A title", "VT")
    np.testing.assert_array_equal(item.ratings, per_shot)
    assert "1 … 5, got 1 … 9" in dataset.problems[0].reason


def test_clip_ratings_read_the_middle_of_each_clip() -> None:
    frames = np.arange(25 * 7)[:, None].astype(float)  # 7 s at 25 frames per second: three whole clips
    assert clip_ratings(frames, 7.0).ravel().tolist() == [25, 75, 125]
    assert clip_ratings(frames[:3], 0.5).shape == (1, 1)


def test_second_ratings_lie_on_the_line_between_frames(tmp_path: Path) -> None:
    frames = np.repeat([[1.0], [5.0]], 30, axis=0)  # 2.9 s in 60 frames: seconds 0 and 1 are the first and the last
    assert second_ratings(frames, 2.9).ravel().tolist() == [1, 5]
    ramp = np.linspace(1, 5, 91)[:, None]
    np.testing.assert_allclose(second_ratings(ramp, 5.0).ravel(), [1, 2, 3, 4, 5])
    write_tvsum_mat(tmp_path / "x.mat", [("a", 5.0, np.repeat(ramp, 20, axis=1))])
    umt_features(tmp_path, "a", 5)
    streams = DATASETS["tvsum"][1].streams
    (item,) = open_dataset("tvsum", tmp_path, Layout("x.mat", streams, clip_seconds=1.0)).items
    assert (item.grid.num_clips, item.grid.clip_seconds) == (5, 1.0)
    np.testing.assert_allclose(item.labels, [0, 0.25, 0.5, 0.75, 1])
    with pytest.raises(ConfigError, match=r"on clips of 1 s or 2 s, got layout\.clip_seconds 3"):
        open_dataset("tvsum", tmp_path, Layout("x.mat", streams, clip_seconds=3.0))


def test_a_mat_of_another_layout_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    layout = Layout("x.mat", {})
    with h5py.File(tmp_path / "x.mat", "w") as file:
        file["tvsum50/video"] = np.zeros((2, 1))
    with pytest.raises(ConfigError, match=r"not ydata-tvsum50\.mat"):
        open_dataset("tvsum", tmp_path, layout)
    (tmp_path / "x.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.raises(ConfigError, match="not a readable HDF5 file"):
        open_dataset("tvsum", tmp_path, layout)


def test_youtube_highlights_from_json_lines_and_from_the_original_folders(tmp_path: Path) -> None:
    match = [1, 0, -1, 1]
    lines(tmp_path / "youtube_highlight_train_release.jsonl", [{"vid": "6bS6", "domain": "dog", "match": match}])
    for name, value in (
        ("dog/6bS6", [[[0, 100], [50, 150], [100, 200], [150, 250]], match]),
        ("dog/ragged", [[[0, 100]], match]),
        ("surfing/odd", [[[0, 100]], [7]]),
    ):
        path = tmp_path / "labels" / name / "match_label.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(value))
    (tmp_path / "labels/dog/empty").mkdir()
    umt_features(tmp_path, "6bS6", 4)
    default = DATASETS["youtube-highlights"][1]
    originals = open_dataset("youtube-highlights", tmp_path, Layout("labels", default.streams, default.tokens))
    (item,), (other,) = open_dataset("youtube-highlights", tmp_path).items, originals.items
    for found in (item, other):
        assert (found.video, found.query, found.group) == ("6bS6", "dog", "dog")
        assert found.labels.tolist() == [1, 0, 0, 1]
        assert found.ratings[:, 0].tolist() == match
    reasons = {problem.item: problem.reason for problem in originals.problems}
    assert "4 labels, but clips of shape (1, 2)" in reasons["dog/ragged"]
    assert "match labels are 1, 0 or -1" in reasons["surfing/odd"]
    assert "No such file" in reasons["dog/empty"]
