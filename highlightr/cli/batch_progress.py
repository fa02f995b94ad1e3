"""What a person sees of a batch: a live table on a terminal, a line per video otherwise, and a table at the end.

In: the `BatchProgress`, as often as something happens. Out: text on the terminal; names are shown without markup.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from highlightr.batch import BatchProgress, BatchProgressHook, BatchResult, Job, JobResult, RunningJob
from highlightr.batch.jobs import without_path
from highlightr.cli.say import say_folded, terminal_width
from highlightr.cli.terminal import STAGE_WORDS, error_console, output_console
from highlightr.core.clock import clock, length_clock
from highlightr.core.text import shown

REFRESH_SECONDS = 0.25
MAX_ROWS = 12
"""Of running videos on the screen."""

OTHERS_WIDTH = 30
"""Columns of the live table for name, device and time: on a narrow terminal the stage is cut off, not the name."""

WIDE = 120
"""Columns from which on remarks have a column of the table; below it they are listed after it."""

BATCH_STAGES = {"load": "Loading the models", "hash": "Looking whether it is done", "fetch": "Fetching"}


@contextmanager
def batch_progress_hook(console: Console, *, quiet: bool) -> Iterator[BatchProgressHook | None]:
    """A watcher for `run_batch`."""
    if quiet:
        yield None
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            yield _LiveTable(live)
    else:
        yield _LineLog(console)


class _LiveTable:
    def __init__(self, live: Live) -> None:
        self._live = live
        self._shown = 0.0
        self._lines = _LineLog(live.console)

    def __call__(self, progress: BatchProgress) -> None:
        now = time.monotonic()
        if progress.watching:  # It has no end at which a table would tell.
            self._lines(progress)
        if now >= self._shown + REFRESH_SECONDS:
            self._shown = now
            self._live.update(progress_table(progress), refresh=True)


class _LineLog:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._finished = 0

    def __call__(self, progress: BatchProgress) -> None:
        if progress.finished > self._finished:
            self._finished = progress.finished
            assert progress.last is not None
            last, why = progress.last, f": {_remarks(progress.last)}" if progress.last.error else ""
            words = f"{last.state.replace('_', ' ')}: {_name(last.job)}{why} ({status_line(progress)})"
            self._console.print(words, markup=False, highlight=False, soft_wrap=True)


def progress_table(progress: BatchProgress) -> Group:
    """The counts, and a row per running video."""
    width = terminal_width()
    table = Table(box=None, show_header=False, pad_edge=False, width=width)
    table.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
    for most in (width - OTHERS_WIDTH, None, None):
        table.add_column(justify="right", no_wrap=True, max_width=most)
    for one in list(progress.running.values())[:MAX_ROWS]:
        table.add_row(*_running(one))
    return Group(Text(status_line(progress), style="bold"), table)


def status_line(progress: BatchProgress) -> str:
    """Where a batch stands, in one line."""
    left = progress.seconds_left
    counts = [f"{progress.finished} of {progress.total}"]
    told = ((progress.kept, "kept"), (progress.no_match, "no match"), (progress.failed, "failed"))
    counts += [f"{number} {word}" for number, word in told if number]
    counts += [f"{len(progress.running)} running"] if progress.running else []
    counts += [f"{progress.speed:.1f} x real time"] if progress.done else []
    counts += [f"{clock(left, 1)} left"] if left and progress.finished < progress.total else []
    counts += ["waiting for new files"] if progress.watching and progress.finished >= progress.total else []
    return ", ".join(counts)


def _running(one: RunningJob) -> tuple[Text, Text, Text, Text]:
    words = BATCH_STAGES.get(one.stage) or STAGE_WORDS.get(one.stage, one.stage)
    share = f"{100 * one.share:.0f} %" if one.share else ""
    since = clock(time.monotonic() - one.since, 1)
    return Text(_name(one.job)), Text(f"{words} {share}"), Text(one.where), Text(since)


def show_result(result: BatchResult, *, quiet: bool) -> None:
    """Print a row per video and where everything is; with `quiet`, the failed ones alone, on stderr."""
    if quiet:
        errors = error_console()
        for outcome in result.failed:
            errors.print(Text(f"{_name(outcome.job)}: {_remarks(outcome)}"), soft_wrap=True)
        return
    console = output_console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("video", overflow="fold")
    asked = any(outcome.match is not None for outcome in result.outcomes)
    for heading in ("state", *(["match"] if asked else []), "summary", "seconds"):
        table.add_column(heading, no_wrap=True)
    wide = console.width >= WIDE
    if wide:
        table.add_column("remarks", overflow="fold")
    for outcome in result.outcomes:
        table.add_row(*map(Text, _row(outcome, asked)), *([Text(_remarks(outcome))] if wide else []))
    console.print(table)
    for outcome in () if wide else result.outcomes:
        if remarks := _remarks(outcome):
            say_folded(f"{_name(outcome.job)}: {remarks}", indent=2)
    states = ("done", "kept", "no_match", "failed")
    counts = {state: sum(one.state == state for one in result.outcomes) for state in states}
    words = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts.items() if count)
    console.print(f"{words} in {length_clock(result.seconds)}", highlight=False)
    for path in (result.results, result.index):
        console.print(Text(shown(str(path))), soft_wrap=True)


def _row(outcome: JobResult, asked: bool) -> tuple[str, ...]:
    kept = (
        f"{length_clock(outcome.summary_seconds)} of {length_clock(outcome.video_seconds)}"
        if outcome.state in ("done", "kept")
        else "-"
    )
    match = [outcome.match.verdict if outcome.match else "-"] if asked else []
    return (_name(outcome.job), outcome.state.replace("_", " "), *match, kept, f"{outcome.seconds:.1f}")


def _remarks(outcome: JobResult) -> str:
    """The error, or the notes."""
    return shown(without_path(outcome.error or "", outcome.job.video) or " ".join(outcome.notes))


def _name(job: Job) -> str:
    """What people call it, and its query where it has a folder for one."""
    query = f" ({job.query})" if job.query and job.folder != job.video_folder else ""
    return shown(f"{job.title or job.folder}{query}")
