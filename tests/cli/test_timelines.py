"""`highlightr export` and `cut`, and `--export` of `summarize` and `batch`: what is printed, written and refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from highlightr.media.ffmpeg import run_ffmpeg
from tests.batch.conftest import results
from tests.cli.run import Run
from tests.light import DEBUG_PRESET
from tests.mediamaker import make_video


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a video of 3 s and a preset that starts at once."""
    make_video(tmp_path / "a b.mp4", seconds=3.0, size=(160, 120))
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


SUMMARIZE = ("summarize", "a b.mp4", "--preset", "debug.yaml", "--duration", "1", "--no-cache", "-o", "s.mp4")


def test_from_a_video_to_a_timeline_and_back(folder: Path, run: Run) -> None:
    made = run(*SUMMARIZE, "--export", "edl, csv", "--export", "llc,edl")
    assert made.code == 0, made.err
    assert "Note: The EDL holds pictures only, without sound." in made.out
    receipt = json.loads((folder / "s.json").read_text())
    assert receipt["outputs"]["edl"] == "s.edl"
    assert receipt["notes"][-1] == "The EDL holds pictures only, without sound."
    exported = run("export", "s.json", "--format", "otio", "--relative")
    assert (exported.code, exported.out) == (0, "s.otio\n"), exported.err
    assert '"target_url": "a%20b.mp4"' in (folder / "s.otio").read_text()
    again = run("cut", "s.otio", "--quiet")
    assert (again.code, again.out) == (0, ""), again.err
    assert (folder / "s.cut.mp4").stat().st_size > 1000
    assert (folder / "s.cut.html").exists()


def test_a_receipt_that_tells_nothing_of_the_first_picture_is_completed_from_the_video(folder: Path, run: Run) -> None:
    late = ["-itsoffset", "0.52", "-i", "file:a b.mp4", "-i", "file:a b.mp4", "-map", "0:v", "-map", "1:a"]
    run_ffmpeg([*late, "-c:v", "libx264", "-c:a", "copy", "-timecode", "01:00:00:00", "-t", "3", "file:a b.mov"])
    made = run(SUMMARIZE[0], "a b.mov", *SUMMARIZE[2:], "--export", "edl,otio", "--quiet")
    assert made.code == 0, made.err
    receipt = json.loads((folder / "s.json").read_text())
    assert receipt["source"].pop("picture_start_seconds") == pytest.approx(0.52, abs=0.01)
    assert receipt["source"].pop("timecode") == "01:00:00:13"
    (folder / "s.json").write_text(json.dumps(receipt))
    for name in ("edl", "otio"):
        exported = run("export", "s.json", "-f", name, "-o", f"again.{name}", "--quiet")
        assert exported.code == 0, exported.err
        assert (folder / f"again.{name}").read_text() == (folder / f"s.{name}").read_text()


def test_nothing_is_replaced_unless_it_may_be(folder: Path, run: Run) -> None:
    (folder / "s.edl").write_text("mine")
    refused = run(*SUMMARIZE, "--export", "edl")
    assert (refused.code, (folder / "s.edl").read_text()) == (2, "mine")
    assert not (folder / "s.mp4").exists()
    assert run(*SUMMARIZE, "--quiet").code == 0
    refused = run("export", "s.json", "-f", "edl")
    assert (refused.code, (folder / "s.edl").read_text()) == (2, "mine")
    assert "exists already" in refused.err
    assert run("export", "s.json", "-f", "edl", "--overwrite", "--quiet").code == 0
    assert (folder / "s.edl").read_text().startswith("TITLE: ")


@pytest.mark.parametrize("name", ["s.json", "a b.vtt"])
def test_an_export_replaces_nothing_that_the_summary_is_made_of(name: str, folder: Path, run: Run) -> None:
    assert run(*SUMMARIZE).code == 0
    (folder / "a b.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:02.000\nHello.\n")
    before = (folder / name).read_bytes()
    made = run("export", "s.json", "--format", "vtt", "-o", name, "--overwrite")
    assert made.code == 2
    assert f"{name}: this is " in made.err
    assert (folder / name).read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("export", "s.json", "--format", "mov"), "no format 'mov'; there are otio, edl,"),
        (("export", "gone.json"), "gone.json: cannot be read"),
        (("export", "debug.yaml"), "not JSON"),
        (("cut", "debug.yaml"), "cannot cut from .yaml"),
        ((*SUMMARIZE, "--export", "otoi"), "export knows no format 'otoi'"),
    ],
)
def test_a_mistake_is_one_line(arguments: tuple[str, ...], words: str, folder: Path, run: Run) -> None:
    assert run(*SUMMARIZE, "--quiet").code == 0
    outcome = run(*arguments)
    assert outcome.code == 2
    assert words in outcome.err
    assert outcome.err.count("\n") == 1


def test_another_video_is_told(folder: Path, run: Run) -> None:
    assert run(*SUMMARIZE, "--quiet").code == 0
    (folder / "a b.mp4").rename(folder / "moved.mp4")
    make_video(folder / "a b.mp4", seconds=4.0, size=(160, 120))
    told = "Note: a b.mp4 is not the video that the receipt was made from: see that its times fit.\ns.csv\n"
    assert run("export", "s.json", "--format", "csv").out == told
    for place in ("moved.mp4", "of another machine.mp4"):
        assert run("export", "s.json", "--format", "csv", "--video", place, "--overwrite").out == "s.csv\n"


def test_a_video_that_has_moved_is_asked_for_as_each_command_takes_it(folder: Path, run: Run) -> None:
    assert run(*SUMMARIZE, "--quiet").code == 0
    (folder / "deep").mkdir()
    (folder / "a b.mp4").rename(folder / "deep" / "c #1.mp4")
    for command, how, there in (
        ("export", "with --video", ("--video", "deep/c #1.mp4")),
        ("cut", "after the file", ("deep/c #1.mp4",)),
    ):
        assert f"give its place {how}" in run(command, "s.json").err.replace("\n", " ")
        assert run(command, "s.json", *there).code == 0


def test_the_help_tells_the_default_of_the_command(run: Run) -> None:
    told = {command: run(command, "--help").out for command in ("cut", "summarize")}
    assert ("FILE.cut.mp4" in told["cut"], "NAME.summary.mp4" in told["cut"]) == (True, False)
    assert ("FILE.cut.mp4" in told["summarize"], "NAME.summary.mp4" in told["summarize"]) == (False, True)


def test_what_is_not_installed_is_said_before_any_work(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentimelineio", None)
    outcome = run(*SUMMARIZE, "--export", "otio")
    assert outcome.code == 2
    assert "pip install 'highlightr[timelines]'" in outcome.err
    assert not (folder / "s.mp4").exists()
    assert run(*SUMMARIZE, "--export", "edl,fcpxml", "--quiet").code == 0


def test_a_batch_writes_them_too_and_keeps_no_stale_ones(folder: Path, run: Run) -> None:
    batch = ("batch", "--preset", "debug.yaml", "--no-cache", "--quiet")
    for formats, names in (("otio,vtt", {"otio", "vtt"}), ("vtt", {"vtt"})):
        outcome = run(*batch, "--export", formats, "a b.mp4", "out")
        assert outcome.code == 0, outcome.err
        (line,) = results(folder / "out")
        assert set(line["outputs"]) == {"video", "receipt", "report"} | names
        written = {path.suffix[1:] for path in (folder / "out").rglob("*.summary.*")}
        assert written == {"mp4", "json", "html"} | names
