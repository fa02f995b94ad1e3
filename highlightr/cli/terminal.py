"""What a person sees while work goes on and when it is done: bars on a terminal, plain lines otherwise.

Progress and the log go to stderr, results to stdout. Rich is imported by the first thing that needs it: it takes longer
to load than a query on a video seen before takes to answer.
"""

from __future__ import annotations

import copy
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from highlightr.cli.say import NARROWEST, say, terminal_width
from highlightr.core.clock import length_words, span_clock
from highlightr.core.progress import ProgressHook, silent
from highlightr.core.stop import raise_if_stopped
from highlightr.core.text import columns_of, shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table

    from highlightr.core.types import Segment, Summary

STAGE_WORDS = {
    "probe": "Looking at the file",
    "extract": "Watching and listening",
    "shots": "Finding shots",
    "score": "Scoring clips",
    "select": "Choosing segments",
    "cut": "Cutting the summary",
    "clips": "Cutting the clips",
    "thumbnails": "Writing the pictures",
    "report": "Writing the report",
}

MOST_BARS = 8
"""Bars on the screen at a time; the oldest give way."""


def output_console(*, stderr: bool = False) -> Console:
    """A console that is wide enough to print on: with ``COLUMNS=0``, as some programs set it, Rich prints nothing."""
    from rich.console import Console

    console = Console(stderr=stderr)
    if console.width < NARROWEST:
        console.width = NARROWEST
    return console


@cache
def error_console() -> Console:
    """The one console on stderr: bars and log lines that share it do not overwrite each other."""
    return output_console(stderr=True)


@contextmanager
def progress_hook(*, quiet: bool) -> Iterator[ProgressHook]:
    """A hook for `Highlighter`: one bar per stage on a terminal, one line as each stage begins otherwise."""
    if quiet:
        yield _stoppable(silent)
    elif sys.stderr.isatty():
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        with Progress(*columns, TimeElapsedColumn(), console=error_console(), transient=True) as progress:
            yield _stoppable(_BarHook(progress))
    else:
        yield _stoppable(_line)


def _stoppable(hook: ProgressHook) -> ProgressHook:
    """The hook, which ends the work if a signal has come that Python dropped."""

    def stop_or_show(stage: str, completed: float, total: float) -> None:
        raise_if_stopped()
        hook(stage, completed, total)

    return stop_or_show


class _BarHook:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, completed: float, total: float) -> None:
        if stage not in self._tasks:
            for task in list(self._tasks.values())[:-MOST_BARS]:
                self._progress.update(task, visible=False)
            self._tasks[stage] = self._progress.add_task(STAGE_WORDS.get(stage, stage), total=total)
        self._progress.update(self._tasks[stage], completed=completed, total=total)


def _line(stage: str, completed: float, total: float) -> None:
    if (completed, total) == (0.0, 1.0):
        print(f"{STAGE_WORDS.get(stage, stage)} …", file=sys.stderr, flush=True)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table without lines; a long last column folds."""
    from rich.table import Table
    from rich.text import Text

    console, cells = output_console(), [[shown(cell) for cell in row] for row in rows]
    # A name stays on one line, unless that leaves too little for the rest.
    short = max((columns_of(row[0]) for row in cells), default=0) <= console.width // 2
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, overflow="fold", no_wrap=number == 0 and short)
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def columns_width(rows: Iterable[Sequence[str]]) -> int:
    """Columns of the terminal that a table takes if no cell is folded."""
    widths = [max(map(columns_of, map(shown, column))) for column in zip(*rows, strict=True)]
    return sum(widths) + 2 * (len(widths) - 1)


def print_columns(headings: Sequence[str], rows: Iterable[Sequence[str]], keys: int) -> None:
    """Print many rows of short cells, none of which folds; Rich would lay them out longer than scoring them took.

    What does not fit beside each other is printed below each other, each time with the first `keys` columns.
    """
    columns = list(zip(*([shown(cell) for cell in row] for row in (headings, *rows)), strict=True))
    padded = [_padded(column) for column in columns]
    for number, group in enumerate(_groups([columns_of(column[0]) for column in padded], keys, terminal_width())):
        if number:
            print()
        for row in zip(*(padded[index] for index in group), strict=True):
            print("  ".join(row).rstrip())


def _padded(column: Sequence[str]) -> list[str]:
    """The cells, all as wide as the widest."""
    widths = [columns_of(cell) for cell in column]
    return [cell + " " * (max(widths) - width) for cell, width in zip(column, widths, strict=True)]


def _groups(widths: Sequence[int], keys: int, width: int) -> list[list[int]]:
    """Which columns go beside each other: the keys, and as many others as there is room for, one at least."""
    room = width - sum(widths[:keys]) - 2 * (keys - 1)
    groups, left = [list[int]()], room
    for index in range(keys, len(widths)):
        needed = widths[index] + 2
        if groups[-1] and needed > left:
            groups.append([])
            left = room
        groups[-1].append(index)
        left -= needed
    return [[*range(keys), *group] for group in groups]


def show_summary(summary: Summary) -> None:
    """Print the verdict, what was chosen and why, the notes, and where everything is."""
    from rich.text import Text

    from highlightr.export.words import PERCENT_NOTE, verdict_words
    from highlightr.scorers.speech.words import quoted

    console = output_console()
    if summary.match is not None and summary.query is not None:
        headline, sentence = verdict_words(summary.match)
        style = "bold green" if summary.match.verdict == "strong" else "bold yellow"
        query = shown(summary.query)
        asked = query if quoted(query) else f"\u201c{query}\u201d"
        console.print(Text.assemble((headline, style), f" for {asked}. {sentence}"))
    kept, count = map(length_words, (summary.seconds, summary.source.duration_seconds)), len(summary.segments)
    console.print(f"{' of '.join(kept)} s in {count} {'segment' if count == 1 else 'segments'}", highlight=False)
    console.print(_segment_table(summary.segments))
    if any(segment.reasons for segment in summary.segments):
        console.print(Text(PERCENT_NOTE, style="dim"))
    for note in summary.notes:
        console.print(Text(shown(f"Note: {note}"), style="yellow"))
    for name, path in summary.outputs.items():
        console.print(Text.assemble((f"{name:<10} ", "bold"), shown(str(path))), soft_wrap=True)


def _segment_table(segments: Sequence[Segment]) -> Table:
    """A row per segment in the order in which they play: rank, span, score, title and the strongest reasons."""
    from rich.table import Table
    from rich.text import Text

    from highlightr.export.words import reason_words

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("rank", "from", "to", "score"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("what and why", overflow="fold")
    for segment in segments:
        times = span_clock(segment.start_seconds, segment.stop_seconds)
        reasons = ", ".join(reason_words(segment.reasons)[:3]) or ("" if segment.title else "by score alone")
        between = "\n" if segment.title and segment.reasons else ""
        why = Text.assemble((shown(segment.title), "bold"), between, reasons)
        table.add_row(str(segment.rank), *times, f"{segment.score:.2f}", why)
    return table


def show_log(*, quiet: bool, debug: bool) -> None:
    """Send the library's log to the terminal: warnings, what takes time once, and everything with `--debug`."""
    logger = logging.getLogger("highlightr")
    logger.handlers = [_LogHandler(debug)]
    logger.setLevel(logging.DEBUG if debug else logging.ERROR if quiet else logging.INFO)


class _LogHandler(logging.Handler):
    """Rich's, which is made for the first record; most runs log none."""

    def __init__(self, debug: bool) -> None:
        super().__init__()
        self._debug = debug
        self._rich: logging.Handler | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        try:
            if self._rich is None:
                from rich.logging import RichHandler

                about = self._debug
                self._rich = RichHandler(
                    console=error_console(), show_path=about, show_time=about, rich_tracebacks=False
                )
        except OSError:  # No more files can be opened, which may be what the record is about.
            say(record.getMessage(), err=True)
            return
        safe = copy.copy(record)
        safe.msg, safe.args = shown(record.getMessage()), None
        self._rich.emit(safe)
