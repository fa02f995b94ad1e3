"""Files that appear while a batch waits: taken once they are finished, again when they change, until it is stopped."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from highlightr.batch import BatchOptions, BatchProgress, Job, plan_jobs, watch, watch_batch
from highlightr.batch.watch import REST_SECONDS, SCAN_SECONDS, FolderWatch
from highlightr.core.errors import ConfigError
from highlightr.core.stop import StoppedBySignal
from tests.batch.conftest import leftovers, results
from tests.mediamaker import made
from tests.signals import as_in_a_terminal

WAIT_SECONDS = 240.0
"""Far longer than anything takes, on a machine that others keep busy too."""


class Watched:
    """A watch of a folder, whose clock stands until it is moved."""

    def __init__(self, folder: Path, *, only_rows: bool = False, **asked: Any) -> None:
        self.now, self.plans = 0.0, 0
        self._plan = partial(plan_jobs, [] if only_rows else [folder], folder / "out", absent_ok=True, **asked)
        self.watch = FolderWatch(self._counted, lambda job: None, lambda: self.now)

    def _counted(self) -> Sequence[Job]:
        self.plans += 1
        return self._plan()

    def after(self, seconds: float) -> list[str]:
        """What is brought in one look, so many seconds later."""
        self.now += seconds
        return [job.folder for job in self.watch.take()]


def test_a_file_is_brought_once_it_has_rested(tmp_path: Path) -> None:
    watched, video = Watched(tmp_path), tmp_path / "a.mp4"
    assert watched.after(0) == []
    video.write_bytes(b"")
    assert watched.after(REST_SECONDS) == []
    assert watched.after(REST_SECONDS) == [], "an empty file is yet to be written"
    video.write_bytes(b"x")
    assert watched.after(REST_SECONDS) == [], "it has just been seen to change"
    video.write_bytes(b"xy")
    assert watched.after(REST_SECONDS) == []
    assert watched.after(REST_SECONDS) == ["a"]
    assert watched.after(REST_SECONDS) == []
    os.utime(video, ns=(1, 1))
    assert watched.after(SCAN_SECONDS) == []
    assert watched.after(REST_SECONDS) == ["a"], "it was written anew"
    video.unlink()
    assert watched.after(REST_SECONDS) == []


def test_rows_alone_may_name_videos_that_come_later_and_go(tmp_path: Path) -> None:
    queries = tmp_path / "q.csv"
    queries.write_text("video,query\nin/a.mp4,a cat\nb.mp4,a dog\n")
    watched = Watched(tmp_path, only_rows=True, queries=queries)
    assert watched.after(0) == []
    (tmp_path / "b.mp4").write_bytes(b"x")
    watched.after(SCAN_SECONDS)
    assert watched.after(REST_SECONDS) == ["b"]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_bytes(b"x")
    (tmp_path / "b.mp4").unlink()
    watched.after(SCAN_SECONDS)
    assert watched.after(REST_SECONDS) == ["a"]


def test_subtitles_that_come_later_bring_the_video_again(tmp_path: Path) -> None:
    for name in ("a.mp4", "a b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    watched = Watched(tmp_path)
    watched.after(0)
    assert sorted(watched.after(REST_SECONDS)) == ["a", "a b"]
    for name in ("a.srt", "a.de.vtt"):
        (tmp_path / name).write_text("words")
        assert watched.after(REST_SECONDS) == [], "it has just been written"
        assert watched.after(REST_SECONDS) == ["a"]
    (tmp_path / "a.srt").write_text("other words")
    watched.after(SCAN_SECONDS)
    assert watched.after(REST_SECONDS) == ["a"]
    (tmp_path / "a.srt").unlink()
    watched.after(SCAN_SECONDS)
    assert watched.after(REST_SECONDS) == ["a"]
    (tmp_path / "a.txt").write_text("no subtitles")
    watched.after(SCAN_SECONDS)
    assert watched.after(REST_SECONDS) == []


def test_folders_are_looked_at_now_and_then(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    for _ in range(100):
        watched.after(SCAN_SECONDS / 50)
    assert watched.plans <= 4


def test_own_results_are_not_taken(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    for name in ("out/a/a.summary.mp4", "b.summary.mp4", "b.summary.json", ".highlightr-1.partial/output.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    watched.after(0)
    assert watched.after(REST_SECONDS) == []


def test_queries_may_name_videos_that_come_later_and_may_change(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queries = tmp_path / "q.csv"
    queries.write_text("video,query\na.mp4,a cat\nlater.mp4,a dog\n")
    (tmp_path / "a.mp4").write_bytes(b"x")
    watched = Watched(tmp_path, queries=queries)
    watched.after(0)
    assert watched.after(REST_SECONDS) == ["a"]
    queries.write_text("video,query,duration\na.mp4,a cat,oops\n")
    with caplog.at_level(logging.WARNING, "highlightr"):
        assert watched.after(REST_SECONDS) == watched.after(REST_SECONDS) == []
    (warned,) = [record.getMessage() for record in caplog.records]
    assert "q.csv:2: column duration" in warned
    queries.write_text("video,query,duration\na.mp4,a cat,5\n")
    assert watched.after(REST_SECONDS) == ["a"]
    assert watched.after(REST_SECONDS) == []


def test_another_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the engine local, not ray"):
        watch_batch(tuple, tmp_path / "out", BatchOptions(engine="ray"))
    assert not (tmp_path / "out").exists()


def test_models_that_cannot_be_had_are_told_before_a_video_comes(tmp_path: Path, preset: str) -> None:
    unknown = tmp_path / "unknown.yaml"
    unknown.write_text(Path(preset).read_text().replace("{name: debug", "{name: other"))
    with pytest.raises(ConfigError, match="no scorer named 'other'"):
        watch_batch(tuple, tmp_path / "out", BatchOptions(preset=str(unknown)))
    assert not (tmp_path / "out").exists()


def test_files_that_appear_are_summarised_and_a_restart_keeps_them(
    videos: Path, tmp_path: Path, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SCAN_SECONDS", 0.05)
    monkeypatch.setattr(watch, "REST_SECONDS", 0.1)
    out, late = videos / "out", made("tiny.mp4", seconds=2.0, size=(160, 120))
    steps = iter(
        [
            lambda: shutil.copy(late, videos / "late.mp4"),
            lambda: (videos / "broken.mp4").write_bytes(b"nothing"),
        ]
    )
    seen: list[int] = []

    def act(progress: BatchProgress) -> None:
        if progress.finished in (3, 4) and not progress.running and progress.finished not in seen:
            seen.append(progress.finished)
            assert f"{progress.done} summaries" in (out / "index.html").read_text()
            next(steps)()
        if progress.finished == 5:
            raise StoppedBySignal(signal.SIGINT)

    plan = partial(plan_jobs, [videos], out, absent_ok=True)
    with pytest.raises(StoppedBySignal):
        watch_batch(plan, out, BatchOptions(**options), progress=act)
    assert seen == [3, 4]
    assert [line["state"] for line in results(out)] == ["done", "done", "failed", "done", "done"]
    assert leftovers(out) == []
    kept: list[int] = []

    def stop(progress: BatchProgress) -> None:
        if progress.finished == 5:
            kept.append(progress.kept)
            raise StoppedBySignal(signal.SIGTERM)

    with pytest.raises(StoppedBySignal):
        watch_batch(plan, out, BatchOptions(**options), progress=stop)
    assert kept == [4]
    assert len(results(out)) == 5


def test_ctrl_c_ends_the_command(tmp_path: Path, preset: str) -> None:
    (tmp_path / "in").mkdir()
    command = [sys.executable, "-m", "highlightr", "batch", "in", "out", "--watch", "--preset", preset]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=as_in_a_terminal
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("Waiting for new files")
        shutil.copy(made("tiny.mp4", seconds=2.0, size=(160, 120)), tmp_path / "in" / "a.mp4")
        assert any(line.startswith("done: a.mp4 (1 of 1") for line in process.stderr)
        deadline = time.monotonic() + WAIT_SECONDS
        while not (tmp_path / "out" / "index.html").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
        assert process.wait(WAIT_SECONDS) == 128 + signal.SIGINT
    assert told.endswith("ended by SIGINT; nothing half-written was left\n")
    assert "1 summary" in (tmp_path / "out" / "index.html").read_text()
    assert leftovers(tmp_path / "out") == []


@pytest.mark.parametrize("option", ["--json", "--overwrite"])
def test_what_does_not_go_with_it_is_refused(option: str, tmp_path: Path, preset: str) -> None:
    command = [sys.executable, "-m", "highlightr", "batch", ".", "out", "--watch", "--preset", preset, option]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("highlightr: --watch")
    assert not (tmp_path / "out").exists()
