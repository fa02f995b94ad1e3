"""How benchmarks and studies end when something is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.command import run_command
from highlightr.core.errors import ConfigError, CutError, WeightsError

STARTED = "run_command(main)"


def failing(error: BaseException) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (WeightsError("the weights x are missing"), 2, "the weights x are missing"),
        (ConfigError("no preset\nnamed y"), 2, "no preset named y"),
        (CutError("ffmpeg failed"), 1, "ffmpeg failed"),
        (FileNotFoundError(2, "No such file or directory", "captions.csv"), 2, "captions.csv: No such file"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_expected_failure_is_one_line(
    error: Exception, code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["some/where/flow.py"])
    with pytest.raises(SystemExit) as left:
        run_command(failing(error))
    assert left.value.code == code
    printed = capsys.readouterr().err
    assert printed.startswith("flow: ")
    assert words in printed
    assert printed.count("\n") == 1


def test_what_nobody_expected_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command(failing(ZeroDivisionError()))


def test_every_program_is_started_so() -> None:
    root = Path(__file__).parents[2]
    programs = [path for folder in ("benchmarks", "research") for path in (root / folder).rglob("*.py")]
    started = [path for path in programs if '__name__ == "__main__"' in path.read_text()]
    assert len(started) >= 20
    assert [path.name for path in started if STARTED not in path.read_text()] == []
