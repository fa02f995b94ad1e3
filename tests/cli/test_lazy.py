"""Subcommands are listed without being imported, and behave like themselves when called."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys

import pytest

from highlightr.cli.app import COMMANDS
from highlightr.cli.lazy import Subcommand
from tests.cli.run import Run


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_help_line_is_the_commands_own(command: Subcommand) -> None:
    assert command.load().help.strip().split("\n")[0] == command.help


def test_help_and_version_import_no_command_and_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from highlightr.cli import main\n"
        "sys.argv = ['highlightr', sys.argv[1]]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'torch', 'av', 'onnxruntime', 'yaml'} & set(sys.modules)\n"
        "commands = [name for name in sys.modules if name.startswith('highlightr.') and '.cli' not in name]\n"
        "print('LOADED', sorted(heavy), commands)\n"
    )
    for asked in ("--help", "--version"):
        printed = subprocess.run([sys.executable, "-c", program, asked], capture_output=True, text=True, check=True)
        loaded = printed.stdout.partition("LOADED ")[2]
        assert loaded.startswith("[] ")
        names = set(re.findall(r"'([\w.]+)'", loaded))
        assert names <= {
            "highlightr.core",
            *(f"highlightr.core.{name}" for name in ("allocator", "errors", "stop", "text")),
        }
        assert "highlightr" in printed.stdout


def test_a_command_that_is_called_prints_its_own_help_under_its_own_name(run: Run) -> None:
    done = run("extract", "--help")
    assert done.code == 0
    assert "highlightr extract" in " ".join(done.out.split())


def test_a_misspelt_command_is_bad_input_with_a_suggestion(run: Run) -> None:
    done = run("sumarize", "video.mp4")
    assert done.code == 2
    assert "summarize" in done.err


@pytest.mark.parametrize(("given", "expected"), [({}, "1"), ({"OMP_NUM_THREADS": "3"}, None)], ids=["usual", "told"])
def test_the_process_is_set_up_for_the_command_and_put_back(
    given: dict[str, str], expected: str | None, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    before = gc.get_threshold()
    during: list[tuple[int, str | None]] = []

    def look(**_: object) -> None:
        during.append((gc.get_threshold()[0], os.environ.get("OPENBLAS_NUM_THREADS")))

    monkeypatch.setattr("highlightr.cli.app.app", look)
    assert run("--version").code == 0
    assert during[0][0] > 100 * before[0]
    assert during[0][1] == expected
    assert gc.get_threshold() == before
    assert "OPENBLAS_NUM_THREADS" not in os.environ
