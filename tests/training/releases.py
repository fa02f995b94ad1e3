"""Small folders laid out like the public releases, each with the changes that make its training config small."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from highlightr.training.config import TrainConfig, load_config
from tests.datasets.test_originals import write_tvsum_mat
from tests.training.files import RNG, lines, rows, save

CLIPS = 6
NARROW = {"scorer.config.width": 16, "scorer.config.heads": 2, "epochs": 1}
CFSUM = {**NARROW, "scorer.config.audio_streams": {"cnn14": 4}}
QV = {**CFSUM, "scorer.config.video_streams": {"slowfast": 6, "clip": 5}, "scorer.config.text_width": 5}
UMT = {**CFSUM, "scorer.config.video_streams": {"i3d_rgb": 6, "i3d_flow": 5}}
DAVIHD = {
    "scorer.config.audio_streams": {"cnn14_16k": 4},
    "scorer.config.visual_width": 16,
    "scorer.config.audio_width": 16,
    "scorer.config.hidden_width": 8,
    "scorer.config.heads": 2,
    "scorer.config.dynamics_heads": 2,
    "scorer.config.dynamics_channels": [4, 4, 4, 4, 4, 4],
    "batch_size": 2,
    "epochs": 1,
}

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
    labels = {}
    for each in [video for parts in splits.values() for part in parts.values() for video in part]:
        anno = np.tile(np.arange(20) % 5 + 1, (CLIPS, 1)) * 1.0
        labels[each] = {"anno": anno.tolist()} if name == "tvsum" else {"match": [1, 0, -1, 1, 1, 0], "clip": []}
        umt_features(root, release, name, each)
    place = root / "features" / FOLDERS[name] if release == "lighthouse" else root
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{STEMS[name]}_anno.json").write_text(json.dumps(labels))
    return umt_config(name)


FOLDERS = {"tvsum": "tvsum", "youtube-highlights": "youtube_highlight"}
STEMS = {"tvsum": "tvsum", "youtube-highlights": "youtube"}


def umt_config(name: str) -> TrainConfig:
    """The training config of one of UMT's sets, small."""
    changes = {**UMT, "data.validation_share": 0.25} | ({"scorer.config.text_width": 5} if name == "tvsum" else {})
    return load_config(f"cfsum-{STEMS[name]}").changed(changes)


def umt_features(root: Path, release: str, name: str, vid: str) -> None:
    """Streams that differ in length by up to three clips."""
    video, audio, query = (root / each.replace("tvsum", FOLDERS[name]) for each in UMT_PLACES[release])
    save(video / f"{vid}_rgb.npy", rows(CLIPS, 6))
    save(video / f"{vid}_opt.npy", rows(CLIPS - 1, 5))
    save(audio / f"{vid}.npy", rows(CLIPS + 2, 4))
    if name == "tvsum":
        save(query / f"{vid}.npz", rows(3, 5), "token")


def line_labels(root: Path, release: str, name: str) -> TrainConfig:
    """The same with labels in lines, as QD-DETR and Lighthouse have them: eight videos for training, two to test."""
    place = root / "data" / FOLDERS[name] if release == "lighthouse" else root
    for part, numbers in (("train", range(8)), ("val", range(8, 10))):
        records = [_record(name, f"v{i}", "ab"[i % 2]) for i in numbers]
        lines(place / f"{FOLDERS[name]}_{part}_release.jsonl", records)
        for i in numbers:
            umt_features(root, release, name, f"v{i}")
    return umt_config(name)


def _record(name: str, vid: str, domain: str) -> dict[str, object]:
    if name != "tvsum":
        return {"vid": vid, "domain": domain, "match": [1, -1, 0, 1, 1, 0]}
    ratings = RNG.integers(1, 6, (CLIPS, 20)).tolist()
    return {"vid": vid, "domain": domain, "query": "a title", "duration": CLIPS, "label": ratings}


def mel(path: Path, seconds: float) -> None:
    """A signal with ten rows a second."""
    times = np.arange(0, seconds, 0.1)
    save(path, rows(len(times), 128) - 8, "values", times_seconds=times)


def davihd_tvsum(root: Path) -> TrainConfig:
    """Ten videos of the original annotation file, with the features of `highlightr extract`."""
    names = [f"t{i}" for i in range(10)]
    frames = [np.repeat(RNG.integers(1, 6, (CLIPS // 2, 20)), 50, axis=0).astype(float) for _ in names]
    write_tvsum_mat(root / "ydata-tvsum50.mat", [(n, float(CLIPS), f) for n, f in zip(names, frames, strict=True)])
    for name in names:
        save(root / f"r3d34_davihd/{name}.npy", rows(CLIPS, 6))
        save(root / f"cnn14_16k/{name}.npy", rows(CLIPS, 4))
        mel(root / f"davihd_mel/{name}.npz", CLIPS)
    changes = {"scorer.config.visual_streams": {"r3d34_davihd": 6}, "data.validation_share": 0.25}
    return load_config("davihd-tvsum").changed({**DAVIHD, **changes})


MRHISUM_PLACES = {
    "repository": ("dataset", "mrsum_split.json", "audio_emb/{}.npy"),
    "flat": ("", "mr_hisum_split.json", "panns.h5"),
    "extract": ("", "mrhisum_split.json", "cnn14_16k/{}.npy"),
}
"""Where the labels lie, how the split file is called, where the sound lies."""


def mrhisum(root: Path, release: str) -> TrainConfig:
    """Nine videos in the HDF5 file of MR.HiSum after its preprocess.py; the sound is a row longer or shorter."""
    h5py = pytest.importorskip("h5py")
    place, split_file, sound = MRHISUM_PLACES[release]
    (root / place).mkdir(exist_ok=True)
    names = [f"video_{i}" for i in range(9)]
    with h5py.File(root / place / "mr_hisum.h5", "w") as file:
        for name in names:
            file[f"{name}/features"] = rows(CLIPS, 6)
            file[f"{name}/gtscore"] = RNG.random(CLIPS)
            file[f"{name}/change_points"] = np.array([[0, CLIPS // 2], [CLIPS // 2, CLIPS]])
            file[f"{name}/gt_summary"] = np.arange(CLIPS) < 2
    for i, name in enumerate(names):
        mel(root / f"davihd_mel/{name}.npz", CLIPS)
        if not sound.endswith(".h5"):
            save(root / sound.format(name), rows(CLIPS + i % 3 - 1, 4))
    if sound.endswith(".h5"):
        with h5py.File(root / sound, "w") as file:
            for name in names:
                file[name] = rows(CLIPS + 1, 4)
    split = {"train_keys": names[:5], "val_keys": names[5:7], "test_keys": names[7:]}
    (root / place / split_file).write_text(json.dumps(split))
    return load_config("davihd-mrhisum").changed({**DAVIHD, "scorer.config.visual_streams": {"inception-yt8m": 6}})


def charades(root: Path) -> TrainConfig:
    """Eight videos with a query each, the layout of the labelled moments with CLIP features."""
    records = []
    for i in range(8):
        times = np.arange(CLIPS, dtype=np.float32)
        half = rows(CLIPS, 5).astype(np.float16)
        save(root / f"features/v{i}.npz", half, "image_embeddings", frame_timestamps=times)
        records.append({"qid": i, "vid": f"v{i}", "query": f"person {i}", "duration": CLIPS, "window": [1.0, 3.0]})
    lines(root / "moments.jsonl", records)
    return load_config("cfsum-charades").changed({**NARROW, "scorer.config.video_streams": {"clip": 5}})


Make = Callable[[Path], TrainConfig]


def _of(make: Callable[..., TrainConfig], *options: str) -> Make:
    return lambda root: make(root, *options)


AS_RELEASED: Mapping[tuple[str, str], tuple[Make, str]] = {
    ("cfsum-qvhighlights", "moment-detr"): (_of(qvhighlights, "moment-detr"), "features/clip_features/{video}.npz"),
    ("cfsum-qvhighlights", "umt"): (_of(qvhighlights, "umt"), "slowfast_features/{video}.npz"),
    ("cfsum-qvhighlights", "lighthouse"): (
        _of(qvhighlights, "lighthouse"),
        "features/qvhighlight/clip_text/qid{key}.npz",
    ),
    ("cfsum-tvsum", "qd-detr"): (_of(line_labels, "moment-detr", "tvsum"), "audio/{video}.npy"),
    ("cfsum-tvsum", "umt"): (_of(umt_set, "umt", "tvsum"), "video_features/{video}_opt.npy"),
    ("cfsum-tvsum", "lighthouse"): (_of(line_labels, "lighthouse", "tvsum"), "features/tvsum/i3d/{video}_rgb.npy"),
    ("cfsum-youtube", "qd-detr"): (_of(line_labels, "moment-detr", "youtube-highlights"), "video/{video}_rgb.npy"),
    ("cfsum-youtube", "umt"): (_of(umt_set, "umt", "youtube-highlights"), "audio_features/{video}.npy"),
    ("cfsum-youtube", "lighthouse"): (
        _of(umt_set, "lighthouse", "youtube-highlights"),
        "features/youtube_highlight/i3d/{video}_rgb.npy",
    ),
    ("cfsum-charades", "own layout"): (charades, "features/{video}.npz"),
    ("davihd-tvsum", "extract"): (davihd_tvsum, "davihd_mel/{video}.npz"),
    ("davihd-mrhisum", "repository"): (_of(mrhisum, "repository"), "audio_emb/{video}.npy"),
    ("davihd-mrhisum", "flat"): (_of(mrhisum, "flat"), "davihd_mel/{video}.npz"),
    ("davihd-mrhisum", "extract"): (_of(mrhisum, "extract"), "cnn14_16k/{video}.npy"),
}
"""Config and release to what makes the folder, and a file that every item needs."""
