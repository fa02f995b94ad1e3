"""`highlightr batch`: what it prints, where it writes, how it exits."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from highlightr.batch import BatchProgress, BatchResult, Job, JobResult
from highlightr.cli.batch_progress import batch_progress_hook, progress_table, show_result
from highlightr.core.types import Match
from tests.cli.run import Run
from tests.light import DEBUG_PRESET
from tests.mediamaker import made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two videos and a preset that starts at once."""
    for name in ("-one.mp4", "100% [two].mp4"):
        shutil.copy(made("tiny.mp4", seconds=2.0, size=(160, 120)), tmp_path / name)
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    monkeypatch.chdir(tmp_path)
    return tmp_path


USUAL = ("batch", "--preset", "debug.yaml", "--device", "cpu", "--no-cache")


def test_a_batch_prints_a_row_per_video_and_exits_with_1_if_one_failed(folder: Path, run: Run) -> None:
    (folder / "broken.mp4").write_bytes(b"nothing")
    outcome = run(*USUAL, "--", "-one.mp4", "100% [two].mp4", "broken.mp4", "out")
    assert outcome.code == 1
    for words in (
        "-one.mp4",
        "100% [two].mp4",
        "not a video that can be read",
        "scores mean nothing",
        "2 done, 1 failed",
        "index.html",
    ):
        assert words in outcome.out
    failure = next(line for line in outcome.err.splitlines() if line.startswith("failed: broken.mp4: "))
    assert "not a video that can be read" in failure
    assert "(3 of 3, 1 failed" in failure
    again = run(*USUAL, "--json", "--", "-one.mp4", "100% [two].mp4", "out")
    assert (again.code, again.err) == (0, "")
    told = json.loads(again.out)
    assert [(job["state"], job["kept"]) for job in told["jobs"]] == [("done", True)] * 2
    assert Path(told["results"]).read_text().count("\n") == 3


def test_quiet_tells_failures_alone(folder: Path, run: Run) -> None:
    (folder / "broken.mp4").write_bytes(b"nothing")
    outcome = run(*USUAL, "--quiet", "--", "-one.mp4", "broken.mp4", "out")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("broken.mp4: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone.mp4", "out"], "no video or folder at gone.mp4"),
        (["out"], "goes last: highlightr batch out OUTPUT_DIR"),
        (["https://example.org/v.mp4", "out"], "--allow-remote"),
        (["100% [two].mp4", "out", "--ratio", "2"], "ratio must be"),
        (["100% [two].mp4", "out", "--query", " "], "the query is empty"),
        (["100% [two].mp4", "out", "--query", "a cat"], "names no text encoder"),
        (["100% [two].mp4", "out", "--queries", "gone.csv"], "cannot read the queries gone.csv"),
        (["100% [two].mp4", "out", "--engine", "spark"], "engine must be local or ray, got 'spark'"),
        (["100% [two].mp4", "debug.yaml"], "the folder for the outputs goes last"),
        (["100% [two].mp4", "out", "--model", "ViT-L-14/openai"], "--model goes with --preset clip"),
        (["100% [two].mp4", "out", "--scorer", "other"], "has no scorer named 'other'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_exits_with_2(arguments: list[str], words: str, folder: Path, run: Run) -> None:
    outcome = run(*USUAL, *arguments)
    assert outcome.code == (1 if "text encoder" in words else 2), outcome.err
    said = outcome.err + outcome.out
    assert words in " ".join(said.split())
    assert outcome.code == 1 or not (folder / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [(("--engine", "ray"), "highlightr[ray]"), (("--device", "cuda"), "CUDA")],
    ids=["ray", "cuda"],
)
def test_what_cannot_run_here_is_refused_before_the_folder_is_made(
    options: tuple[str, ...], words: str, folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("highlightr.core.extras.find_spec", lambda _: None)
    monkeypatch.setattr("highlightr.core.device.cuda_device_count", lambda: 0)
    outcome = run(*USUAL, *options, "100% [two].mp4", "out")
    assert outcome.code == 2
    assert words in outcome.err
    assert not (folder / "out").exists()


def test_the_table_tells_what_was_found_and_no_path_twice(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [Job(f"/videos/{name}", "a cat", name, title=name, video_folder=name) for name in ("a.mp4", "b.mp4")]
    found = JobResult(jobs[0], "done", match=Match("weak", 0.5))
    failed = JobResult(jobs[1], "failed", error="/videos/b.mp4: the file is empty")
    show_result(BatchResult((found, failed), Path("results.jsonl"), Path("index.html"), 1.0), quiet=False)
    head, first, second, why, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["video", "state", "match", "summary", "seconds"]
    assert (first.split()[:3], second.split()[:3]) == (["a.mp4", "done", "weak"], ["b.mp4", "failed", "-"])
    assert why == "b.mp4: the file is empty"


def board() -> BatchProgress:
    made = BatchProgress(4)
    for name, state in (("a.mp4", "done"), ("b.mp4", "failed")):
        made.start(Job(name, None, name), "cpu", 1)
        made.finish(JobResult(Job(name, None, name), state, video_seconds=60.0))  # type: ignore[arg-type]
    made.start(Job("c", None, "[red]c.mp4"), "cuda:1", 2)
    made.advance(Job("c", None, "[red]c.mp4"), "extract", 30.0, 60.0)
    return made


def test_the_live_table_shows_counts_and_what_runs() -> None:
    text = io.StringIO()
    Console(file=text, width=100).print(progress_table(board()))
    for words in ("2 of 4", "1 failed", "1 running", "x real time", "left", "[red]c.mp4", "50 %", "cuda:1"):
        assert words in text.getvalue()


def test_a_watch_tells_why_a_video_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal, too: it has no end at which the table would."""
    progress, job = BatchProgress(1, watching=True), Job("/videos/a.mp4", None, "a", title="a.mp4")
    text = io.StringIO()
    with batch_progress_hook(Console(file=text, width=100, force_terminal=True), quiet=False) as watch:
        assert watch is not None
        progress.finish(JobResult(job, "failed", error="/videos/a.mp4: the file is empty"))
        watch(progress)
        watch(progress)
    assert text.getvalue().count("failed: a.mp4: the file is empty (1 of 1, 1 failed, waiting for new files)") == 1
    assert capsys.readouterr().out == ""


def test_a_line_per_finished_video_where_there_is_no_terminal() -> None:
    text = io.StringIO()
    with batch_progress_hook(Console(file=text, width=100), quiet=False) as watch:
        assert watch is not None
        watch(board())
        watch(board())
    assert text.getvalue().startswith("failed: b.mp4 (2 of 4, 1 failed, 1 running, ")
    assert text.getvalue().count("\n") == 1
    terminal = io.StringIO()
    with batch_progress_hook(Console(file=terminal, width=100, force_terminal=True), quiet=False) as watch:
        assert watch is not None
        watch(board())
    assert "[red]c.mp4" in terminal.getvalue()
    with batch_progress_hook(Console(), quiet=True) as none:
        assert none is None
