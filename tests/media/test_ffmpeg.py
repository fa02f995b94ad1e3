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
from highlightr.media.ffmpeg import av_generation, ffmpeg_path, ffmpeg_version, run_ffmpeg
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


@pytest.mark.parametrize(("body", "words"), [("echo hello", "does not tell its version"), ("exit 1", "cannot be run")])
def test_a_program_that_is_no_ffmpeg_is_told(
    body: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HIGHLIGHTR_FFMPEG", str(_program(tmp_path / "mine", body)))
    with pytest.raises(CutError, match=f"mine {words}; reinstall ffmpeg"):
        ffmpeg_version()


def test_a_wrong_environment_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HIGHLIGHTR_FFMPEG", str(tmp_path / "gone"))
    with pytest.raises(CutError, match=r"HIGHLIGHTR_FFMPEG names .*gone, which is not a program"):
        ffmpeg_path()


def _fake(path: Path, generation: int | None, encoders: str = " V....D libx264 x") -> Path:
    """A program that says which libavformat it has."""
    library = "" if generation is None else f"libavformat {generation}. 1.100 / {generation}. 1.100"
    body = f"""case "$2" in -version) echo "ffmpeg version 1 C"; echo "{library}";; *) echo "{encoders}";; esac"""
    return _program(path, body)


@pytest.mark.parametrize(
    ("system", "bundled", "taken"),
    [
        (0, 1, "system"),
        (1, 0, "system"),
        (-3, 1, "bundled"),
        (-3, None, "system"),
        (-1, -2, "system"),
        (-2, -1, "bundled"),
        (None, 0, "bundled"),
    ],
)
def test_what_cuts_is_no_older_than_what_plans(
    system: int | None, bundled: int | None, taken: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Numbers are generations from that of the libraries inside PyAV on; a program without one does not tell it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    programs = {"system": _fake(folder / "ffmpeg", None if system is None else av_generation() + system)}
    if bundled is not None:
        programs["bundled"] = _fake(tmp_path / "bundled", av_generation() + bundled)
    monkeypatch.delenv("HIGHLIGHTR_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(ffmpeg, "_bundled", lambda: str(programs["bundled"]) if "bundled" in programs else None)
    assert ffmpeg_path() == str(programs[taken])


def test_a_program_that_cannot_encode_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = _fake(tmp_path / "ffmpeg", av_generation() + 1, " V....D libopenh264 x")
    monkeypatch.delenv("HIGHLIGHTR_FFMPEG", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert ffmpeg_path() != str(program)


@pytest.mark.parametrize(
    "words", ["[out#0/mp4 @ 0x5] Error writing trailer: No space left on device", "x.mp4: Disk quota exceeded"]
)
def test_an_output_that_is_not_whole_is_a_failure_whatever_the_status(
    words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HIGHLIGHTR_FFMPEG", str(_program(tmp_path / "lying", f"echo '{words}' >&2; exit 0")))
    with pytest.raises(CutError, match=rf"could not write the output \(.*{words[-10:]}\)"):
        run_ffmpeg(["-i", "x", "y"])


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


def test_the_same_failure_has_the_same_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They stand in receipts; ffmpeg names its parts by where they lie in memory."""
    told = 'echo "[vost#0:0/h264_qsv @ 0x55$$] Task failed" >&2; exit 3'
    monkeypatch.setenv("HIGHLIGHTR_FFMPEG", str(_program(tmp_path / "failing", told)))
    with pytest.raises(CutError, match=r"^ffmpeg failed with status 3: \[vost#0:0/h264_qsv\] Task failed$"):
        run_ffmpeg(["-i", "x", "y"])


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


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL], ids=lambda sent: sent.name)
def test_ffmpeg_ends_with_the_program_that_runs_it(sent: signal.Signals, tmp_path: Path) -> None:
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
        child.send_signal(sent)
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
