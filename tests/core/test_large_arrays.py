"""Large arrays lie in files: their values stay, their memory goes, and without room they are arrays like any other."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from highlightr.core import large_arrays
from highlightr.core.large_arrays import all_finite, moved, new_array, release, spans

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc, files are Linux's")
ROWS, WIDTH = 20_000, 1_000  # 76 MiB


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def held_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@needs_linux
def test_what_is_released_is_not_held_and_stays(home: Path) -> None:
    values = new_array((ROWS, WIDTH))
    before = held_mib()
    values[:] = np.arange(ROWS, dtype=np.float32)[:, None]
    assert held_mib() - before > 60
    release(values[3:])  # A view will do.
    assert held_mib() - before < 30
    np.testing.assert_array_equal(values[:, -1], np.arange(ROWS, dtype=np.float32))
    assert list(home.iterdir()) == []


@needs_linux
def test_going_through_holds_a_part() -> None:
    values = moved(np.ones((ROWS, WIDTH), dtype=np.float32))
    before, most, total = held_mib(), 0.0, 0.0
    for span in spans(values, 1000):
        total += float(values[span].sum(dtype=np.float64))
        most = max(most, held_mib() - before)
    assert total == ROWS * WIDTH
    assert most < 40
    assert moved(values) is values


class Usage(NamedTuple):
    free: int


@pytest.mark.parametrize("reason", ["small", "full", "unwritable"])
def test_otherwise_they_are_in_memory(reason: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (ROWS, WIDTH)
    if reason == "small":
        shape = (100, WIDTH)
    elif reason == "full":
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**29))
    else:
        home.write_text("in the way")
    values = new_array(shape)
    values[-1] = 3
    release(values)
    assert values.base is None
    assert values.sum() == 3 * WIDTH


def test_the_last_row_counts() -> None:
    values = new_array((ROWS, WIDTH))
    assert all_finite(values)
    values[-1, -1] = np.nan
    assert not all_finite(values)
    assert not all_finite(np.array([[1.0, np.inf]]))
    assert all_finite(np.zeros((0, 4)))


def test_spans_cover_every_row_once() -> None:
    values = np.arange(10)
    assert [values[span].tolist() for span in spans(values, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert list(spans(values[:0], 4)) == []


def test_others_mapped_files_are_left_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "own.npy", np.zeros((5, 3)))
    private = np.load(tmp_path / "own.npy", mmap_mode="c")
    private[:] = 7  # Changes of a private map are nowhere else: to drop its pages would lose them.
    release(private)
    assert (private == 7).all()


def test_the_threshold_is_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_arrays, "LARGEST_IN_MEMORY_BYTES", 15)
    assert new_array((2, 2), np.float32).base is not None
    assert new_array((3,), np.float32).base is None
