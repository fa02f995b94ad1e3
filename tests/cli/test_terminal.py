"""What is printed where, and that Rich stays away until it is needed."""

from __future__ import annotations

import logging

import pytest

from highlightr.cli import terminal


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
    terminal.print_columns(("from", "a cat"), [("0:00.0", "0.50"), ("1:00:01.0", "1")])
    assert capsys.readouterr().out == "from       a cat\n0:00.0     0.50\n1:00:01.0  1\n"
