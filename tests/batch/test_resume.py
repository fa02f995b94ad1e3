"""Killed at any moment and started again, a batch redoes only what was not finished and ends in the same results."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from highlightr.batch import BatchOptions, plan_jobs, run_batch
from tests.batch.conftest import leftovers, snapshot
from tests.batch.test_local import alive
from tests.mediamaker import made
from tests.signals import as_in_a_terminal

NAMES = ("a.mp4", "b.mp4", "deep/a.mp4", "deep/c.mp4")
EXIT_WAIT_SECONDS = 120.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four tiny videos."""
    folder = tmp_path_factory.mktemp("resume") / "videos"
    for number, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made("tiny.mp4", seconds=2.0 + number / 4, size=(160, 120)), folder / name)
    return folder


@pytest.fixture(scope="module")
def calm(folder: Path, preset: str) -> dict[str, Any]:
    """What an undisturbed run makes."""
    out = folder.parent / "calm"
    jobs = plan_jobs([folder], out)
    assert not run_batch(jobs, out, BatchOptions(preset=preset, workers=2, cache=False)).failed
    return snapshot(out)


class Run:
    """`highlightr batch` in a process of its own."""

    def __init__(self, folder: Path, out: Path, preset: str) -> None:
        self.out = out
        arguments = ["batch", str(folder), str(out), "--preset", preset, "--workers", "2", "--json", "--no-cache"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "highlightr", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=as_in_a_terminal,
        )
        self.pid = self.process.pid

    def workers(self) -> list[int]:
        """Processes of the workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        try:
            return [pid for pid in map(int, children.read_text().split()) if os.getpgid(pid) == pid]
        except (OSError, ValueError):
            return []

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds, or the run is over."""
        deadline = time.monotonic() + EXIT_WAIT_SECONDS
        while self.process.poll() is None and not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def done(self) -> set[str]:
        """Folders of jobs whose record is written."""
        found = set()
        for record in (self.out / ".highlightr" / "done").glob("[0-9a-f]*"):
            found.add(json.loads(record.read_text())["outcome"]["job"]["folder"])
        return found

    def end(self) -> list[dict[str, Any]]:
        """Wait for it; the jobs of its JSON."""
        out, err = self.process.communicate(timeout=EXIT_WAIT_SECONDS)
        assert self.process.returncode == 0, out + err
        return list(json.loads(out)["jobs"])


def kill_and_resume(folder: Path, out: Path, preset: str, chance: random.Random) -> tuple[int, dict[str, Any]]:
    """Kill the parent or a worker at a random moment, start again; how many jobs were kept, and what is there."""
    first = Run(folder, out, preset)
    # Half of the moments fall into the time in which videos are worked on, wherever that lies on this machine.
    count, parent = chance.randrange(len(NAMES) + 1), chance.random() < 0.5
    first.until(lambda: first.workers() and len(first.done()) >= min(count, len(NAMES) - 1))
    time.sleep(chance.uniform(0.0, 0.4))
    workers = first.workers()
    victim = first.pid if parent or not workers else chance.choice(workers)
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    if victim == first.pid:
        first.process.communicate()
        deadline = time.monotonic() + EXIT_WAIT_SECONDS
        while any(map(alive, workers)):
            assert time.monotonic() < deadline, "a worker outlived its parent"
            time.sleep(0.01)
    else:
        first.end()
    finished = first.done()
    again = Run(folder, out, preset).end()
    assert {job["folder"] for job in again if job["kept"]} == finished
    assert leftovers(out) == []
    return len(finished), snapshot(out)


def test_killed_and_started_again(folder: Path, calm: dict[str, Any], preset: str, tmp_path: Path) -> None:
    kept, found = kill_and_resume(folder, tmp_path / "out", preset, random.Random(0))
    assert found == calm
    assert 0 <= kept <= len(NAMES)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thirty_random_moments(folder: Path, calm: dict[str, Any], preset: str, tmp_path: Path) -> None:
    kept = []
    for seed in range(100, 130):
        count, found = kill_and_resume(folder, tmp_path / str(seed), preset, random.Random(seed))
        assert found == calm, seed
        kept.append(count)
    # The moments were spread over the run: some found nothing done, some a part.
    assert min(kept) < 2
    assert any(0 < count < len(NAMES) for count in kept), kept


def test_killed_again_and_again_it_still_ends(folder: Path, calm: dict[str, Any], preset: str, tmp_path: Path) -> None:
    for wanted in (1, 2):
        run = Run(folder, tmp_path / "out", preset)
        run.until(lambda run=run, wanted=wanted: len(run.done()) >= wanted)  # type: ignore[misc]
        os.kill(run.pid, signal.SIGKILL)
        run.process.communicate()
    Run(folder, tmp_path / "out", preset).end()
    assert snapshot(tmp_path / "out") == calm


def test_two_runs_at_once_share_the_work(folder: Path, calm: dict[str, Any], preset: str, tmp_path: Path) -> None:
    runs = [Run(folder, tmp_path / "out", preset) for _ in range(2)]
    jobs = [run.end() for run in runs]
    assert snapshot(tmp_path / "out") == calm
    made_by = [{job["title"] for job in one if not job["kept"]} for one in jobs]
    assert made_by[0] | made_by[1] == set(NAMES)
    assert not made_by[0] & made_by[1]
    assert leftovers(tmp_path / "out") == []


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_stopped_by_a_signal_it_ends_cleanly(
    sent: signal.Signals, code: int, folder: Path, calm: dict[str, Any], preset: str, tmp_path: Path
) -> None:
    run = Run(folder, tmp_path / "out", preset)
    run.until(lambda: run.workers() and run.done())
    workers = run.workers()
    os.kill(run.pid, sent)
    _, err = run.process.communicate(timeout=EXIT_WAIT_SECONDS)
    assert run.process.returncode == code, err
    assert "Traceback" not in err
    assert not any(map(alive, workers))
    assert leftovers(tmp_path / "out") == []
    assert (tmp_path / "out" / "index.html").exists()
    Run(folder, tmp_path / "out", preset).end()
    assert snapshot(tmp_path / "out") == calm
