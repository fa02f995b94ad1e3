"""The public releases as downloaded: one epoch on a folder in each layout, with and without holes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.datasets import RELEASES, open_dataset
from highlightr.datasets.releases import recognised
from highlightr.datasets.umt import umt_splits
from highlightr.training.config import TrainConfig, load_config
from highlightr.training.results import TrainResult
from highlightr.training.runs import train
from tests.training.files import lines, rows, save

CLIPS = 6
NARROW = {"scorer.config.width": 16, "scorer.config.heads": 2, "scorer.config.audio_streams": {"cnn14": 4}, "epochs": 1}
QV = {**NARROW, "scorer.config.video_streams": {"slowfast": 6, "clip": 5}, "scorer.config.text_width": 5}
UMT = {**NARROW, "scorer.config.video_streams": {"i3d_rgb": 6, "i3d_flow": 5}}

QV_PLACES = {
    "moment-detr": ("data", "features/{}_features", "features/pann_features", "features/clip_text_features"),
    "umt": ("", "{}_features", "pann_features", "clip_text_features"),
    "lighthouse": (
        "data/qvhighlight",
        "features/qvhighlight/{}",
        "features/qvhighlight/pann",
        "features/qvhighlight/clip_text",
    ),
}
SPLITS_NAME = {"tvsum": "TVSUM_SPLITS", "youtube-highlights": "YOUTUBE_SPLITS"}
UMT_PLACES = {
    "moment-detr": ("video", "audio", "query"),
    "umt": ("video_features", "audio_features", "query_features"),
    "lighthouse": ("features/tvsum/i3d", "features/tvsum/audio", "features/tvsum/clip_text"),
}


def qvhighlights(root: Path, release: str) -> TrainConfig:
    """Ten queries a part; streams differ in length by one, and half of the sound is in the other format."""
    labels, streams, audio, text = (root / each for each in QV_PLACES[release])
    for part, first in (("train_release", 0), ("val_release", 10), ("test_with_gt", 20)):
        records = [
            {
                "qid": i,
                "query": f"query {i}",
                "vid": f"v{i}_0.0_12.0",
                "duration": 2 * CLIPS,
                "relevant_clip_ids": [1, 3],
                "saliency_scores": [[4, 4, 4], [0, 1, 2]],
            }
            for i in range(first, first + 10)
        ]
        lines(labels / f"highlight_{part}.jsonl", records)
        for i, record in enumerate(records):
            for name, width in (("slowfast", 6), ("clip", 5)):
                half = rows(CLIPS - (name == "slowfast"), width).astype(np.float16)
                save(Path(str(streams).format(name)) / f"{record['vid']}.npz", half)
            save(audio / f"{record['vid']}.{'npy' if i % 2 else 'npz'}", rows(CLIPS + 1, 4))
            save(text / f"qid{record['qid']}.npz", rows(4, 5), "last_hidden_state", pooler_output=rows(1, 5)[0])
    return load_config("cfsum-qvhighlights").changed(QV)


def umt_set(root: Path, release: str, name: str) -> TrainConfig:
    """Two domains, each of four videos for training and one for test, divided by a file like UMT's."""
    domains = ("BK", "VT") if name == "tvsum" else ("parkour", "skating")
    splits = {
        domain: {part: [f"{domain}{part}{i}" for i in range(count)] for part, count in (("train", 4), ("val", 1))}
        for domain in domains
    }
    (root / "static.py").write_text(f"import os\n\n{SPLITS_NAME[name]} = {splits!r}\n")
    videos = [each for parts in splits.values() for part in parts.values() for each in part]
    video, audio, query = (
        root / each.replace("tvsum", {"tvsum": "tvsum"}.get(name, "youtube_highlight")) for each in UMT_PLACES[release]
    )
    labels = {}
    for each in videos:
        anno = np.tile(np.arange(20) % 5 + 1, (CLIPS, 1)) * 1.0
        labels[each] = {"anno": anno.tolist()} if name == "tvsum" else {"match": [1, 0, -1, 1, 1, 0], "clip": []}
        save(video / f"{each}_rgb.npy", rows(CLIPS, 6))
        save(video / f"{each}_opt.npy", rows(CLIPS - 1, 5))
        save(audio / f"{each}.npy", rows(CLIPS + 2, 4))
        if name == "tvsum":
            save(query / f"{each}.npz", rows(3, 5), "token")
    stem = "tvsum" if name == "tvsum" else "youtube"
    place = root / "features" / {"tvsum": "tvsum"}.get(name, "youtube_highlight") if release == "lighthouse" else root
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{stem}_anno.json").write_text(json.dumps(labels))
    changes = {**UMT, "scorer.config.text_width": 5} if name == "tvsum" else UMT
    return load_config(f"cfsum-{stem}").changed({**changes, "data.validation_share": 0.25})


def once(config: TrainConfig, root: Path, **options: bool) -> TrainResult:
    return train(config, root, root / "out", device="cpu", **options)


@pytest.mark.parametrize("release", RELEASES)
def test_qvhighlights_as_downloaded(tmp_path: Path, release: str) -> None:
    config = qvhighlights(tmp_path, release)
    assert recognised("qvhighlights", tmp_path) == release
    (run,) = once(config, tmp_path).runs
    assert dict(run.sizes) == {"train": 10, "validation": 10, "test": 10, "problems": 0}
    assert set(run.missing.values()) == {0}
    assert run.metrics


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", ["tvsum", "youtube-highlights"])
def test_umt_label_files_with_its_splits(tmp_path: Path, release: str, name: str) -> None:
    config = umt_set(tmp_path, release, name)
    (run,) = once(config, tmp_path).runs
    assert run.sizes["test"] == 2
    assert run.sizes["train"] + run.sizes["validation"] == 8
    assert set(run.missing.values()) == {0}


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
