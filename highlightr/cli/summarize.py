"""`highlightr summarize`: one video in; its summary, receipt and report out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from highlightr.cli import choices
from highlightr.cli.option_flags import parted, with_flags
from highlightr.cli.say import say
from highlightr.cli.terminal import progress_hook, show_log, show_summary
from highlightr.core.text import json_shown
from highlightr.options import ModelOptions, SummarizeOptions
from highlightr.pipeline import Highlighter
from highlightr.selection.options import SelectionOptions


@with_flags(ModelOptions, SummarizeOptions, SelectionOptions, leave_out=("selection",))
def summarize(
    *,
    video: choices.VideoArgument,
    query: choices.QueryChoice = None,
    options: Mapping[str, Any],
    copy: choices.CopyChoice = False,
    quiet: choices.QuietChoice = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt alone on stdout.")] = False,
    debug: choices.DebugChoice = False,
) -> None:
    """Cut the part of a video that is worth watching, and say why it was chosen."""
    show_log(quiet=quiet, debug=debug)
    place, asked = choices.one_video(video, "summarize"), choices.one_query(query)
    models, wanted = parted(ModelOptions, options)
    wanted |= {"copy": True} if copy else {}
    SummarizeOptions.from_keywords(**wanted)  # Before anything is loaded.
    with progress_hook(quiet=quiet or as_json) as progress:
        highlighter = Highlighter.from_preset(**models.for_highlighter(), progress=progress)
        summary = highlighter.summarize(place, asked, **wanted)
    if as_json:
        say(json_shown(summary.receipt, indent=2))
    elif not quiet:
        show_summary(summary)
