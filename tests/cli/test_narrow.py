"""A terminal of 80 columns: no line of any table or list is wider, whatever the names in it are."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from highlightr.batch import BatchProgress, BatchResult, Job, JobResult
from highlightr.cli import batch_progress, extract, score, terminal
from highlightr.cli.app import COMMANDS
from highlightr.cli.evaluate import show_rows
from highlightr.cli.say import folded, say_folded, say_notes
from highlightr.core.text import columns_of, in_columns
from highlightr.core.types import Match, Scores, TimeGrid
from highlightr.datasets.catalogue import CATALOGUE
from highlightr.evaluation import Row
from highlightr.export.feature_files.extract import VideoResult
from highlightr.export.scores import Scored
from highlightr.features.cache import FeatureCache
from highlightr.zoo import preset_names
from tests.cli.run import Run
from tests.export.example import example
from tests.light import DEBUG_PRESET

COLUMNS = 80

NAMES = (
    "a" * 60 + ".mp4",
    "two words " * 6 + ".mp4",
    "猫と犬の動画" * 10 + ".mp4",
    "[red]x[/red]",
    "e\u0301" * 60,
    "🎬" * 30,
)
"""As long as file names are, in letters of one column and of two."""

SENTENCE = "This is a sentence of many words about what is in a video, such as its sounds and its pictures. " * 2

Narrow = Callable[[str], list[str]]


def too_wide(text: str) -> list[str]:
    """The lines that do not fit, but for the path of something that is there, which stays whole to be copied."""
    return [line for line in text.splitlines() if cell_len(line) > COLUMNS and not Path(line.strip()).exists()]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with presets of long names, and a cache of features."""
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "features").mkdir(parents=True)  # Where it is, however long, is told.
    for name in (each.removesuffix(".mp4").replace("/", "") for each in NAMES):
        (tmp_path / name).mkdir()
        (tmp_path / name / "preset.yaml").write_text(DEBUG_PRESET.replace("summary: ", f"summary: {SENTENCE}"))
    entry = SimpleNamespace(
        about={"video": {"hash": "ab" * 32}, "extractor": "x" * 70}, size_bytes=5 << 30, used_at=1.8e9, path=tmp_path
    )
    monkeypatch.setattr(FeatureCache, "entries", lambda _: [entry, replace_extractor(entry, "efficientnet_lite0")])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def replace_extractor(entry: Any, name: str) -> Any:
    return SimpleNamespace(**{**vars(entry), "about": {**entry.about, "extractor": name}})


@pytest.mark.parametrize(
    "command",
    [
        ("presets",),
        ("models", "list"),
        ("models", "verify"),
        *(("models", "describe", name) for name in preset_names()),
        ("datasets", "list"),
        *(("datasets", "describe", name) for name in CATALOGUE),
        ("datasets", "check", ".", "--set", "tvsum"),
        ("cache", "show"),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_a_command_that_lists(command: tuple[str, ...], own: Path, run: Run) -> None:
    ended = run(*command, columns=COLUMNS)
    assert ended.code in (0, 1)
    assert ended.out
    assert too_wide(ended.out) == []


@pytest.mark.parametrize("command", [(), *((home.name,) for home in COMMANDS)], ids=" ".join)
def test_help(command: tuple[str, ...], run: Run) -> None:
    assert too_wide(run(*command, "--help", columns=COLUMNS).out) == []


def results() -> tuple[JobResult, ...]:
    made = []
    for number, name in enumerate(NAMES):
        job = Job(f"/videos/{name}", SENTENCE, f"folder {number}", title=name, video_folder=f"folder {number}")
        done = JobResult(job, "done", 12345.6, 36000.0, 7200.0, 5, Match("strong", 0.9), notes=(SENTENCE,))
        made += [
            done,
            replace(done, state="failed", error=f"/videos/{name}: {SENTENCE}"),
            replace(done, state="no_match"),
        ]
    return tuple(made)


def scored(*queries: str | None) -> list[Scored]:
    grid = TimeGrid(5.0, 1.0)
    return [Scored(query, "zeroshot", Scores(grid, grid.starts() / 10)) for query in queries]


METRICS = dict.fromkeys(("map", "hit@1", "mr-map@0.5", "mr-map@0.75", "mr-full-map", "r1@0.5", "r1@0.7"), 12.345)

TABLES: dict[str, Callable[[Path], None]] = {
    "table": lambda _: terminal.print_table(("video", "state", "notes"), [(name, "here", SENTENCE) for name in NAMES]),
    "batch": lambda folder: batch_progress.show_result(
        BatchResult(results(), folder / "results.jsonl", folder / "index.html", 1.0), quiet=False
    ),
    "extract": lambda _: terminal.print_table(
        ("video", "state", "clips", "written", "remarks"),
        [extract._row(VideoResult(Path(name), "failed", error=SENTENCE)) for name in NAMES],  # type: ignore[call-arg]
    ),
    "metrics": lambda _: show_rows(
        [Row(name, METRICS, dict.fromkeys(METRICS, 0.5)) for name in ("predictions (10 of 12 items)", "random")]
    ),
    "notes": lambda _: say_notes([SENTENCE, *NAMES]),
    "scores": lambda _: score._show(scored("a cat", None, *(f"query {number}" for number in range(30)))),
    "long queries": lambda _: score._show(scored(SENTENCE, *NAMES)),
    "summary": lambda folder: terminal.show_summary(
        example(folder / "v.mp4", query=SENTENCE, note=SENTENCE, label=NAMES[2])
    ),
}


@pytest.mark.parametrize("table", TABLES)
def test_a_table(
    table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    for name in ("results.jsonl", "index.html"):
        (tmp_path / name).touch()
    TABLES[table](tmp_path)
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) > 2
    places = [line for line in too_wide(printed) if str(tmp_path) not in line]
    assert places == []


@pytest.mark.parametrize("columns", ["0", "1", "-5", "wide"])
@pytest.mark.parametrize("table", TABLES)
def test_a_width_that_is_none_hides_nothing(
    table: str, columns: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    TABLES[table](tmp_path)
    printed = capsys.readouterr().out
    assert len(printed.split()) > 10
    assert max(map(cell_len, printed.splitlines())) > 20


def test_the_live_table_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = BatchProgress(12345, watching=True)
    for outcome in results():
        progress.start(outcome.job, "cuda:0", 1)
        progress.finish(outcome)
    for number, outcome in enumerate(results()):
        progress.start(replace(outcome.job, folder=str(number)), "cuda:0", 1)
        progress.advance(replace(outcome.job, folder=str(number)), "thumbnails", 1.0, 2.0)
    text = io.StringIO()
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    Console(file=text, width=COLUMNS).print(batch_progress.progress_table(progress))
    assert too_wide(text.getvalue()) == []
    rows = text.getvalue().splitlines()[-batch_progress.MAX_ROWS :]
    assert all(re.search(r" Writing the pictures 50 %  cuda:0  \d:\d\d\.\d$", row) for row in rows)


def test_the_live_table_names_the_video_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    progress, (outcome, *_) = BatchProgress(3), results()
    progress.start(replace(outcome.job, title="clip 1.mp4"), "cpu", 1)
    progress.advance(replace(outcome.job, title="clip 1.mp4"), "extract", 1.0, 2.0)
    text = io.StringIO()
    monkeypatch.setenv("COLUMNS", "40")
    Console(file=text, width=40).print(batch_progress.progress_table(progress))
    assert re.search(r"clip 1\.mp4 +Watching .*…  +cpu  \d:\d\d\.\d$", text.getvalue(), re.MULTILINE)


def test_scores_that_do_not_fit_beside_each_other_lie_below_each_other(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    score._show(scored("one", "two", "three", "four", "five", "six"))
    above, below = capsys.readouterr().out.split("\n\n")
    assert above.split("\n")[0].split() == ["from", "to", "one", "two", "three", "four"]
    assert below.split("\n")[0].split() == ["from", "to", "five", "six"]
    assert above.split("\n")[1].split() == ["0:00.0", "0:01.0", "0.00", "0.00", "0.00", "0.00"]
    assert below.split("\n")[2].split() == ["0:01.0", "0:02.0", "0.10", "0.10"]


@pytest.mark.parametrize("text", [*NAMES, SENTENCE, "", "word"])
@pytest.mark.parametrize("begin", ["", "ok  ffmpeg        "])
def test_folding_loses_nothing(text: str, begin: str) -> None:
    lines = folded(text, 40, begin, " " * len(begin))
    assert all(cell_len(line) <= 40 for line in lines)
    assert "".join("".join(lines).removeprefix(begin.rstrip()).split()) == "".join(text.split())


def test_below_a_wide_heading_sentences_take_half_of_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    say_folded("8.1.2, libavformat 62, inside PyAV", begin="ok  libav                      ")
    assert capsys.readouterr().out.split("\n")[1:-1] == [" " * 20 + "libavformat 62,", " " * 20 + "inside PyAV"]


def test_what_a_terminal_would_act_upon_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    say_folded("a\x1b[2Jb", begin="c\x07 ")
    assert capsys.readouterr().out == "c\\x07 a\\x1b[2Jb\n"


@pytest.mark.parametrize("text", [*NAMES, SENTENCE, "", "Ünïcödé, Привет, العربية, 한국어, ไทย"])
def test_columns_are_counted_as_rich_counts_them(text: str) -> None:
    assert columns_of(text) == cell_len(text)
    pieces = in_columns(text, 7)
    assert "".join(pieces) == text
    assert all(cell_len(piece) <= 7 for piece in pieces)


def test_help_names_every_option_whole_and_is_no_column_of_single_words(run: Run) -> None:
    shown = run("summarize", "--help", columns=COLUMNS).out
    assert "…" not in shown
    assert "--merge-gap-seconds" in shown
    assert "`h264_videotoolbox`" in shown
    assert not too_wide(shown)
    assert len(shown.splitlines()) < 150
    assert "--query TEXT" in shown
    assert "--max-clips N" in shown


@pytest.mark.parametrize("command", [(), *((home.name,) for home in COMMANDS), ("models", "pull")], ids=" ".join)
def test_help_has_no_types_of_python(command: tuple[str, ...], run: Run) -> None:
    shown = run(*command, "--help", columns=120).out
    assert not re.search(r"<\w|list\[|\bstr\b|\bfloat\b|\bbool\b", shown)
    assert [line for line in shown.splitlines()[1:] if line.endswith("...")] == []
