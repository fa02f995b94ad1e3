"""Feature files: rows by time, signals, and files that are damaged or attack."""

from __future__ import annotations

import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.datasets import Layout, open_dataset
from highlightr.datasets.arrays import Hdf5Source, NumpySource, safe_name
from highlightr.datasets.hdf5 import LARGEST_ELEMENTS
from highlightr.scorers.davihd.scorer import pool_mel
from tests.training.files import charades_folder, lines, mrhisum_folder, rows, save


def test_dated_rows_are_put_on_the_grid_by_time(tmp_path: Path) -> None:
    root = charades_folder(tmp_path)
    times = np.arange(0, 5.2, 0.4)  # 2.5 frames per second: the row on screen at each clip's center
    values = times[:, None].astype(np.float32)
    save(root / "features/AMT7R.npz", values, "image_embeddings", frame_timestamps=times)
    clips = open_dataset("charades", root)[0].streams["clip"][:, 0]
    np.testing.assert_allclose(clips, [0.4, 1.2, 2.4, 3.2, 4.4, 4.8], atol=1e-6)


def test_dated_rows_that_end_early_cut_the_example(tmp_path: Path) -> None:
    root = charades_folder(tmp_path)
    save(root / "features/AMT7R.npz", rows(3, 9), "image_embeddings", frame_timestamps=np.arange(3.0))
    dataset = open_dataset("charades", root)
    assert [example.num_clips for example in dataset] == [3, 3]
    assert "cut from 6 to 3 clips" in dataset.problems[-1].reason


@pytest.mark.parametrize("times", [[0, 2, 1, 3, 4, 5], [0, 1, 2], [0, 1, 2, 3, 4, float("nan")]])
def test_times_must_rise_with_the_rows(tmp_path: Path, times: list[float]) -> None:
    save(tmp_path / "a.npz", rows(6, 9), "image_embeddings", frame_timestamps=np.array(times))
    with pytest.raises(ConfigError, match="one per row, finite and rising"):
        NumpySource(tmp_path / "a.npz").times()


def test_signals_keep_their_own_times(tmp_path: Path) -> None:
    root = charades_folder(tmp_path)
    save(root / "mel/AMT7R.npz", rows(300, 16), "values", times_seconds=np.arange(300) * 0.016)
    layout = Layout("moments.jsonl", {"clip": "features/{video}.npz"}, signals={"logmel": "mel/{video}.npz"})
    features = open_dataset("charades", root, layout)[0].features()
    assert features.signals["logmel"].values.shape == (300, 16)


def test_a_signal_ends_with_the_example(tmp_path: Path) -> None:
    """On the grid the rows after it would be averaged into the last clip."""
    root = charades_folder(tmp_path)
    times = np.arange(60) / 10
    save(root / "features/AMT7R.npz", rows(3, 9))
    save(root / "mel/AMT7R.npz", np.floor(times)[:, None].repeat(128, axis=1), "values", times_seconds=times)
    layout = Layout("moments.jsonl", {"clip": "features/{video}.npz"}, signals={"davihd_mel": "mel/{video}.npz"})
    features = open_dataset("charades", root, layout)[0].features()
    assert features.signals["davihd_mel"].times_seconds[-1] == 2.9
    assert pool_mel(features.signals["davihd_mel"], features.grid)[:, 0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "a\\b", "..", "", "a\0b", "x" * 300])
def test_names_that_lead_out_are_problems(tmp_path: Path, name: str) -> None:
    assert not safe_name(name)
    record = {"qid": 1, "vid": name or "..", "query": "q", "duration": 4, "window": [1, 2]}
    lines(tmp_path / "moments.jsonl", [record])
    with pytest.raises(ConfigError, match="cannot be part of a file name"):
        open_dataset("charades", tmp_path)


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "a.npy", tmp_path / "a.npz"):
        save(path, np.array([[{"evil": 1}]], dtype=object))
        with pytest.raises(ConfigError, match="of object"):
            NumpySource(path).shape()


def test_a_header_that_promises_too_much_is_refused_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (LARGEST_ELEMENTS, 4)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(ConfigError, match="must hold 1 to"):
        NumpySource(path).shape()


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 9000,
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (True, 6)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"9" * 5000 + b", 6)}",
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2 if True else 3, 6)}",
        b'"""',
    ],
)
def test_a_header_of_hostile_bytes_is_one_line(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header)) + header + bytes(24))
    with pytest.raises(ConfigError, match=r"^.*a\.npy: .*$"):
        NumpySource(path).read()


def test_numbers_beyond_single_precision_are_refused_wherever_they_lie(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    large = np.full((2, 3), 1e300)
    save(tmp_path / "a.npy", large)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["video"] = large
    for source in (NumpySource(tmp_path / "a.npy"), Hdf5Source(tmp_path / "a.h5", "video")):
        with warnings.catch_warnings(action="error"), pytest.raises(ConfigError, match="too large for 32 bits"):
            source.read()


def test_truncated_and_odd_files_are_named(tmp_path: Path) -> None:
    save(tmp_path / "cut.npy", rows(50, 50))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-100])
    with pytest.raises(ConfigError, match=r"cut\.npy: damaged"):
        NumpySource(tmp_path / "cut.npy").read()
    save(tmp_path / "flat.npy", rows(3, 3).ravel())
    with pytest.raises(ConfigError, match="2 axes, got shape"):
        NumpySource(tmp_path / "flat.npy").shape()
    save(tmp_path / "nan.npz", np.full((2, 2), np.nan))
    with pytest.raises(ConfigError, match="not finite"):
        NumpySource(tmp_path / "nan.npz").read()
    np.savez(tmp_path / "two.npz", left=rows(1, 1), right=rows(1, 1))
    with pytest.raises(ConfigError, match="holds no array named"):
        NumpySource(tmp_path / "two.npz").shape()
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ConfigError, match="holds no array named"):
        NumpySource(tmp_path / "text.npz").shape()
    (tmp_path / "junk.npz").write_bytes(b"junk")
    with pytest.raises(ConfigError, match=r"junk\.npz: cannot be read"):
        NumpySource(tmp_path / "junk.npz").shape()


def test_one_odd_width_costs_one_item_wherever_it_comes(tmp_path: Path) -> None:
    records = [{"qid": i, "vid": f"v{i}", "query": "q", "duration": 4, "window": [1, 2]} for i in range(4)]
    lines(tmp_path / "moments.jsonl", records)
    for i in range(4):
        save(tmp_path / f"features/v{i}.npz", rows(4, 9 if i else 5))
    dataset = open_dataset("charades", tmp_path)
    assert [item.key for item in dataset.items] == ["1", "2", "3"]
    assert [problem.reason for problem in dataset.problems] == ["'clip' has width 5, other items 9"]
    assert dataset.widths["clip"] == 9


def _overwritten(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:3000] + bytes(2000) + content[5000:])


def _linked(path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "a") as file:
        del file["video_0"]
        file["video_0"] = h5py.SoftLink("/video_0")


def _far_shots(path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "a") as file:
        del file["video_0/change_points"]
        file["video_0/change_points"] = np.array([[0.0, 1e300]])


def _of_another_kind(path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "a") as file:
        del file["video_0/gtscore"]
        space = h5py.h5s.create_simple((4,))
        h5py.h5d.create(file["video_0"].id, b"gtscore", h5py.h5t.UNIX_D32LE, space)  # A time, which NumPy has not.


@pytest.mark.parametrize("damage", [_overwritten, _linked, _far_shots, _of_another_kind])
def test_a_damaged_hdf5_file_is_told_in_one_line(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    root = mrhisum_folder(tmp_path)
    damage(root / "mr_hisum.h5")
    with warnings.catch_warnings(action="error"):
        try:
            found = [problem.reason for problem in open_dataset("mrhisum", root).problems]
        except ConfigError as error:
            found = [str(error)]
    assert any("mr_hisum.h5" in each and "\n" not in each for each in found)
    assert not any("as it is downloaded" in each for each in found)
