"""Bad input: each kind ends with exit code 2, one clear line, and nothing written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.run import Outcome, Run
from tests.mediamaker import make_video
from tests.signals import handlers_restored


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return make_video(tmp_path / "video.mp4", seconds=3.0)


def _refused(outcome: Outcome, folder: Path, *words: str) -> None:
    assert outcome.code == 2, outcome.err
    assert outcome.out == ""
    lines = outcome.err.strip().splitlines()
    assert len([line for line in lines if line.startswith("highlightr: ")]) == 1, lines
    for word in words:
        assert word in lines[-1], lines[-1]
    assert not [path for path in folder.rglob("*") if "summary" in path.name or "partial" in path.name]


def _missing(folder: Path) -> Path:
    return folder / "nowhere.mp4"


def _directory(folder: Path) -> Path:
    (folder / "films.mp4").mkdir()
    return folder / "films.mp4"


def _empty(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def _text(folder: Path) -> Path:
    (folder / "letter.mp4").write_text("Dear viewer, this is not a film. " * 50)
    return folder / "letter.mp4"


def _truncated(folder: Path) -> Path:
    whole = make_video(folder / "whole.mp4", seconds=2.0)
    half = folder / "half.mp4"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    return half


def _sound_only(folder: Path) -> Path:
    return make_video(folder / "song.mp4", video=False)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_missing, ["nowhere.mp4"]),
        (_directory, ["films.mp4", "a directory"]),
        (_empty, ["empty.mp4", "empty"]),
        (_text, ["letter.mp4"]),
        (_truncated, ["half.mp4"]),
        (_sound_only, ["song.mp4", "no video"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_file_that_cannot_be_summarised(make, words: list[str], tmp_path: Path, run: Run) -> None:
    _refused(run("summarize", make(tmp_path), "--quiet"), tmp_path, *words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--query", "  "], ["the query is empty"]),
        (["--ratio", "0"], ["ratio must be a number in (0, 1]", "got 0"]),
        (["--ratio", "1.5"], ["ratio must be a number in (0, 1]", "got 1.5"]),
        (["--ratio", "nan"], ["ratio must be a number in (0, 1]"]),
        (["--duration", "-3"], ["duration_seconds must be at least 0.1 s", "got -3"]),
        (["--max-clips", "0"], ["max_clips must be", "got 0"]),
        (["--mode", "best"], ["mode must be one of moments, knapsack", "'best'"]),
        (["--preset", "light"], ["no preset named 'light'", "lite"]),
        (["--device", "tpu"], ["no device 'tpu'", "cpu"]),
        (["--output", "film.gif"], [".gif", ".mp4"]),
        (["--output", "."], [".: a folder; name the video in it"]),
        (["--duration", "10s"], ["'--duration': '10s' is not a number; see `highlightr summarize --help`"]),
        (["--max-clips", "1.5"], ["'1.5' is not a whole number"]),
        (["--query"], ["requires an argument; see `highlightr summarize --help`"]),
        (["--range", "20-10"], ["begin before they end, got 20-10;"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_an_option_that_is_not_acceptable(
    options: list[str], words: list[str], video: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(video.parent)
    _refused(run("summarize", video, "--quiet", *options), video.parent, *words)


def test_ratio_and_duration_together_are_refused(video: Path, run: Run) -> None:
    outcome = run("summarize", video, "--ratio", "0.2", "--duration", "2", "--quiet")
    _refused(outcome, video.parent, "--ratio", "--duration", "one of them")


@pytest.mark.parametrize("name", ["video.summary.mp4", "video.summary.json", "video.summary.html"])
def test_an_existing_output_is_kept(name: str, video: Path, run: Run) -> None:
    mine = video.with_name(name)
    mine.write_text("mine")
    outcome = run("summarize", video, "--quiet")
    assert outcome.code == 2
    assert name in outcome.err
    assert "--overwrite" in outcome.err
    assert mine.read_text() == "mine"
    assert sorted(path.name for path in video.parent.iterdir()) == sorted(["video.mp4", name])


def test_the_source_is_never_overwritten(video: Path, run: Run) -> None:
    before = video.read_bytes()
    link = video.with_name("link.mp4")
    link.symlink_to(video)
    for target in (video, link):
        outcome = run("summarize", video, "-o", target, "--overwrite", "--quiet")
        assert outcome.code == 2
        assert video.read_bytes() == before


def test_a_clips_folder_that_is_a_file_is_known_before_any_work(video: Path, run: Run) -> None:
    (video.parent / "clips").write_text("mine")
    outcome = run("summarize", video, "--clips", video.parent / "clips", "--quiet")
    _refused(outcome, video.parent, "clips", "not a directory")
    assert (video.parent / "clips").read_text() == "mine"


def test_an_output_folder_that_is_not_there(video: Path, run: Run) -> None:
    target = video.parent / "no" / "such" / "film.mp4"
    _refused(run("summarize", video, "-o", target, "--quiet"), video.parent, str(target.parent))


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_an_output_folder_that_cannot_be_written(video: Path, run: Run) -> None:
    locked = video.parent / "locked"
    locked.mkdir(mode=0o500)
    outcome = run("summarize", video, "-o", locked / "film.mp4", "--quiet")
    _refused(outcome, video.parent, "locked")


def test_an_unknown_option_is_a_usage_error(video: Path, run: Run) -> None:
    outcome = run("summarize", video, "--fast")
    assert outcome.code == 2
    assert "--fast" in outcome.err


@pytest.mark.parametrize("command", [("summarize",), ("batch",), ("cut",)])
def test_a_file_whose_name_begins_with_a_dash_is_no_option(
    command: tuple[str, ...], video: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(video.parent)
    video.rename("-5 & x.mp4")
    outcome = run(*command, "-5 & x.mp4", "out.mp4")
    _refused(outcome, video.parent, "write ./-5 & x.mp4, or put -- before the files")


def test_spans_outside_the_video_are_refused_before_it_is_analysed(
    video: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("highlightr.pipeline.extract", lambda *_, **__: pytest.fail("decoded"))
    for spans in (("--range", "5-6"), ("--exclude", "0-9"), ("--range", "1-2", "--exclude", "0:00-0:02")):
        outcome = run("summarize", video, *spans, "--quiet")
        _refused(outcome, video.parent, "range and exclude leave nothing of a video of 3.0 s")


def test_debug_shows_where_an_error_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from highlightr.cli import main
    from highlightr.core.errors import MediaError

    monkeypatch.setattr(sys, "argv", ["highlightr", "summarize", str(tmp_path / "nowhere.mp4"), "--debug"])
    with handlers_restored(), pytest.raises(MediaError, match="nowhere"):
        main()


def test_a_checkpoint_is_not_converted_into_itself(tmp_path: Path, run: Run) -> None:
    checkpoint = tmp_path / "mine.safetensors"
    checkpoint.write_bytes(b"of the user")
    (tmp_path / "link.safetensors").symlink_to(checkpoint)
    outcome = run("models", "convert", checkpoint, tmp_path / "link.safetensors", "--overwrite")
    _refused(outcome, tmp_path, "this is the checkpoint itself")
    assert checkpoint.read_bytes() == b"of the user"


@pytest.mark.parametrize("query", ["a caf\udce9", "\udce9", "half an emoji \ud83d"])
@pytest.mark.parametrize("command", ["summarize", "score", "batch"])
def test_a_query_that_is_not_unicode(command: str, query: str, run: Run, tmp_path: Path, video: Path) -> None:
    output = [tmp_path / "out"] if command == "batch" else []
    _refused(run(command, video, *output, "--query", query), tmp_path, "write it in UTF-8")


def test_a_name_that_is_too_long_for_an_output(run: Run, tmp_path: Path, video: Path) -> None:
    long = video.rename(tmp_path / f"{'x' * 245}.mp4")
    _refused(run("summarize", long), tmp_path, "File name too long; choose a shorter name")
    ended = run("summarize", long, "-o", tmp_path / "short.mp4", "--clips", tmp_path / ("y" * 256))
    _refused(ended, tmp_path, "cannot be written (File name too long); choose a shorter name")


def test_a_library_that_cannot_be_loaded_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> object:
        raise ImportError("libx.so.0: failed to map segment from shared object")

    monkeypatch.setattr("highlightr.cli.app.app", broken)
    ended = run("presets")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("highlightr: a library cannot be loaded: libx.so.0: failed to map segment")
    assert len(ended.err.splitlines()) == 1


def test_a_current_folder_that_is_gone_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, video: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    ended = run("batch", video, "out")
    assert (ended.code, ended.err) == (1, "highlightr: the current folder: No such file or directory\n")
