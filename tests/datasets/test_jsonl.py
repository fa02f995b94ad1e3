"""Every data set on small generated files of its true layout: shapes, targets, problems, splits."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import TimeGrid
from highlightr.datasets import DATASETS, Layout, open_dataset
from highlightr.evaluation import Case, evaluate_cases, find_protocol
from tests.training.files import charades_folder, lines, mrhisum_folder, qvhighlights_folder, rows, save, umt_features


def test_qvhighlights(tmp_path: Path) -> None:
    dataset = open_dataset("qvhighlights", qvhighlights_folder(tmp_path))
    assert len(dataset) == 3
    assert not dataset.problems
    assert dataset.widths == {"slowfast": 23, "clip": 5, "cnn14": 7, "tokens": 5}
    example = dataset[1]
    assert {name: values.shape for name, values in example.streams.items()} == {
        "slowfast": (5, 23),
        "clip": (5, 5),
        "cnn14": (5, 7),
    }
    assert example.tokens is not None
    assert example.tokens.shape == (4, 5)
    assert example.labels.tolist() == pytest.approx([0, 1, 0, 0.25, 0])
    assert example.item.query == "query 1"
    assert example.item.ratings.shape == (5, 3)


def test_examples_feed_the_scorers_and_the_protocol(tmp_path: Path) -> None:
    dataset = open_dataset("qvhighlights", qvhighlights_folder(tmp_path))
    assert dataset[0].features().grid == TimeGrid(10.0, 2.0)
    report = evaluate_cases(
        find_protocol("qvhighlights"), [Case.of(example.item, example.labels) for example in dataset]
    )
    assert report.metrics["very_good_map"] == 100


def test_problems_are_named_and_the_rest_is_used(tmp_path: Path) -> None:
    root = qvhighlights_folder(tmp_path, 6)
    (root / "features/clip_features/-v0_0.0_10.0.npz").unlink()
    save(root / "features/clip_features/-v1_0.0_10.0.npz", rows(5, 6))  # another width, but it is the first one seen
    save(root / "features/clip_features/-v2_0.0_10.0.npz", rows(5, 6))
    (root / "features/pann_features/-v3_0.0_10.0.npy").write_bytes(b"not numpy")
    path = root / "highlight_train_release.jsonl"
    text = path.read_text().splitlines()
    text[5] = json.dumps({"qid": 5, "vid": "x", "duration": 10, "query": "no ratings"})
    path.write_text("\n".join([*text, "{broken", text[4]]))
    for i in (3, 4, 5):
        save(root / f"features/clip_features/-v{i}_0.0_10.0.npz", rows(5, 6))
    dataset = open_dataset("qvhighlights", root)
    assert [item.key for item in dataset.items] == ["1", "2", "4"]
    reasons = {problem.item: problem.reason for problem in dataset.problems}
    assert "No such file" in reasons["0"]
    assert "not a numpy array" in reasons["3"]
    assert "no 'relevant_clip_ids'" in reasons["highlight_train_release.jsonl, line 6"]
    assert "not JSON" in reasons["highlight_train_release.jsonl"]
    assert "'4' was given before" in reasons["highlight_train_release.jsonl, line 8"]
    assert len(dataset) + len(dataset.problems) == 8


def test_another_width_is_a_problem(tmp_path: Path) -> None:
    root = qvhighlights_folder(tmp_path)
    save(root / "features/clip_features/-v2_0.0_10.0.npz", rows(5, 6))
    (problem,) = open_dataset("qvhighlights", root).problems
    assert problem.item == "2"
    assert "'clip' has width 6, other items 5" in problem.reason


def test_streams_are_cut_to_the_shortest_and_a_large_cut_is_on_record(tmp_path: Path) -> None:
    root = qvhighlights_folder(tmp_path)
    save(root / "features/pann_features/-v0_0.0_10.0.npy", rows(4, 7))
    save(root / "features/pann_features/-v1_0.0_10.0.npy", rows(2, 7))
    save(root / "features/pann_features/-v2_0.0_10.0.npy", rows(9, 7))
    dataset = open_dataset("qvhighlights", root)
    assert [example.num_clips for example in dataset] == [4, 2, 5]
    assert dataset[1].item.ratings.shape == (5, 3)  # what is judged stays whole
    (problem,) = dataset.problems
    assert (problem.item, problem.used) == ("1", True)
    assert "cut from 5 to 2 clips" in problem.reason


def test_no_usable_item_is_an_error_with_the_first_reason(tmp_path: Path) -> None:
    root = qvhighlights_folder(tmp_path, 1)
    (root / "features/clip_features/-v0_0.0_10.0.npz").unlink()
    with pytest.raises(
        ConfigError, match=r"no item of qvhighlights can be used \(1 problems; the first: .*No such file"
    ):
        open_dataset("qvhighlights", root)


def test_tvsum(tmp_path: Path) -> None:
    ratings = np.ones((4, 20))
    ratings[1] = 5
    ratings[2, :10] = 3
    record = {"vid": "akI8", "query": "a title", "duration": 4, "label": ratings.tolist(), "domain": "VU"}
    lines(tmp_path / "tvsum_train_release.jsonl", [record, record | {"vid": "b", "label": (ratings + 1).tolist()}])
    umt_features(tmp_path, "akI8", 4)
    dataset = open_dataset("tvsum", tmp_path)
    assert dataset[0].labels.tolist() == pytest.approx([0, 1, 0.25, 0])
    assert dataset[0].item.group == "VU"
    assert dataset[0].item.grid == TimeGrid(8.0, 2.0)
    assert dataset.widths == {"i3d_rgb": 10, "i3d_flow": 10, "cnn14": 20, "tokens": 5}
    assert "ratings lie in 1 … 5, got 2 … 6" in dataset.problems[0].reason


def test_mrhisum(tmp_path: Path) -> None:
    layout = DATASETS["mrhisum"][1]
    two = Layout(
        layout.annotations,
        {**layout.streams, "cnn14": "panns.h5"},
        split="train",
        split_file=layout.split_file,
    )
    dataset = open_dataset("mrhisum", mrhisum_folder(tmp_path), two)
    assert dataset.widths == {"inception-yt8m": 8, "cnn14": 4}
    assert dataset[0].num_clips == 19
    assert dataset[0].item.query is None
    assert dataset[0].item.summary is not None
    assert dataset[0].item.summary.sum() == 3
    reasons = {problem.item: problem.reason for problem in dataset.problems}
    assert set(reasons) == {"video_2", "gone"}
    assert "'gtscore' must lie in [0, 1]" in reasons["video_2"]
    assert "no video 'gone'" in reasons["gone"]


def test_mrhisum_splits(tmp_path: Path) -> None:
    layout = DATASETS["mrhisum"][1]
    root = mrhisum_folder(tmp_path)

    def split(name: str | None) -> Layout:
        return Layout(layout.annotations, layout.streams, split=name, split_file=layout.split_file)

    assert [item.key for item in open_dataset("mrhisum", root, split("val")).items] == ["video_1"]
    with pytest.raises(ConfigError, match="test_keys must be a list of names"):
        open_dataset("mrhisum", root, split("test"))
    with pytest.raises(ConfigError, match="a split of train, val, test, got 'all'"):
        open_dataset("mrhisum", root, split("all"))


def test_charades(tmp_path: Path) -> None:
    dataset = open_dataset("charades", charades_folder(tmp_path))
    assert [item.key for item in dataset.items] == ["4", "5"]
    assert dataset[0].labels.tolist() == [0, 1, 1, 0, 0, 0]
    assert dataset[0].streams["clip"].shape == (6, 9)
    assert dataset[0].streams["clip"].dtype == np.float32
    assert dataset.videos == ("AMT7R",)
    assert len(dataset.problems) == 4
    late = "line 6: a window begins at 5.2 s, and AMT7R ends at 5.2 s"
    for part in ("0 <= start < stop", "'query' must be a text", "longer than a week", late):
        assert any(part in problem.reason for problem in dataset.problems)


@pytest.mark.realdata
def test_charades_reads_the_real_folder(real_data: Path) -> None:
    dataset = open_dataset("charades", real_data / "charades_clip")
    assert (len(dataset), len(dataset.videos), dataset.problems) == (2785, 1000, ())
    example = dataset[0]
    np.testing.assert_allclose(np.linalg.norm(example.streams["clip"], axis=1), 1, atol=1e-2)
    assert example.num_clips == example.item.grid.num_clips


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "file", "count"),
    [
        ("qvhighlights", "highlight_val_release.jsonl", 1550),
        ("tvsum", "tvsum_val_release.jsonl", 10),
        ("youtube-highlights", "youtube_highlight_val_release.jsonl", 152),
    ],
)
def test_real_annotations_are_read_without_a_problem(real_data: Path, name: str, file: str, count: int) -> None:
    dataset = open_dataset(name, real_data / "annotations", Layout(file, {}))
    assert len(dataset) == count
    assert dataset.problems == ()


@pytest.mark.parametrize("duration", [10**400, -(10**400), True, "4", 0])
def test_a_duration_that_is_no_number_costs_its_line_alone(duration: object, tmp_path: Path) -> None:
    records = [{"qid": i, "vid": "v", "query": "q", "duration": 4, "window": [1, 2]} for i in range(2)]
    lines(tmp_path / "moments.jsonl", [records[0], {**records[1], "duration": duration}])
    dataset = open_dataset("charades", tmp_path, Layout("moments.jsonl", {}))
    assert [item.key for item in dataset.items] == ["0"]
    assert "line 2: 'duration' must be a positive number" in str(dataset.problems[0])


def test_splits_and_folds_keep_a_video_on_one_side(tmp_path: Path) -> None:
    records = [
        {"qid": i, "vid": f"v{i // 3}", "query": "q", "duration": 4, "window": [1, 2]} for i in range(30)
    ]  # ten videos, three queries each
    lines(tmp_path / "moments.jsonl", records)
    dataset = open_dataset("charades", tmp_path, Layout("moments.jsonl", {}))
    rest, held_out = dataset.split_by_video(0.3, seed=1)
    assert (len(rest), len(held_out)) == (21, 9)
    assert not set(rest.videos) & set(held_out.videos)
    assert held_out.videos == dataset.split_by_video(0.3, seed=1)[1].videos
    assert held_out.videos != dataset.split_by_video(0.3, seed=2)[1].videos
    folds = dataset.folds(5)
    assert sorted(video for _, fold in folds for video in fold.videos) == sorted(dataset.videos)
    for rest, fold in folds:
        assert len(rest) + len(fold) == 30
        assert not set(rest.videos) & set(fold.videos)
    with pytest.raises(ConfigError, match="leaves one side empty"):
        dataset.split_by_video(0.01)
    with pytest.raises(ConfigError, match="not 11"):
        dataset.folds(11)


def test_a_dataset_goes_to_worker_processes(tmp_path: Path) -> None:
    dataset = open_dataset("mrhisum", mrhisum_folder(tmp_path))
    copy = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(copy[0].streams["inception-yt8m"], dataset[0].streams["inception-yt8m"])


def test_an_unknown_data_set_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="known: qvhighlights, tvsum"):
        open_dataset("ucf", tmp_path)
