"""The public releases as downloaded: what is found in each layout, what holes do. tests/cli/test_train.py runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from highlightr.core.errors import ConfigError
from highlightr.datasets import RELEASES, Dataset, open_dataset
from highlightr.datasets.releases import recognised
from highlightr.datasets.umt import umt_splits
from highlightr.evaluation import evaluate_files
from highlightr.training.config import TrainConfig
from highlightr.training.runs import TrainResult, train
from highlightr.training.splits import open_parts
from tests.training.files import rows, save
from tests.training.releases import CLIPS, line_labels, mrhisum, qvhighlights, umt_set


def once(config: TrainConfig, root: Path, **options: bool) -> TrainResult:
    return train(config, root, root / "out", device="cpu", **options)


@pytest.mark.parametrize("release", RELEASES)
def test_a_release_is_recognised_and_every_file_of_it_found(tmp_path: Path, release: str) -> None:
    config = qvhighlights(tmp_path, release)
    assert recognised("qvhighlights", tmp_path) == release
    assert [len(part) for part in parts_of(config, tmp_path)] == [10, 10, 10]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", ["tvsum", "youtube-highlights"])
def test_umt_label_files_with_its_splits(tmp_path: Path, release: str, name: str) -> None:
    learned, held, judged = parts_of(umt_set(tmp_path, release, name), tmp_path)
    assert (len(learned) + len(held), len(judged)) == (8, 2)


def parts_of(config: TrainConfig, root: Path) -> list[Dataset]:
    """Training, validation and test part, of which nothing is missing."""
    parts = open_parts(config.data, root)
    assert not any(parts.missing.values())
    return [part for part in (parts.train, parts.validation, parts.test) if part is not None]


def test_mrhisum_without_features_says_what_adds_them(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    config = mrhisum(tmp_path, "repository")
    with h5py.File(tmp_path / "dataset/mr_hisum.h5", "a") as file:
        for video in file:
            del file[video]["features"]
    with pytest.raises(ConfigError, match=r"no features for the train split.*preprocess\.py of MR\.HiSum adds them"):
        open_parts(config.data, tmp_path)


def test_holes_inside_the_hdf5_file_are_counted(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    config = mrhisum(tmp_path, "flat")
    with h5py.File(tmp_path / "mr_hisum.h5", "a") as file:
        del file["video_0"], file["video_8/features"], file["video_5/gtscore"]
    missing = open_parts(config.data, tmp_path).missing
    assert {part: [each.item for each in items] for part, items in missing.items()} == {
        "train": ["video_0"],
        "validation": ["video_5"],
        "test": ["video_8"],
    }


def test_mrhisum_without_sound_names_where_it_was_looked_for(tmp_path: Path) -> None:
    config = mrhisum(tmp_path, "flat")
    (tmp_path / "panns.h5").unlink()
    with pytest.raises(ConfigError, match=r"cnn14_16k/video_0\.npy: cannot be read \(No such file"):
        open_parts(config.data, tmp_path)


def test_holes_are_counted_by_part_and_a_figure_on_a_part_is_refused(tmp_path: Path) -> None:
    config = qvhighlights(tmp_path, "lighthouse")
    for number in (0, 1, 12, 20, 21, 22, 23, 24):
        (tmp_path / f"features/qvhighlight/slowfast/v{number}_0.0_12.0.npz").unlink()
    with pytest.raises(ConfigError, match=r"5 of the 10 test items cannot be used \(20, 21, .*No such file.*--allow-m"):
        once(config, tmp_path)
    assert not (tmp_path / "out").exists()
    result = once(config, tmp_path, allow_missing=True)
    (run,) = result.runs
    assert dict(run.missing) == {"train": 2, "validation": 1, "test": 5}
    assert any(note.startswith("train: 2 of 10 items are missing: 0, 1;") for note in result.notes)
    assert all("(5 of 10 test items)" in row.name for row in (result.row, *result.baselines))
    assert "(5 of 10 test items)" in json.dumps(json.loads((result.folder / "report.json").read_text()))


def test_a_missing_file_moves_no_video_to_another_part(tmp_path: Path) -> None:
    umt_set(tmp_path, "umt", "tvsum")
    parts = open_dataset("tvsum", tmp_path).split_by_video(0.25, 1)
    gone = parts[0].videos[0]
    (tmp_path / f"audio_features/{gone}.npy").unlink()
    rest, held = open_dataset("tvsum", tmp_path).split_by_video(0.25, 1)
    assert held.videos == parts[1].videos
    assert [each.item for each in rest.missing] == [gone]


@pytest.mark.parametrize("make", [lambda root: qvhighlights(root, "umt"), lambda root: umt_set(root, "umt", "tvsum")])
def test_without_any_sound_it_trains_on_what_is_there(tmp_path: Path, make: Callable[[Path], TrainConfig]) -> None:
    config = make(tmp_path)
    for folder in (*tmp_path.glob("pann_features"), *tmp_path.glob("audio_features")):
        folder.rename(tmp_path / "elsewhere")
    result = once(config, tmp_path)
    assert any("no sound" in note for note in result.notes)
    assert result.runs[0].metrics


def test_queries_without_public_labels_train_without_test_figures(tmp_path: Path) -> None:
    config = qvhighlights(tmp_path, "umt")
    (tmp_path / "highlight_test_with_gt.jsonl").rename(tmp_path / "highlight_test_release.jsonl")
    result = once(config, tmp_path)
    assert not result.runs[0].metrics
    assert any("highlight_test_with_gt.jsonl" in note for note in result.notes)


def test_a_release_can_be_given_and_own_splits_too(tmp_path: Path) -> None:
    config = umt_set(tmp_path, "umt", "tvsum")
    with pytest.raises(ConfigError, match="features/tvsum/i3d"):
        once(config.changed({"data.release": "lighthouse"}), tmp_path)
    with pytest.raises(ConfigError, match=r"data\.release must be one of"):
        config.changed({"data.release": "mine"})
    labels = json.loads((tmp_path / "tvsum_anno.json").read_text())
    renamed = {f"own{i}": record for i, record in enumerate(labels.values())}
    (tmp_path / "tvsum_anno.json").write_text(json.dumps(renamed))
    with pytest.raises(ConfigError, match=r"names none of its 10 videos; correct splits\.json"):
        open_dataset("tvsum", tmp_path)
    for i, video in enumerate(labels):
        for path in tmp_path.glob(f"*_features/{video}*"):
            path.rename(path.with_name(path.name.replace(video, f"own{i}")))
    (tmp_path / "splits.json").write_text(
        json.dumps({"all": {"train": [f"own{i}" for i in range(8)], "val": ["own8"]}})
    )
    (run,) = once(config, tmp_path).runs
    assert run.sizes["test"] == 1


def test_splits_are_read_and_never_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing says which videos are for training .*static\.py"):
        umt_splits("tvsum", tmp_path)
    (tmp_path / "static.py").write_text("TVSUM_SPLITS = __import__('os').mkdir('run')")
    with pytest.raises(ConfigError, match=r"static\.py: not a file of split lists"):
        umt_splits("tvsum", tmp_path)
    (tmp_path / "static.py").write_text("YOUTUBE_SPLITS = {}")
    with pytest.raises(ConfigError, match=r"static\.py: no TVSUM_SPLITS in it"):
        umt_splits("tvsum", tmp_path)
    (tmp_path / "static.py").write_text("TVSUM_SPLITS = {'BK': {'train': ['a'], 'val': ['b']}}")
    assert umt_splits("tvsum", tmp_path) == {"BK": {"train": ["a"], "val": ["b"]}}
    (tmp_path / "splits.json").write_text('{"BK": {"train": ["b"], "test": []}}')
    with pytest.raises(ConfigError, match=r"'BK' must hold lists of videos named train and val"):
        umt_splits("tvsum", tmp_path)


@pytest.mark.parametrize(
    ("name", "annotations"),
    [
        ("qvhighlights", "data/highlight_test_with_gt.jsonl"),
        ("youtube-highlights", "youtube_highlight_val_release.jsonl"),
        ("mrhisum", "mr_hisum.h5"),
    ],
)
def test_evaluate_reads_the_predictions_that_a_training_leaves(tmp_path: Path, name: str, annotations: str) -> None:
    if name == "mrhisum":
        config = mrhisum(tmp_path, "extract")
        save(tmp_path / "cnn14_16k/video_7.npy", rows(CLIPS - 1, 4))  # Its last second gets no score.
    else:
        config = qvhighlights(tmp_path, "moment-detr") if name == "qvhighlights" else line_labels(tmp_path, "umt", name)
    (run,) = once(config, tmp_path).runs
    found = evaluate_files(config.protocol, run.folder / "predictions.jsonl", tmp_path / annotations)
    assert found.metrics == pytest.approx(dict(run.metrics))


def test_one_domain_can_be_trained_alone(tmp_path: Path) -> None:
    config = line_labels(tmp_path, "moment-detr", "tvsum").changed({"data.group": "b"})
    (run,) = once(config, tmp_path).runs
    assert run.sizes["test"] == 1
    assert set(run.metrics) == {"map", "map/b"}


@pytest.mark.parametrize(("make", "release"), [(qvhighlights, "moment-detr"), (mrhisum, "flat")])
def test_a_row_of_each_ablation_table_runs(
    tmp_path: Path, make: Callable[[Path, str], TrainConfig], release: str
) -> None:
    config = make(tmp_path, release)
    for table in config.ablations.values():
        row, changes = list(table.items())[-1]
        assert once(config.changed(changes, name=row), tmp_path).runs[0].metrics
