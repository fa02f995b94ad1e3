"""A disk that fills up at any point: nothing half-written is left, nothing counts as done, and room lets it be done.

The disks are tmpfs mounts, which only the superuser may make; elsewhere these tests skip.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from highlightr.batch import BatchOptions, plan_jobs, run_batch
from highlightr.core.errors import HighlightrError
from highlightr.export.feature_files.extract import ExtractOptions, extract_to_files
from highlightr.features.base import Extracted
from highlightr.features.cache import FeatureCache
from highlightr.pipeline import Highlighter
from tests.light import DEBUG_PRESET
from tests.mediamaker import made
from tests.trust.baits import listening
from tests.trust.conftest import Disk

SIZES = (4, 8, 16, 24, 32, 48, 64, 96, 128, 256, 1024, 8192)
"""Kilobytes, from less than the first file to more than everything."""

SMALL = {"seconds": 8.0, "size": (96, 64)}


@pytest.fixture
def video(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    return Path(shutil.copy(made("plain.mp4", **SMALL), tmp_path / "films" / "video.mp4"))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("cut", ["exact", "copy"])
def test_a_summary_is_whole_or_absent(cut: str, light: Highlighter, video: Path, disk: Disk) -> None:
    succeeded = []
    for kilobytes in SIZES:
        folder = disk(kilobytes)
        try:
            light.summarize(video, output=folder / "out.mp4", cut=cut)
        except HighlightrError as error:
            assert "No space left" in str(error)
            assert "\n" not in str(error)
            assert not re.search(
                r"\.partial|output\.mp4", str(error)
            )  # The hidden folder and file that are written first.
            assert names_in(folder) == []
        else:
            assert names_in(folder) == ["out.html", "out.json", "out.mp4"]
            succeeded.append(kilobytes)
            for path in folder.iterdir():
                path.unlink()
    assert succeeded
    assert list(SIZES[-len(succeeded) :]) == succeeded, "more room never hurts"
    assert SIZES[0] not in succeeded


def test_extracted_files_are_whole_or_absent(video: Path, disk: Disk) -> None:
    outcomes = []
    for kilobytes in SIZES:
        out = disk(kilobytes) / "features"
        try:
            (result,) = extract_to_files([video], ["logmel"], out, ExtractOptions(clip_seconds=1.0, device="cpu"))
        except HighlightrError as error:
            assert "No space left" in str(error)
            outcomes.append("failed")
        else:
            outcomes.append(result.state)
        assert not [path for path in out.rglob("*") if ".partial" in path.name]
        for path in out.rglob("*.npz"):
            if path.with_name(f"{path.name}.json").exists():
                assert dict(np.load(path))
    written = outcomes.index("written")
    assert set(outcomes[:written]) == {"failed"}
    assert set(outcomes[written + 1 :]) == {"skipped"}


def test_the_cache_never_holds_half_an_entry(disk: Disk, tmp_path: Path) -> None:
    entry = Extracted({"stream": np.ones((200, 20), np.float32)})
    kept = []
    for kilobytes in SIZES:
        cache = FeatureCache(disk(kilobytes) / "cache", 10**9)
        cache.put({"number": kilobytes}, entry)
        found = cache.get({"number": kilobytes})
        if found is not None:
            np.testing.assert_array_equal(found.streams["stream"], entry.streams["stream"])
            kept.append(kilobytes)
        assert not cache.folder.exists() or not list(cache.folder.glob(".*"))
        cache.clear()
    assert kept
    assert kept[-1] == SIZES[-1]
    assert SIZES[0] not in kept


def _batch(video: Path, sizes: tuple[int, ...], disk: Disk, options: dict[str, Any]) -> None:
    states = []
    for kilobytes in sizes:
        out = disk(kilobytes) / "out"
        jobs = plan_jobs([video.parent], out)
        try:
            (result,) = run_batch(jobs, out, BatchOptions(**options)).outcomes
        except HighlightrError as error:
            assert "No space left" in str(error)
            assert ".highlightr" not in str(error)
            states.append("failed")
            continue
        states.append(result.state)
        if result.state == "failed":
            assert "No space left" in str(result.error)
            assert ".highlightr" not in str(result.error)
            assert not list(out.rglob("*.summary.*"))
    done = states.index("done")
    assert set(states[:done]) <= {"failed"}
    assert set(states[done + 1 :]) <= {"kept"}, "what was broken is done once there is room, and once only"


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    preset = tmp_path / "debug.yaml"
    preset.write_text(DEBUG_PRESET)
    return {"preset": str(preset), "device": "cpu", "workers": 1, "cache": False, "retries": 0}


def test_a_batch_does_again_what_had_no_room(video: Path, disk: Disk, options: dict[str, Any]) -> None:
    _batch(video, (32, 8192), disk, options)


def test_there_is_no_room_for_what_is_fetched(
    disk: Disk, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    out = disk(64) / "out"
    with listening(bytes(2**20)) as listener:
        jobs = plan_jobs([listener.address], out, allow_remote=True)
        (result,) = run_batch(jobs, out, BatchOptions(**options, allow_private=True)).outcomes
    why = "cannot be written (No space left on device); free some space, or choose another place"
    assert result.error == f"{out}: {why}"


@pytest.mark.slow
def test_a_batch_at_every_size(video: Path, disk: Disk, options: dict[str, Any]) -> None:
    _batch(video, SIZES, disk, options)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_training_leaves_whole_weights_or_none(disk: Disk, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    from highlightr.training.runs import train
    from tests.training import moments

    data = moments.moments_folder(tmp_path / "data")
    finished = []
    for kilobytes in SIZES:
        out = disk(kilobytes) / "runs"
        try:
            train(moments.config(epochs=1), data, out, device="cpu", queries=moments.queries())
            finished.append(kilobytes)
        except (
            HighlightrError,
            OSError,
        ) as error:  # Lightning raises the system's own.
            assert "No space left" in str(error)
            assert "\n" not in str(error)
        for path in out.rglob("*.safetensors"):
            assert load_file(path)
        assert not list(out.rglob("*.partial"))
        shutil.rmtree(out, ignore_errors=True)
    assert finished
