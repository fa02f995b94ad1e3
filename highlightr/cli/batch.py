"""`highlightr batch`: many videos in; a summary of each, results and an index page out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from highlightr.batch import BatchOptions, plan_jobs, run_batch, watch_batch
from highlightr.batch.jobs import Job
from highlightr.batch.output_dir import RESULTS_NAME
from highlightr.batch.results import result_line
from highlightr.cli.batch_progress import batch_progress_hook, show_result
from highlightr.cli.choices import CopyChoice, DebugChoice, QueryChoice, QuietChoice, one_query, output_dir
from highlightr.cli.option_flags import parted, with_flags
from highlightr.cli.say import say
from highlightr.cli.terminal import error_console, show_log
from highlightr.core.errors import FAILURE, ConfigError
from highlightr.options import PLACES, SummarizeOptions
from highlightr.selection.options import SelectionOptions

_LEFT_OUT = {"remote_limit_bytes", "summarize", *PLACES, "selection"}


@with_flags(BatchOptions, SummarizeOptions, SelectionOptions, leave_out=_LEFT_OUT)
def batch(
    *,
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT… OUTPUT_DIR",
            help="Videos, folders with all they hold, addresses, @FILE for a list; last, the folder for all outputs.",
            show_default=False,
        ),
    ],
    list_file: Annotated[list[Path] | None, typer.Option("--list", help="File with an input per line.")] = None,
    pattern: Annotated[
        str | None, typer.Option(help="Which files of a folder: 'cam1_*'; by default usual video names.")
    ] = None,
    query: QueryChoice = None,
    queries: Annotated[Path | None, typer.Option(help="CSV or JSONL with `video` and `query`.")] = None,
    options: Mapping[str, Any],
    copy: CopyChoice = False,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Fetch https://, s3:// and gs:// addresses.")
    ] = False,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Go on with files that appear, once they are finished writing, until Ctrl-C."),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make again what is done.")] = False,
    quiet: QuietChoice = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON on stdout.")] = False,
    debug: DebugChoice = False,
) -> None:
    """Summarise many videos; goes on past failures, and where it was stopped."""
    show_log(quiet=quiet, debug=debug)
    own, summarize = parted(BatchOptions, options)
    summarize |= {"copy": True} if copy else {}
    wanted = replace(own, summarize=summarize, overwrite=overwrite)
    output = output_dir(places, is_asked=bool(query or queries), is_listed=bool(list_file or queries))
    plan = partial(
        plan_jobs,
        places[:-1],
        output,
        lists=list_file or (),
        pattern=pattern,
        query=one_query(query),
        queries=queries,
        allow_remote=allow_remote,
        absent_ok=watch,
    )
    if watch:
        _watch(plan, output, wanted, quiet=quiet, as_json=as_json)
    _run(plan(), output, wanted, quiet=quiet, as_json=as_json)


def _watch(
    plan: Callable[[], Sequence[Job]], output: Path, options: BatchOptions, *, quiet: bool, as_json: bool
) -> NoReturn:
    """Run until stopped; the table of a batch that ends is never printed."""
    if as_json:
        raise ConfigError(f"--watch has no end to print JSON at; read {output / RESULTS_NAME}")
    if options.overwrite:
        raise ConfigError(
            "--watch makes again what has changed, --overwrite everything at each start; give one of them"
        )
    if not quiet:
        say("Waiting for new files; Ctrl-C ends it", err=True)
    with batch_progress_hook(error_console(), quiet=quiet) as progress:
        watch_batch(plan, output, options, progress=progress)


def _run(jobs: Sequence[Job], output: Path, options: BatchOptions, *, quiet: bool, as_json: bool) -> None:
    """Run the batch, show it, and leave with 1 if a video failed."""
    with batch_progress_hook(error_console(), quiet=quiet or as_json) as progress:
        result = run_batch(jobs, output, options, progress=progress)
    if as_json:
        lines = [{**result_line(one), "kept": one.state == "kept"} for one in result.outcomes]
        written = {"results": str(result.results), "index": str(result.index)}
        say(json.dumps({**written, "seconds": round(result.seconds, 3), "jobs": lines}, indent=2))
    else:
        show_result(result, quiet=quiet)
    if result.failed:
        raise typer.Exit(FAILURE)
