"""Progress on a real terminal while others write: every line of the log is whole, and no bar is left torn.

The program runs under a pseudo terminal; what it sends is drawn by a small emulator, and the screen is looked at after
every piece.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

import pytest

ROWS, COLUMNS = 40, 80
WAIT_SECONDS = 240.0

_SEQUENCE = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|\x1b\].*?\x07|[\r\n]|[^\x1b\r\n]+|\x1b", re.DOTALL)


class Screen:
    """What a terminal shows: text, line ends, and the sequences by which Rich redraws."""

    def __init__(self) -> None:
        self.lines: list[str] = [""]
        self.row = self.column = 0

    def feed(self, text: str) -> None:
        for found in _SEQUENCE.finditer(text):
            if found[2]:
                self._control(found[1], found[2])
            elif found[0] == "\r":
                self.column = 0
            elif found[0] == "\n":
                self._down()
            elif not found[0].startswith("\x1b"):
                self._write(found[0])

    def _down(self) -> None:
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.lines):
            self.lines.append("")

    def _write(self, text: str) -> None:
        for letter in text:
            if self.column == COLUMNS:
                self._down()
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + letter + line[self.column + 1 :]
            self.column += 1

    def _control(self, numbers: str, letter: str) -> None:
        count = int(numbers) if numbers.isdecimal() else 1
        if letter == "A":
            self.row = max(0, self.row - count)
        elif letter == "K":
            line = self.lines[self.row]
            self.lines[self.row] = "" if numbers == "2" else line[: self.column]


def frames(program: str) -> Iterator[Screen]:
    """The screen after every piece of output of a Python program under a terminal; the last one is the end's."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=child,
        stdout=child,
        stderr=child,
        env={**environment, "TERM": "xterm-256color"},
    )
    os.close(child)
    screen, deadline = Screen(), time.monotonic() + WAIT_SECONDS
    pending = b""
    try:
        while time.monotonic() < deadline and select.select([parent], [], [], WAIT_SECONDS)[0]:
            try:
                pending += os.read(parent, 1 << 16)
            except OSError:  # The program has closed its side.
                break
            # A sequence or a letter may be cut in two; what is drawn ends with a whole one.
            text = pending.decode("utf-8", "ignore")
            if not re.search(r"\x1b(\[[\d;?]*)?$", text):
                screen.feed(text)
                pending = b""
                yield screen
        assert process.wait(WAIT_SECONDS) == 0
        yield screen
    finally:
        process.kill()
        process.wait()
        os.close(parent)


LOGGED = [f"record {number} {'says a lot ' * (3 * (number % 3))}end {number}." for number in range(12)]

BARS = f"""
import logging, sys, threading, warnings
from highlightr.cli.terminal import progress_hook, show_log
show_log(quiet=False, debug=False)
log = logging.getLogger("highlightr.test")
records = {LOGGED!r}
with progress_hook(quiet=False) as progress:
    for number, record in enumerate(records):
        stage = ("probe", "extract", "score")[number // 4]
        for step in range(20):
            progress(stage, float(step), 20.0)
        other = threading.Thread(target=log.warning, args=(record,))
        other.start()
        other.join()
        if number == 5:
            print("a print of a library", file=sys.stderr)
            print("another", flush=True)
print("the result")
"""

BATCH = f"""
import logging, time
from highlightr.batch import BatchProgress, Job, JobResult
from highlightr.cli import batch_progress
from highlightr.cli.terminal import error_console, show_log
batch_progress.REFRESH_SECONDS = 0.0
show_log(quiet=False, debug=False)
log = logging.getLogger("highlightr.test")
progress = BatchProgress(12)
with batch_progress.batch_progress_hook(error_console(), quiet=False) as hook:
    for number, record in enumerate({LOGGED!r}):
        job = Job("v", None, str(number), title="a name that is long " * 5)
        progress.start(job, "cpu", 1)
        for step in range(10):
            progress.advance(job, "extract", step, 10.0)
            hook(progress)
        log.warning(record)
        if number % 2:
            progress.finish(JobResult(job, "done"))
        hook(progress)
print("the result")
"""

PROGRESS = re.compile(r"Looking at the file|Watching and listening|Scoring clips|━|\d+ %|of 12, ")


@pytest.mark.parametrize("program", [BARS, BATCH], ids=["bars", "batch"])
def test_log_lines_and_progress_do_not_break_each_other(program: str) -> None:
    drawn = 0
    for screen in frames(program):
        drawn += any(PROGRESS.search(line) for line in screen.lines)
        for line in screen.lines:
            assert not ("record" in line and PROGRESS.search(line)), line
            assert "record" not in line or re.match(r"(WARNING +|\s*)(record|says|a lot|lot)", line), line
    assert drawn > 3, "progress was never seen"
    final = "\n".join(screen.lines)
    told = " ".join(final.split())
    places = [told.find(" ".join(record.split())) for record in LOGGED]
    assert -1 not in places
    assert places == sorted(places)
    assert not PROGRESS.search(final), "what was drawn is removed at the end"
    assert [line for line in screen.lines if line.strip()][-1] == "the result"
    if program is BARS:
        assert {"a print of a library", "another"} <= {line.rstrip() for line in screen.lines}
