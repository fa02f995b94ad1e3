"""What a user meets who may not read or write everything: each is one line, of that video alone in a batch.

The superuser may read everything, so its runs give that up first: without the capabilities to pass over permissions,
its own files are closed to it as an ordinary user's are to that user.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.light import DEBUG_PRESET
from tests.mediamaker import made

REPOSITORY = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="users of POSIX")


def _as_an_ordinary_user() -> None:
    """For `preexec_fn`: what is started next has no capability to pass over permissions."""
    if os.geteuid() == 0:
        drop, dac_override, dac_read_search, fowner = 24, 1, 2, 3
        for capability in (dac_override, dac_read_search, fowner):
            if ctypes.CDLL(None).prctl(drop, capability, 0, 0, 0) != 0:
                os._exit(77)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a good video and a preset."""
    closed = tmp_path / "closed"
    closed.touch(mode=0o000)
    if subprocess.run(["cat", str(closed)], preexec_fn=_as_an_ordinary_user, capture_output=True).returncode != 1:
        pytest.skip("permissions cannot be made to count here")
    shutil.copy(made("tiny.mp4", seconds=3.0, size=(160, 120)), tmp_path / "good.mp4")
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    yield tmp_path
    for path in tmp_path.rglob("*"):  # So that it can be removed.
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(folder), "HIGHLIGHTR_HOME": str(folder / "home"), "TMPDIR": str(folder)}
    environment["COLUMNS"] = "400"
    environment["PYTHONPATH"] = str(REPOSITORY)
    command = [sys.executable, "-m", "highlightr", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, preexec_fn=_as_an_ordinary_user
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_an_unreadable_video(folder: Path) -> None:
    Path(shutil.copy(folder / "good.mp4", folder / "closed.mp4")).chmod(0o000)
    done = run(folder, "summarize", "closed.mp4", "--preset", "debug.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "closed.mp4" in last_line(done.stderr)
    assert "no permission to read it" in last_line(done.stderr)
    assert not list(folder.glob("closed.summary.*"))


def test_an_output_folder_that_may_not_be_written(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out").chmod(0o555)
    done = run(folder, "summarize", "good.mp4", "-o", "out/a.mp4", "--preset", "debug.yaml")
    assert done.returncode == 2
    assert "no permission to write here" in last_line(done.stderr)
    done = run(folder, "batch", "good.mp4", "out", "--preset", "debug.yaml")
    assert done.returncode == 2
    assert "cannot be" in last_line(done.stderr) or "cannot make" in last_line(done.stderr)
    assert not list((folder / "out").iterdir())


def test_a_cache_that_may_not_be_written_costs_nothing(folder: Path) -> None:
    (folder / "home").mkdir()
    (folder / "home").chmod(0o555)
    done = run(folder, "summarize", "good.mp4", "--preset", "debug.yaml")
    assert done.returncode == 0, done.stderr
    assert (folder / "good.summary.mp4").is_file()


def test_a_cache_that_may_not_be_cleared_is_not_said_to_be(folder: Path) -> None:
    assert run(folder, "summarize", "good.mp4", "--preset", "debug.yaml").returncode == 0
    features = folder / "home" / "features"
    features.chmod(0o555)
    done = run(folder, "cache", "clear")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be removed (Permission denied)" in last_line(done.stderr)
    features.chmod(0o755)
    assert "removed 1 entry" in run(folder, "cache", "clear").stdout


def test_a_preset_and_a_list_that_may_not_be_read(folder: Path) -> None:
    (folder / "list.txt").write_text("good.mp4\n")
    (folder / "list.txt").chmod(0o000)
    done = run(folder, "batch", "--list", "list.txt", "out", "--preset", "debug.yaml")
    assert (done.returncode, "list.txt" in last_line(done.stderr)) == (2, True)
    (folder / "debug.yaml").chmod(0o000)
    done = run(folder, "summarize", "good.mp4", "--preset", "debug.yaml")
    assert (done.returncode, "cannot read debug.yaml" in done.stderr) == (2, True)


def test_a_batch_of_unreadable_vanished_and_half_copied_videos(folder: Path) -> None:
    videos = folder / "videos"
    videos.mkdir()
    content = (folder / "good.mp4").read_bytes()
    (videos / "good.mp4").write_bytes(content)
    (videos / "half.mp4").write_bytes(content[: len(content) // 2])
    (videos / "empty.mp4").write_bytes(b"")
    (videos / "closed.mp4").write_bytes(content)
    (videos / "dangling.mp4").symlink_to("nowhere.mp4")
    (videos / "locked").mkdir()
    (videos / "locked" / "inside.mp4").write_bytes(content)
    (videos / "closed.mp4").chmod(0o000)
    (videos / "locked").chmod(0o000)
    (folder / "list.txt").write_text("videos/good.mp4\nvideos/gone.mp4\n")
    usual = ("--preset", "debug.yaml", "--no-cache", "--workers", "1", "--json")
    done = run(folder, "batch", "videos", "out", "--list", "list.txt", *usual)
    assert done.returncode == 1, done.stderr
    assert done.stdout, done.stderr
    jobs = {job["title"]: job for job in json.loads(done.stdout)["jobs"]}
    assert {title: job["state"] for title, job in jobs.items()} == {
        "good.mp4": "done",
        "half.mp4": "failed",
        "empty.mp4": "failed",
        "closed.mp4": "failed",
        "dangling.mp4": "failed",
        "videos/gone.mp4": "failed",
    }
    assert "ermission" in jobs["closed.mp4"]["error"]
    assert "no such file" in jobs["videos/gone.mp4"]["error"].lower()
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        ".highlightr",
        "good",
        "index.html",
        "results.jsonl",
    ]
    assert "locked" in done.stderr, "what could not be looked into is said"
