"""Finding and running ffmpeg."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from highlightr.core.errors import CutError
from highlightr.media import ffmpeg
from highlightr.media.ffmpeg import ffmpeg_path, ffmpeg_version, run_ffmpeg
from tests.signals import as_in_a_terminal

SOURCE = ["-f", "lavfi", "-i", "testsrc=size=64x64:rate=25"]


def _program(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_version_is_told() -> None:
    assert ffmpeg_version()[0] in "n0123456789N"


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    chosen = _program(tmp_path / "mine", "echo ffmpeg version 99.1-mine Copyright")
    monkeypatch.setenv("HIGHLIGHTR_FFMPEG", str(chosen))
    assert ffmpeg_path() == str(chosen)
    assert ffmpeg_version() == "99.1-mine"


def test_a_wrong_environment_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HIGHLIGHTR_FFMPEG", str(tmp_path / "gone"))
    with pytest.raises(CutError, match=r"HIGHLIGHTR_FFMPEG names .*gone, which is not a program"):
        ffmpeg_path()


@pytest.mark.parametrize(
    ("version", "encoders", "taken"),
    [
        ("7.1.1", " V....D libx264 x", True),
        ("n5.1-2-g1", " V....D libx264 x", True),
        ("N-12345-gabc", " V....D libx264 x", True),
        ("4.4.2-0ubuntu0", " V....D libx264 x", False),
        ("7.1.1", " V....D libopenh264 x", False),
    ],
)
def test_the_system_s_is_taken_if_it_can_do_the_work(
    version: str, encoders: str, taken: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    body = f'case "$2" in -version) echo "ffmpeg version {version} Copyright";; *) echo "{encoders}";; esac'
    program = _program(tmp_path / "ffmpeg", body)
    monkeypatch.delenv("HIGHLIGHTR_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert (ffmpeg_path() == str(program)) is taken


def test_none_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HIGHLIGHTR_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(ffmpeg, "_bundled", lambda: None)
    with pytest.raises(CutError, match=r"no usable ffmpeg .*; install ffmpeg"):
        ffmpeg_path()


def test_its_last_words_are_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(CutError, match=r"ffmpeg failed with status \d+: .*No such file") as caught:
        run_ffmpeg(["-i", f"file:{tmp_path}/gone.mp4", f"file:{tmp_path}/out.mp4"])
    assert isinstance(caught.value.__cause__, subprocess.CalledProcessError)


def test_progress_is_told_in_frames(tmp_path: Path) -> None:
    told: list[int] = []
    run_ffmpeg([*SOURCE, "-t", "2", f"file:{tmp_path}/out.mp4"], progress=told.append)
    assert told[-1] == 50


def test_an_exception_in_the_hook_stops_ffmpeg(tmp_path: Path) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_ffmpeg(["-re", *SOURCE, "-t", "600", f"file:{tmp_path}/out.mp4"], progress=interrupt)
    assert _children() == []


def test_ctrl_c_ends_the_program_and_ffmpeg(tmp_path: Path) -> None:
    program = (
        "from highlightr.media.ffmpeg import run_ffmpeg\n"
        f"arguments = ['-re', *{SOURCE!r}, '-t', '600', 'file:{tmp_path}/out.mp4']\n"
        "run_ffmpeg(arguments, progress=lambda seconds: print(seconds, flush=True))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=as_in_a_terminal,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        grandchildren = _children(child.pid)
        assert len(grandchildren) == 1
        child.send_signal(signal.SIGINT)
        assert child.wait(timeout=20) != 0
    deadline = time.monotonic() + 10
    while Path(f"/proc/{grandchildren[0]}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{grandchildren[0]}").exists()


def _children(parent: int | None = None) -> list[int]:
    parent = parent or os.getpid()
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found
