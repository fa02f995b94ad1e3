"""`highlightr score`: one video in, one saliency score per clip out; nothing is chosen and nothing is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from highlightr.cli.choices import DebugChoice, QuietChoice, VideoArgument, one_video
from highlightr.cli.option_flags import parted, with_flags
from highlightr.cli.say import say, say_folded, say_notes
from highlightr.cli.terminal import print_columns, progress_hook, show_log
from highlightr.core.clock import span_clock
from highlightr.core.text import columns_of, json_shown
from highlightr.export.scores import Scored, check_scores_path, scores_document, write_scores
from highlightr.options import ModelOptions, SummarizeOptions
from highlightr.pipeline import Highlighter
from highlightr.selection.options import SelectionOptions

HOW = ("detector", "analysis", "transcript", "transcribe")
"""Options of a summary that its scores depend on."""

_LEFT_OUT = {item.name for kind in (SelectionOptions, SummarizeOptions) for item in fields(kind)} - set(HOW)

LONGEST_HEADING = 24
"""Columns of a query that heads its scores; with a longer one, queries are numbered and listed above."""


@with_flags(ModelOptions, SelectionOptions, SummarizeOptions, leave_out=_LEFT_OUT)
def score(
    *,
    video: VideoArgument,
    query: Annotated[
        list[str] | None, typer.Option("--query", "-q", help="What to look for, in English; may be given many times.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A .json or .csv file for the scores.")] = None,
    options: Mapping[str, Any],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that exists.")] = False,
    quiet: QuietChoice = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON on stdout.")] = False,
    debug: DebugChoice = False,
) -> None:
    """Score every clip of a video, for one query, for many, or for none."""
    show_log(quiet=quiet, debug=debug)
    place = one_video(video, "score")
    models, how = parted(ModelOptions, options)
    SummarizeOptions.from_keywords(**how)  # Before anything is loaded.
    if output is not None:
        check_scores_path(output, place, how.get("transcript"), overwrite=overwrite)
    with progress_hook(quiet=quiet or as_json) as progress:
        highlighter = Highlighter.from_preset(**models.for_highlighter(), progress=progress)
        analyses = highlighter.analyse_queries(place, query or [None], scores_only=True, **how)
    told = [replace(each.scores, notes=(*each.scores.notes, *each.notes)) for each in analyses]
    results = [Scored(each.query, each.scorer, scores) for each, scores in zip(analyses, told, strict=True)]
    if output is not None:
        write_scores(output, analyses[0].source, models.preset, results, analyses[0].transcript, overwrite=overwrite)
    if as_json:
        say(json_shown(scores_document(analyses[0].source, models.preset, results, analyses[0].transcript), indent=1))
    elif not quiet and output is None:
        _show(results)


def _show(results: Sequence[Scored]) -> None:
    """The clips down, the queries across."""
    grid = results[0].scores.grid
    rows = []
    for index, (start, stop) in enumerate(zip(grid.starts(), grid.stops(), strict=True)):
        values = [f"{each.scores.values[index]:.2f}" for each in results]
        rows.append((*span_clock(float(start), float(stop)), *values))
    headings = [" ".join((each.query or "saliency").split()) for each in results]
    if max(map(columns_of, headings)) > LONGEST_HEADING:
        for number, heading in enumerate(headings, start=1):
            say_folded(heading, begin=f"{number}: ")
        headings = [str(number) for number in range(1, len(headings) + 1)]
    print_columns(("from", "to", *headings), rows, keys=2)
    say_notes(dict.fromkeys(note for each in results for note in each.scores.notes))
