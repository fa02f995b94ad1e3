"""Completion: what is offered for a line, and bash itself, asked by Typer's script as when Tab is pressed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer._completion_classes import BashComplete

from highlightr.cli.app import app
from highlightr.cli.completion import words, words_of
from highlightr.core.errors import ConfigError
from tests.light import DEBUG_PRESET

BASH = shutil.which("bash")

SCRIPT = """
source completion.bash
while IFS= read -r line; do
    COMP_WORDS=($line)
    [[ $line == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    _highlightr_completion highlightr "${COMP_WORDS[COMP_CWORD]}"
    echo "${COMPREPLY[*]}" | tr '\\n' ' '
    echo
done
"""
"""For every line on stdin, what Tab at its end offers, on one line."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the command, a preset of the user's, and one that is broken."""
    folder = tmp_path_factory.mktemp("shell")
    command = folder / "bin" / "highlightr"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -c "from highlightr.cli import main; main()" "$@"\n')
    command.chmod(0o755)
    for name, text in (("mine", DEBUG_PRESET), ("broken", "name: [")):
        (folder / name).mkdir()
        (folder / name / "preset.yaml").write_text(text)
    return folder


def ask(folder: Path, *command: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{folder / 'bin'}:/usr/bin:/bin"
    return subprocess.run(
        list(command),
        input=text,
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": path, **environment},
        check=False,
    )


LINES = {
    "highlightr summ": ["summarize"],
    "highlightr models pu": ["pull"],
    "highlightr summarize --tran": ["--transcript", "--transition"],
    "highlightr summarize v.mp4 --preset cfsum-d": ["cfsum-debug"],
    "highlightr batch in out --preset ": ["lite", "clip", "mine", "broken"],
    "highlightr summarize --preset lite --scorer ": ["zeroshot"],
    "highlightr score --preset broken --scorer ": [],
    "highlightr summarize --export otio,e": ["otio,edl"],
    "highlightr export r.json --format o": ["otio"],
    "highlightr cut r.json --cut c": ["copy"],
    "highlightr batch in out --engine ": ["local", "ray"],
    "highlightr summarize --device c": ["cpu", "cuda"],
    "highlightr score v.mp4 --precision b": ["bf16"],
    "highlightr summarize --hdr ": ["keep", "sdr"],
    "highlightr models pull clip-vit-b32-o": ["clip-vit-b32-openai"],
    "highlightr models describe davihd-d": ["davihd-debug"],
    "highlightr datasets describe tv": ["tvsum"],
    "highlightr extract v.mp4 --features clip,cnn1": ["clip,cnn14"],
    "highlightr evaluate --protocol qv": ["qvhighlights"],
    "highlightr train --config ow": ["own"],
    "highlightr summarize v": [],
}
"""What is typed, and some of what is offered; nothing where names of files are wanted, which the shell then offers."""


def offered(line: str) -> list[str]:
    """The words for the last one of a line."""
    given, _, incomplete = line.rpartition(" ")
    complete = BashComplete(typer.main.get_command(app), {}, "highlightr", "_HIGHLIGHTR_COMPLETE")
    return [item.value for item in complete.get_completions(given.split()[1:], incomplete)]


@pytest.mark.parametrize("line", LINES)
def test_the_words_that_are_accepted_are_offered(folder: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    found = offered(line)
    assert set(LINES[line]) <= set(found)
    assert all(word.startswith(line.rpartition(" ")[2]) for word in found)
    assert LINES[line] or not found


@pytest.mark.skipif(BASH is None, reason="needs bash")
def test_bash_offers_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["highlightr summ", "highlightr batch in out --engine ", "highlightr extract v.mp4 --features clip,cnn1"]
    with_script = ask(folder, "highlightr", _HIGHLIGHTR_COMPLETE="source_bash")
    assert with_script.returncode == 0, with_script.stderr
    (folder / "completion.bash").write_text(with_script.stdout)
    told = ask(folder, str(BASH), "--norc", "-c", SCRIPT, text="\n".join(lines) + "\n")
    assert told.stderr == ""
    monkeypatch.chdir(folder)
    assert [line.split() for line in told.stdout.splitlines()] == [offered(line) for line in lines]


def test_words_and_lists_of_words() -> None:
    assert words("otio", "edl")("o") == ["otio"]
    complete = words_of(lambda: ("otio", "edl"), listed=True)
    assert complete("") == ["otio", "edl"]
    assert complete("otio,") == ["otio,edl"]
    assert complete("x,o") == ["x,otio"]


def test_what_cannot_be_looked_up_is_not_offered() -> None:
    def fail() -> list[str]:
        raise ConfigError("broken")

    assert words_of(fail, listed=True)("") == []
