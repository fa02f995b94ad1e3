"""Small folders in the true layouts of the data sets, made on the spot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

RNG = np.random.default_rng(0)


def rows(count: int, width: int) -> np.ndarray:
    return RNG.standard_normal((count, width)).astype(np.float32)


def lines(path: Path, records: Sequence[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def save(path: Path, values: np.ndarray, member: str = "features", **more: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        np.savez_compressed(path, **{member: values}, **more)


def qvhighlights_folder(root: Path, count: int = 3) -> Path:
    records = [
        {
            "qid": i,
            "query": f"query {i}",
            "vid": f"-v{i}_0.0_10.0",
            "duration": 10,
            "relevant_clip_ids": [1, 3],
            "saliency_scores": [[4, 4, 4], [0, 1, 2]],
            "relevant_windows": [[2, 4], [6, 8]],
        }
        for i in range(count)
    ]
    lines(root / "highlight_train_release.jsonl", records)
    for record in records:
        save(root / f"features/slowfast_features/{record['vid']}.npz", rows(5, 23))
        save(root / f"features/clip_features/{record['vid']}.npz", rows(5, 5))
        save(root / f"features/pann_features/{record['vid']}.npy", rows(5, 7))
        save(root / f"features/clip_text_features/qid{record['qid']}.npz", rows(4, 5), "last_hidden_state")
    return root


def umt_features(root: Path, vid: str, count: int) -> None:
    save(root / f"video/{vid}_rgb.npy", rows(count, 10))
    save(root / f"video/{vid}_opt.npy", rows(count, 10))
    save(root / f"audio/{vid}.npy", rows(count, 20))
    save(root / f"query/{vid}.npz", rows(6, 5), "token")


def mrhisum_folder(root: Path) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(root / "mr_hisum.h5", "w") as file:
        for i in range(3):
            file[f"video_{i}/features"] = rows(20, 8)
            file[f"video_{i}/gtscore"] = np.linspace(0, 1 + (i == 2), 20)
            file[f"video_{i}/change_points"] = np.array([[0, 10], [10, 20]])
            file[f"video_{i}/gt_summary"] = np.array([0] * 17 + [1] * 3)
    with h5py.File(root / "panns.h5", "w") as file:
        for i in range(3):
            file[f"video_{i}"] = rows(19, 4)
    splits = {"train_keys": ["video_0", "video_1", "video_2", "gone"], "val_keys": ["video_1"], "test_keys": [1]}
    (root / "mr_hisum_split.json").write_text(json.dumps(splits))
    return root


def charades_folder(root: Path) -> Path:
    records = [
        {"qid": 4, "vid": "AMT7R", "query": "a person", "duration": 5.2, "window": [1.0, 3.0]},
        {"qid": 5, "vid": "AMT7R", "query": "another", "duration": 5.2, "window": [0.0, 9.0]},
        {"qid": 6, "vid": "VXJS4", "query": "a third", "duration": 5.2, "window": [3.0, 1.0]},
        {"qid": 7, "vid": "VXJS4", "query": " ", "duration": 5.2, "window": [1.0, 3.0]},
        {"qid": 8, "vid": "VXJS4", "query": "long", "duration": 1e9, "window": [1.0, 3.0]},
        {"qid": 9, "vid": "AMT7R", "query": "late", "duration": 5.2, "window": [5.2, 9.0]},
    ]
    lines(root / "moments.jsonl", records)
    times = np.arange(6, dtype=np.float32)
    save(root / "features/AMT7R.npz", rows(6, 9).astype(np.float16), "image_embeddings", frame_timestamps=times)
    return root
