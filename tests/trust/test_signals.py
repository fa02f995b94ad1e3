"""A signal at any moment ends a run soon, with one line and the code of a shell, and leaves nothing half-written."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.light import DEBUG_PRESET
from tests.mediamaker import made
from tests.signals import as_in_a_terminal

REPOSITORY = Path(__file__).resolve().parents[2]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
HANG_SECONDS = 120.0
"""A bound for a machine that is busy with other things; a run on a quiet one ends within 2 s."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc")


def test_signals_that_a_process_sends_to_itself() -> None:
    """In a process of their own: whatever earlier tests left in this one, a signal may end it."""
    place = Path(__file__).with_name("signals_to_itself.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(place)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 passed" in ended.stdout


def _catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    caught = next((line.split()[1] for line in lines if line.startswith("SigCgt")), "0")
    return bool(int(caught, 16) >> (number - 1) & 1)


def _stopped_at(seconds: float, number: signal.Signals, folder: Path, *, twice: bool) -> float:
    """Send a signal so long after the command line has started; how long it took to end."""
    video, home = folder / "video.mp4", folder / "home"
    shutil.copy(made("plain.mp4", seconds=8.0, size=(96, 64)), video)
    command = [sys.executable, "-m", "highlightr", "summarize", "video.mp4", "--query", "a cat"]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "HIGHLIGHTR_HOME": str(home), "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=as_in_a_terminal,
    ) as child:
        # Python itself catches SIGINT; SIGTERM tells that the command line has taken over.
        while child.poll() is None and not _catches(child.pid, signal.SIGTERM):
            time.sleep(0.005)
        time.sleep(seconds)
        sent = time.monotonic()
        child.send_signal(number)
        if twice:
            time.sleep(0.02)
            child.send_signal(number)
        _, said = child.communicate(timeout=HANG_SECONDS)
    took = time.monotonic() - sent
    names = sorted(path.name for path in folder.iterdir() if path != home)
    whole = ["video.mp4", "video.summary.html", "video.summary.json", "video.summary.mp4"]
    assert "Traceback" not in said, said
    assert not list(home.rglob("*.partial"))
    if child.returncode == 0:
        assert names == whole, "it was done before the signal came"
        return took
    assert child.returncode == CODES[number], said
    assert names in (["video.mp4"], whole)
    assert said.splitlines()[-1] == f"highlightr: ended by {number.name}; nothing half-written was left"
    return took


def _at_random(count: int, tmp_path: Path) -> None:
    chance, tries = random.Random(17), []
    for index in range(count):
        folder = tmp_path / str(index)
        folder.mkdir()
        number = list(CODES)[index % 3]
        tries.append(_stopped_at(chance.uniform(0.0, 3.0), number, folder, twice=index % 2 == 1))
    print(
        f"{count} signals: the longest way out took {max(tries):.2f} s, half of them {sorted(tries)[count // 2]:.2f} s"
    )


def test_signals_at_random_moments(tmp_path: Path) -> None:
    _at_random(3, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_sixty_signals_at_random_moments(tmp_path: Path) -> None:
    _at_random(60, tmp_path)


def test_what_a_killed_run_left_is_swept_by_the_next(tmp_path: Path) -> None:
    """SIGKILL in the middle of the cut: ffmpeg ends with it, and the next run removes the half-written folder."""
    video = Path(shutil.copy(made("plain.mp4", seconds=8.0, size=(640, 480)), tmp_path / "video.mp4"))
    preset = tmp_path / "debug.yaml"
    preset.write_text(DEBUG_PRESET)
    environment = {**os.environ, "HIGHLIGHTR_HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY)}
    wanted = ["--ratio", "1", "--cut", "exact"]  # A copy is over before it can be killed.
    command = [sys.executable, "-m", "highlightr", "summarize", str(video), "--preset", str(preset), *wanted]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        while child.poll() is None and not (staged := list(tmp_path.glob(".highlightr-*.partial/**/*.mp4"))):
            time.sleep(0.005)
        children = [
            int(pid)
            for task in Path(f"/proc/{child.pid}/task").glob("*")
            for pid in (task / "children").read_text().split()
        ]
        child.kill()
        child.wait()
    assert staged
    assert children
    deadline = time.monotonic() + HANG_SECONDS
    while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert list(tmp_path.glob(".highlightr-*.partial"))
    subprocess.run([*command, "--quiet"], env=environment, check=True)
    assert not list(tmp_path.glob(".highlightr-*.partial"))
    assert sorted(path.name for path in tmp_path.glob("video.*")) == [
        "video.mp4",
        "video.summary.html",
        "video.summary.json",
        "video.summary.mp4",
    ]
