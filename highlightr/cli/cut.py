"""`highlightr cut`: an edited receipt or timeline in; its summary out, cut as `summarize` cuts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from highlightr.cli.choices import CopyChoice, DebugChoice, QuietChoice
from highlightr.cli.option_flags import with_flags
from highlightr.cli.say import say, say_notes
from highlightr.cli.terminal import progress_hook, show_log
from highlightr.core.clock import length_words
from highlightr.core.text import json_shown
from highlightr.export.recut import cut_again
from highlightr.options import SummarizeOptions


@with_flags(
    SummarizeOptions, leave_out=("selection",), output="The summary video; by default FILE.cut.mp4 beside the file."
)
def cut(
    *,
    file: Annotated[Path, typer.Argument(help="A receipt (.json), .otio, .edl or .csv file.")],
    video: Annotated[Path | None, typer.Argument(help="The source; by default the one that the file names.")] = None,
    options: Mapping[str, Any],
    copy: CopyChoice = False,
    quiet: QuietChoice = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the new receipt alone on stdout.")] = False,
    debug: DebugChoice = False,
) -> None:
    """Cut again from an edited receipt or timeline."""
    show_log(quiet=quiet, debug=debug)
    wanted = SummarizeOptions.from_keywords(**options, **({"copy": True} if copy else {}))
    with progress_hook(quiet=quiet or as_json) as progress:
        made = cut_again(file, video, wanted, progress)
    if as_json:
        outputs = {name: str(path) for name, path in made.outputs.items()}
        plain = made.receipt or {"seconds": made.seconds, "outputs": outputs, "notes": list(made.notes)}
        say(json_shown(plain, indent=2))
    elif not quiet:
        count = len(made.segments)
        say(f"{length_words(made.seconds)} s in {count} {'segment' if count == 1 else 'segments'}")
        say_notes(made.notes)
        for name, path in made.outputs.items():
            say(f"{name:<10} {path}")
