"""Features on disk: what comes back, what is discarded, what is evicted, and that processes may share the folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import Signal
from highlightr.features.base import Extracted
from highlightr.features.cache import DEFAULT_LIMIT_BYTES, LIMIT_VARIABLE, FeatureCache, limit_from_environment

ABOUT: dict[str, Any] = {"video": {"hash": "ab12"}, "extractor": "motion", "weights": []}


def made(rows: int = 5, fill: float = 0.25) -> Extracted:
    times = np.linspace(0, 1, rows)
    return Extracted(
        {"motion": np.full((rows, 2), fill, np.float32), "novelty": np.zeros((rows, 1), np.float32)},
        {"frame_change": Signal(times, np.full((rows, 3), fill, np.float32))},
    )


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "features", 2**20)


def test_what_was_kept_comes_back_to_the_byte(cache: FeatureCache) -> None:
    assert cache.get(ABOUT) is None
    cache.put(ABOUT, made())
    found = cache.get(dict(reversed(ABOUT.items())))
    assert found is not None
    for name, values in made().streams.items():
        np.testing.assert_array_equal(found.streams[name], values)
        assert found.streams[name].dtype == np.float32
    signal = found.signals["frame_change"]
    np.testing.assert_array_equal(signal.times_seconds, made().signals["frame_change"].times_seconds)
    assert signal.times_seconds.dtype == np.float64
    np.testing.assert_array_equal(signal.values, made().signals["frame_change"].values)


def test_an_extraction_that_made_nothing_is_remembered_too(cache: FeatureCache) -> None:
    cache.put(ABOUT, Extracted())
    found = cache.get(ABOUT)
    assert found is not None
    assert not found.streams


@pytest.mark.parametrize("change", [{"extractor": "yamnet"}, {"video": {"hash": "cd"}}, {"weights": [{"sha256": "1"}]}])
def test_another_description_finds_nothing(cache: FeatureCache, change: dict[str, Any]) -> None:
    cache.put(ABOUT, made())
    assert cache.get({**ABOUT, **change}) is None


@pytest.mark.parametrize("damage", ["flipped", "truncated", "emptied"])
def test_a_damaged_entry_is_discarded_and_can_be_made_again(cache: FeatureCache, damage: str) -> None:
    cache.put(ABOUT, made())
    (entry,) = cache.entries()
    content = bytearray(entry.path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    entry.path.write_bytes({"flipped": content, "truncated": content[:-7], "emptied": b""}[damage])
    assert cache.get(ABOUT) is None
    assert not entry.path.exists()
    cache.put(ABOUT, made())
    assert cache.get(ABOUT) is not None


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 2**30)
    for number in range(4):
        cache.put({**ABOUT, "number": number}, made(1000))
    places = {entry.about["number"]: entry.path for entry in cache.entries()}
    for number, path in places.items():
        os.utime(path, (1_000_000 + number, 1_000_000 + number))
    assert cache.get({**ABOUT, "number": 0}) is not None  # used now: the most recent
    size = places[0].stat().st_size
    FeatureCache(tmp_path, 3 * size).put({**ABOUT, "number": 4}, made(1000))
    assert {entry.about["number"] for entry in cache.entries()} == {0, 3, 4}


def test_what_is_larger_than_the_cache_is_not_kept_and_costs_nothing_else(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 20_000)
    cache.put(ABOUT, made())
    cache.put({**ABOUT, "large": True}, made(5000))
    assert [entry.about for entry in cache.entries()] == [ABOUT]


def test_a_limit_of_nothing_turns_it_off(tmp_path: Path) -> None:
    FeatureCache(tmp_path, 2**20).put(ABOUT, made())
    off = FeatureCache(tmp_path, 0)
    off.put({**ABOUT, "other": 1}, made())
    assert off.get(ABOUT) is None
    assert len(off.entries()) == 1, "what others keep stays"


def test_entries_tell_what_they_hold_and_clear_removes_them(cache: FeatureCache) -> None:
    cache.put(ABOUT, made())
    (entry,) = cache.entries()
    assert entry.about == ABOUT
    assert entry.size_bytes == entry.path.stat().st_size
    assert abs(time.time() - entry.used_at) < 60
    (cache.folder / ".highlightr-left-by-a-killed-writer.partial").mkdir()
    stranger = cache.folder / "notes.txt"
    stranger.write_text("not ours")
    assert cache.clear() == (1, entry.size_bytes)
    assert list(cache.folder.iterdir()) == [stranger]


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = FeatureCache(tmp_path / "file" / "features", 2**20)
    with caplog.at_level("INFO", logger="highlightr"):
        cache.put(ABOUT, made())
    assert "cannot be kept" in caplog.text
    assert cache.get(ABOUT) is None
    assert cache.entries() == []


@pytest.mark.parametrize(
    ("text", "size"), [("", DEFAULT_LIMIT_BYTES), ("0", 0), ("500M", 500 * 2**20), ("2 gib", 2**31)]
)
def test_the_limit_from_the_environment(monkeypatch: pytest.MonkeyPatch, text: str, size: int) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, text)
    assert limit_from_environment() == size


@pytest.mark.parametrize("text", ["lots", "-1", "5 parsecs", "1.5G"])
def test_a_limit_that_is_no_size_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, text)
    with pytest.raises(ConfigError, match=LIMIT_VARIABLE):
        limit_from_environment()


WRITER = """
import sys
from pathlib import Path
import numpy as np
from highlightr.features.cache import FeatureCache
from highlightr.features.base import Extracted
cache = FeatureCache(Path(sys.argv[1]), 60_000)
for turn in range(40):
    about = {"number": turn % 8}
    cache.put(about, Extracted({"motion": np.full((1000, 2), turn % 8, np.float32)}))
    found = cache.get({"number": (turn * 3) % 8})
    assert found is None or (found.streams["motion"] == (turn * 3) % 8).all()
"""


def test_processes_that_write_read_and_evict_at_once_never_see_half_an_entry(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)]) for _ in range(3)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    entries = FeatureCache(tmp_path, 60_000).entries()
    assert entries
    assert sum(entry.size_bytes for entry in entries) <= 60_000 + 3 * 8_500
    assert all(entry.about for entry in entries)
