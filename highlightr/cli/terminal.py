"""What a person sees while work goes on and when it is done: bars on a terminal, plain lines otherwise."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from highlightr.progress import ProgressHook, silent

if TYPE_CHECKING:
    from highlightr.timeline import Reason, Summary

__all__ = ["print_table", "progress_hook", "show_log", "show_summary", "timecode"]

STAGE_WORDS = {
    "probe": "Looking at the file",
    "extract": "Watching and listening",
    "shots": "Finding shots",
    "score": "Scoring clips",
    "select": "Choosing segments",
    "cut": "Cutting the summary",
    "clips": "Cutting the clips",
    "report": "Writing the report",
}


def timecode(seconds: float) -> str:
    """``1:02:03.4`` or ``2:03.4``."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes}:{rest / 10:04.1f}"
    return f"{hours}:{clock.zfill(7)}" if hours else clock


@contextmanager
def progress_hook(console: Console, *, quiet: bool) -> Iterator[ProgressHook]:
    """A hook for `Highlighter`: one bar per stage on a terminal, one line per finished stage otherwise."""
    if quiet:
        yield silent
    elif console.is_terminal:
        with _bars(console) as progress:
            yield _BarHook(progress)
    else:
        yield _LineHook(console)


def _bars(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    return Progress(*columns, TimeElapsedColumn(), console=console, transient=True)


class _BarHook:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, completed: float, total: float) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(STAGE_WORDS.get(stage, stage), total=total)
        self._progress.update(self._tasks[stage], completed=completed, total=total)


class _LineHook:
    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, stage: str, completed: float, total: float) -> None:
        if (completed, total) == (0.0, 1.0):
            self._console.print(f"{STAGE_WORDS.get(stage, stage)} …", markup=False, highlight=False)


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table without lines; a long last column folds."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, overflow="fold", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def show_summary(console: Console, summary: Summary) -> None:
    """Print what was chosen and where everything is."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading, justify in (("", "right"), ("from", "right"), ("to", "right"), ("score", "right"), ("why", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for number, segment in enumerate(summary.segments, start=1):
        span = (timecode(segment.start_seconds), timecode(segment.stop_seconds))
        table.add_row(str(number), *span, f"{segment.score:.2f}", Text(_reasons(segment.reasons)))
    console.print(table)
    kept = f"{summary.seconds:.1f} of {summary.source.duration_seconds:.1f} s in {len(summary.segments)} segments"
    console.print(kept, highlight=False)
    for note in summary.notes:
        console.print(Text(f"Note: {note}", style="yellow"))
    for name, path in summary.outputs.items():
        console.print(Text.assemble((f"{name:<8} ", "bold"), str(path)), soft_wrap=True)


def _reasons(reasons: tuple[Reason, ...]) -> str:
    return ", ".join(f"{reason.label} ({reason.kind} {reason.weight:.2f})" for reason in reasons[:3])


def show_log(console: Console, *, quiet: bool, debug: bool) -> None:
    """Send the library's log to the terminal: warnings, and everything with `--debug`."""
    level = logging.DEBUG if debug else logging.ERROR if quiet else logging.INFO
    handler = RichHandler(console=console, show_path=debug, show_time=debug, rich_tracebacks=False)
    logger = logging.getLogger("highlightr")
    logger.handlers = [handler]
    logger.setLevel(level)
