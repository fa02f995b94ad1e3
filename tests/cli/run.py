"""Runs the command line inside the test process, as a user would see it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from highlightr.cli import main
from tests.signals import handlers_restored


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]
"""The fixture `run`: `run_cli` with what it watches by."""


def run_cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object, columns: int = 200
) -> Outcome:
    """Exit code, stdout and stderr of `highlightr ARGUMENTS`; a traceback of any kind fails the test."""
    monkeypatch.setattr(sys, "argv", ["highlightr", *map(str, arguments)])
    monkeypatch.setenv("COLUMNS", str(columns))
    code = 0
    try:
        with handlers_restored():
            main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return Outcome(code, captured.out, captured.err)
