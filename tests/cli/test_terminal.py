"""What is printed where, and that Rich stays away until it is needed."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest

from highlightr.cli import terminal
from highlightr.core.types import Segment
from tests.export.example import example


def test_without_a_terminal_a_stage_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.progress_hook(quiet=False) as progress:
        progress("extract", 0.0, 1.0)
        progress("extract", 5.0, 9.0)
        progress("extract", 1.0, 1.0)
        progress("[red]other", 0.0, 1.0)
    printed = capsys.readouterr()
    assert printed.err == "Watching and listening …\n[red]other …\n"
    assert printed.out == ""
    with terminal.progress_hook(quiet=True) as progress:
        progress("extract", 0.0, 1.0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"quiet": False, "debug": False}, ["told", "warned"]),
        ({"quiet": True, "debug": False}, []),
        ({"quiet": True, "debug": True}, ["traced", "told", "warned"]),
    ],
    ids=["usual", "quiet", "debug"],
)
def test_the_log_goes_to_stderr(
    options: dict[str, bool],
    expected: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logger = logging.getLogger("highlightr")
    monkeypatch.setattr(logger, "handlers", [])
    before = logger.level
    terminal.show_log(**options)
    child = logging.getLogger("highlightr.some.module")
    for say, word in ((child.debug, "traced"), (child.info, "told"), (child.warning, "warned")):
        say(word)
    logger.setLevel(before)
    printed = capsys.readouterr()
    assert [word for word in ("traced", "told", "warned") if word in printed.err] == expected
    assert printed.out == ""


def test_columns_are_as_wide_as_their_cells(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.print_columns(("from", "a cat"), [("0:00.0", "0.50"), ("1:00:01.0", "1")], keys=1)
    assert capsys.readouterr().out == "from       a cat\n0:00.0     0.50\n1:00:01.0  1\n"


def test_the_verdict_comes_first_then_segments_with_titles_then_notes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    terminal.show_summary(example(tmp_path / "in.mp4", note="One audio track was left out [2]."))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Strong match for \u201ca cat\u201d. Most likely it is in the video. Probability 99 %."
    assert lines[1] == "8.9 of 60.0 s in 2 segments"
    text = "\n".join(lines)
    order = [
        "rank",
        "tabby cat, meow",
        "tabby cat 81 %, Meow 35 %",
        "Percentages:",
        "Note: One audio track",
        "in.summary",
    ]
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)
    assert "left out [2]." in text
    assert all(len(line) <= 80 for line in lines[:-2])  # Paths stay whole, to be copied.


def test_a_segment_of_one_frame_is_not_shown_as_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = example(tmp_path / "in.mp4", query=None)
    terminal.show_summary(replace(summary, segments=(Segment(9.0, 9.033, 0.5),)))
    out = capsys.readouterr().out
    assert out.startswith("0.03 of 60.0 s in 1 segment\n")
    assert re.search(r"1 +0:09\.00 +0:09\.03 +0\.50", out)


@pytest.mark.parametrize("query", ['"a cat"', "\u201ea cat\u201c", "'a cat'"])
def test_quotation_marks_of_the_query_are_not_doubled(
    query: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.show_summary(example(tmp_path / "in.mp4", query=query))
    assert capsys.readouterr().out.startswith(f"Strong match for {query}. Most likely")


def test_without_a_query_there_is_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show_summary(example(tmp_path / "in.mp4", query=None))
    assert capsys.readouterr().out.startswith("8.9 of 60.0 s")
