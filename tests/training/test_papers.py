"""A smoke run of every published configuration: generated data of the true names and widths, a narrow network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from highlightr.training.config import load_config
from highlightr.training.runs import train
from tests.datasets.test_originals import write_tvsum_mat
from tests.training.files import lines, save

CLIPS, MELS = 12, 128
RNG = np.random.default_rng(3)

NARROW_CFSUM = {"scorer.config.width": 16, "scorer.config.heads": 2}
NARROW_DAVIHD = {
    "scorer.config.visual_width": 16,
    "scorer.config.audio_width": 16,
    "scorer.config.hidden_width": 8,
    "scorer.config.heads": 2,
    "scorer.config.dynamics_heads": 2,
    "scorer.config.dynamics_channels": [4, 4, 4, 4, 4, 4],
    "batch_size": 2,
}


def rows(width: int, count: int = CLIPS) -> np.ndarray:
    return RNG.standard_normal((count, width)).astype(np.float32)


def mel(path: Path, seconds: float) -> None:
    times = np.arange(0, seconds, 0.1)
    save(path, rows(MELS, len(times)) - 8, "values", times_seconds=times)


def qvhighlights(root: Path) -> None:
    parts = ("highlight_train_release", "highlight_val_release", "highlight_test_with_gt")
    for part, first in zip(parts, (0, 10, 20), strict=True):
        records = [
            {
                "qid": i,
                "query": f"query {i}",
                "vid": f"v{i}_0.0_24.0",
                "duration": 2 * CLIPS,
                "relevant_clip_ids": [1, 3],
                "saliency_scores": [[4, 4, 4], [0, 1, 2]],
                "relevant_windows": [[2, 4], [6, 8]],
            }
            for i in range(first, first + 10)
        ]
        lines(root / f"{part}.jsonl", records)
        for record in records:
            save(root / f"features/slowfast_features/{record['vid']}.npz", rows(2304))
            save(root / f"features/clip_features/{record['vid']}.npz", rows(512))
            save(root / f"features/pann_features/{record['vid']}.npy", rows(2048))
            save(root / f"features/clip_text_features/qid{record['qid']}.npz", rows(512, 6), "last_hidden_state")


def umt(root: Path, vid: str) -> None:
    for name in ("rgb", "opt"):
        save(root / f"video/{vid}_{name}.npy", rows(1024))
    save(root / f"audio/{vid}.npy", rows(2048))
    save(root / f"query/{vid}.npz", rows(512, 6), "token")


def tvsum_records(first: int) -> list[dict[str, object]]:
    ratings = [RNG.integers(1, 6, (CLIPS, 20)).tolist() for _ in range(10)]
    return [
        {
            "vid": f"t{i}",
            "query": "a title",
            "duration": CLIPS,
            "domain": ("BK", "VT")[i % 2],
            "label": ratings[i - first],
        }
        for i in range(first, first + 10)
    ]


def tvsum(root: Path) -> None:
    for part, first in (("train", 0), ("val", 10)):
        records = tvsum_records(first)
        lines(root / f"tvsum_{part}_release.jsonl", records)
        for record in records:
            umt(root, str(record["vid"]))


def youtube(root: Path) -> None:
    for part, first in (("train", 0), ("val", 10)):
        match = [1, -1, 0] * (CLIPS // 3)
        records = [
            {"vid": f"y{i}", "domain": ("dog", "surfing")[i % 2], "match": match} for i in range(first, first + 10)
        ]
        lines(root / f"youtube_highlight_{part}_release.jsonl", records)
        for record in records:
            umt(root, str(record["vid"]))


def tvsum_seconds(root: Path) -> None:
    names = [f"t{i}" for i in range(10)]
    frames = [np.repeat(RNG.integers(1, 6, (CLIPS // 2, 20)), 50, axis=0).astype(float) for _ in names]
    write_tvsum_mat(root / "ydata-tvsum50.mat", [(n, float(CLIPS), f) for n, f in zip(names, frames, strict=True)])
    for name in names:
        save(root / f"r3d34_davihd/{name}.npy", rows(512))
        save(root / f"cnn14_16k/{name}.npy", rows(2048))
        mel(root / f"davihd_mel/{name}.npz", CLIPS)


def mrhisum(root: Path) -> None:
    h5py = pytest.importorskip("h5py")
    names = [f"m{i}" for i in range(9)]
    with h5py.File(root / "mr_hisum.h5", "w") as file, h5py.File(root / "panns.h5", "w") as sounds:
        for name in names:
            file[f"{name}/features"] = rows(1024)
            file[f"{name}/gtscore"] = RNG.random(CLIPS)
            sounds[name] = rows(2048)
            mel(root / f"davihd_mel/{name}.npz", CLIPS)
    split = {"train_keys": names[:5], "val_keys": names[5:7], "test_keys": names[7:]}
    (root / "mr_hisum_split.json").write_text(json.dumps(split))


CASES: list[tuple[str, Callable[[Path], None], dict[str, object], int]] = [
    ("cfsum-qvhighlights", qvhighlights, NARROW_CFSUM, 0),
    ("cfsum-tvsum", tvsum, NARROW_CFSUM, 0),
    ("cfsum-youtube", youtube, NARROW_CFSUM, 0),
    ("davihd-tvsum", tvsum_seconds, {**NARROW_DAVIHD, "data.validation_share": 0.3}, 2),
    ("davihd-mrhisum", mrhisum, NARROW_DAVIHD, 0),
]


@pytest.mark.parametrize(("name", "make", "narrow", "folds"), CASES, ids=[case[0] for case in CASES])
def test_a_published_configuration_runs(
    tmp_path: Path, name: str, make: Callable[[Path], None], narrow: dict[str, object], folds: int
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    make(data)
    config = load_config(name).changed({**narrow, "epochs": 1})
    result = train(config, data, tmp_path / "out", folds=folds, device="cpu")
    assert len(result.runs) == max(folds, 1)
    for run in result.runs:
        assert run.sizes["problems"] == 0
        assert config.monitor in run.metrics
        assert np.isfinite(list(run.metrics.values())).all()
    assert {"random", "oracle"} <= {row.name for row in result.baselines}


def test_one_domain_can_be_trained_alone(tmp_path: Path) -> None:
    tvsum(tmp_path)
    config = load_config("cfsum-tvsum").changed({**NARROW_CFSUM, "epochs": 1, "data.group": "VT"})
    (run,) = train(config, tmp_path, tmp_path / "out", device="cpu").runs
    assert run.sizes["test"] == 5
    assert set(run.metrics) == {"map", "map/VT"}


@pytest.mark.parametrize("name", ["cfsum-qvhighlights", "davihd-mrhisum"])
def test_a_row_of_each_ablation_table_runs(tmp_path: Path, name: str) -> None:
    _, make, narrow, _ = next(case for case in CASES if case[0] == name)
    make(tmp_path)
    config = load_config(name)
    for table in config.ablations.values():
        row, changes = list(table.items())[-1]
        changed = config.changed(changes, name=row).changed({**narrow, "epochs": 1})
        assert train(changed, tmp_path, tmp_path / "out", device="cpu").runs[0].metrics
