"""What can go wrong around a run: a full or read-only disk, a file that vanishes, a clock set back, a signal.

Each ends in one clear line or in the usual result, leaves nothing behind, and touches nothing that was there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from highlightr.core.errors import HighlightrError, OutputError
from highlightr.pipeline import Highlighter
from tests.light import light_highlighter
from tests.mediamaker import made
from tests.signals import as_in_a_terminal
from tests.trust.conftest import Disk

SMALL = {"seconds": 8.0, "size": (96, 64)}
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder as a user has it: the video, and files of the same kinds that are none of our business."""
    folder = tmp_path / "films"
    folder.mkdir()
    shutil.copy(made("plain.mp4", **SMALL), folder / "video.mp4")
    (folder / "other.summary.mp4").write_bytes(b"another summary")
    (folder / ".highlightr-notes").write_text("mine")
    return folder


def _everything(folder: Path) -> dict[str, str]:
    """Every path below a folder with the hash of its content."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "/"
        for path in folder.rglob("*")
    }


def _refused(run: Callable[[], object], *folders: Path) -> str:
    """The message of the error, after which every folder is as before."""
    before = [_everything(folder) for folder in folders]
    with pytest.raises(HighlightrError) as caught:
        run()
    assert [_everything(folder) for folder in folders] == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_no_room_for_the_clips(light: Highlighter, place: Path, disk: Disk) -> None:
    full = disk(8)

    def run() -> None:
        light.summarize(place / "video.mp4", output=place / "out.mp4", clips=full / "clips", ratio=0.5)

    assert "No space left" in _refused(run, place, full)


def test_a_disk_that_may_only_be_read(light: Highlighter, place: Path, disk: Disk) -> None:
    folder = disk(4096)
    shutil.copy(place / "video.mp4", folder)
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    message = _refused(lambda: light.summarize(folder / "video.mp4"), folder)
    assert str(folder) in message
    assert "choose another place" in message
    summary = light.summarize(folder / "video.mp4", output=place / "out.mp4")
    assert summary.outputs["video"].stat().st_size > 0


def test_no_place_for_temporary_files(light: Highlighter, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(place / "nowhere"))
    assert "set TMPDIR" in _refused(lambda: light.summarize(place / "video.mp4"), place)


def _after(stage: str, do: Callable[[], object]) -> Callable[[str, float, float], None]:
    """A progress hook that acts once, when a stage is over."""
    done: list[str] = []

    def hook(name: str, completed: float, total: float) -> None:
        if name == stage and completed == total and not done:
            done.append(name)
            do()

    return hook


@pytest.mark.parametrize("copy", [False, True], ids=["encode", "copy"])
@pytest.mark.parametrize("stage", ["probe", "extract", "select", "cut"])
def test_a_video_that_vanishes(stage: str, copy: bool, tmp_path: Path, place: Path) -> None:
    video = place / "video.mp4"
    light = light_highlighter(tmp_path, progress=_after(stage, video.unlink))
    with pytest.raises(HighlightrError) as caught:
        light.summarize(video, copy=copy)
    assert "No such file" in str(caught.value) or "no such file" in str(caught.value)
    assert sorted(_everything(place)) == [".highlightr-notes", "other.summary.mp4"]


@pytest.mark.parametrize("stage", ["probe", "extract", "select"])
def test_a_video_that_shrinks(stage: str, tmp_path: Path, place: Path) -> None:
    """What was lost is lost; the rest is told or summarised."""
    video = place / "video.mp4"
    light = light_highlighter(tmp_path, progress=_after(stage, lambda: os.truncate(video, 3000)))
    with pytest.raises(HighlightrError):
        light.summarize(video)
    assert sorted(_everything(place)) == [".highlightr-notes", "other.summary.mp4", "video.mp4"]


def test_a_clock_that_is_set_back(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "home"))
    usual = light_highlighter(tmp_path).summarize(place / "video.mp4", output=place / "usual.mp4")
    began = time.time()
    monkeypatch.setattr("time.time", iter(range(int(began), 0, -3600)).__next__)
    light = light_highlighter(tmp_path, cache=True)
    for name in ("first.mp4", "second.mp4"):  # The second finds the features that the first kept.
        summary = light.summarize(place / "video.mp4", output=place / name)
        assert summary.segments == usual.segments
        assert (summary.scores.values == usual.scores.values).all()
        assert all(seconds >= 0 for seconds in summary.timings_seconds.values())


def test_nothing_of_the_users_is_touched(light: Highlighter, place: Path) -> None:
    before = _everything(place)
    light.summarize(place / "video.mp4", clips=place / "clips")
    after = _everything(place)
    assert {name: after[name] for name in before} == before
    made_here = {f"video.summary.{end}" for end in ("mp4", "json", "html")} | {
        "clips",
        "clips/01 0-02 Random weights.mp4",
    }
    assert set(after) - set(before) == made_here


SLOW = {
    "extract": "import tests.light as t\n"
    "push = t._Means.push\n"
    "def slow(self, item):\n"
    "    print('there', flush=True); time.sleep(0.2); push(self, item)\n"
    "t._Means.push = slow\n",
    "cut": "from highlightr.media._cut import exact_cut as e\n"
    "run = e.run_ffmpeg\n"
    "def slow(arguments, **rest):\n"
    "    print('there', flush=True); run(['-readrate', '0.01', *arguments], **rest)\n"
    "e.run_ffmpeg = slow\n",
    "nothing": "",
}
"""What makes a stage last, and tells when it has come."""

PROGRAM = """\
import sys, time
from pathlib import Path
from tests.light import light_preset
preset = light_preset(Path(sys.argv[2]))
{slow}
sys.argv = ["highlightr", "summarize", sys.argv[1], "--preset", str(preset), "--quiet", "--no-cache"]
from highlightr.cli import main
main()
"""


def _started(
    stage: str, video: Path, folder: Path, prepare: Callable[[], None] = as_in_a_terminal
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.replace("{slow}", SLOW[stage]), str(video), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        preexec_fn=prepare,
    )


def _wait_until_there(child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    if child.stdout.readline() != "there\n":
        pytest.fail(f"the stage never came: {child.communicate()}")


def _descendants(root: int) -> list[int]:
    waiting, found = [root], []
    while waiting:
        tasks = Path(f"/proc/{waiting.pop()}/task")
        children = [int(pid) for task in tasks.glob("*") for pid in (task / "children").read_text().split()]
        waiting += children
        found += children
    return found


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are looked for in /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("stage", ["extract", "cut"])
def test_a_signal_leaves_nothing(stage: str, number: int, code: int, place: Path, tmp_path: Path) -> None:
    before = _everything(place)
    with _started(stage, place / "video.mp4", tmp_path) as child:
        _wait_until_there(child)
        deadline = time.monotonic() + 60
        while stage == "cut" and not _descendants(child.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        below = _descendants(child.pid)
        assert bool(below) == (stage == "cut")
        child.send_signal(number)
        _, said = child.communicate(timeout=100)
    assert child.returncode == code, said
    assert "Traceback" not in said
    assert _everything(place) == before
    # The kernel ends ffmpeg with its parent; it is gone a moment later.
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{pid}").exists() for pid in below) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in below if Path(f"/proc/{pid}").exists()]


def test_a_signal_that_was_ignored_stays_ignored(place: Path, tmp_path: Path) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with _started("extract", place / "video.mp4", tmp_path, ignore) as child:
        _wait_until_there(child)
        child.send_signal(signal.SIGHUP)
        child.communicate(timeout=200)
    assert child.returncode == 0
    assert (place / "video.summary.mp4").exists()


def test_a_limit_on_the_size_of_files(place: Path, tmp_path: Path) -> None:
    """A quota, as an ordinary user can have one: nobody is killed, and one line says what happened."""
    import resource

    before = _everything(place)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))  # noqa: E731
    with _started("nothing", place / "video.mp4", tmp_path, limit) as child:
        _, said = child.communicate(timeout=100)
    assert child.returncode in (1, 2)
    assert len(said.strip().splitlines()) == 1, said
    assert said.startswith("highlightr: ")
    assert _everything(place) == before


def test_an_output_folder_that_vanishes(tmp_path: Path, place: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    light = light_highlighter(tmp_path, progress=_after("select", target.rmdir))
    with pytest.raises(OutputError, match="target: cannot be written"):
        light.summarize(place / "video.mp4", output=target / "out.mp4")
