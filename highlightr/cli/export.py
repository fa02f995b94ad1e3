"""`highlightr export`: a receipt in, a timeline for an editing program out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from highlightr.cli.choices import DebugChoice, QuietChoice
from highlightr.cli.completion import words
from highlightr.cli.say import say
from highlightr.cli.terminal import show_log
from highlightr.core.errors import ConfigError
from highlightr.core.files import write_whole
from highlightr.core.outputs import check_no_input, check_output
from highlightr.export.receipt_reader import read_receipt
from highlightr.export.timelines.read import find_video
from highlightr.export.timelines.write import FORMATS, other_video_notes, render_timeline, with_picture_start
from highlightr.media.transcript import sidecars
from highlightr.options import TimelineFormat

NAMES = ", ".join(f"`{name}`" for name in get_args(TimelineFormat))


def export(
    receipt: Annotated[Path, typer.Argument(help="The .json that `summarize` wrote.")],
    form: Annotated[
        str, typer.Option("--format", "-f", help=f"{NAMES}.", autocompletion=words(*get_args(TimelineFormat)))
    ] = "otio",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; by default beside the receipt, under its name.")
    ] = None,
    video: Annotated[
        Path | None, typer.Option(help="Where the source lies now (by default where the receipt says).")
    ] = None,
    relative: Annotated[
        bool, typer.Option("--relative", help="Link the source relative to the file instead of by its absolute place.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    quiet: QuietChoice = False,
    debug: DebugChoice = False,
) -> None:
    """Write a timeline of a summary for an editing program."""
    show_log(quiet=quiet, debug=debug)
    if form not in FORMATS:
        raise ConfigError(f"no format {form!r}; there are {', '.join(FORMATS)}")
    read = read_receipt(receipt)
    target = output or receipt.with_suffix(FORMATS[form].suffix)
    source = video if video is not None else find_video(Path(read.source.path), receipt, "with --video")
    check_no_input(target, (receipt,), "the receipt")
    check_no_input(target, sidecars(source), "a transcript of the source")
    check_output(target, source, overwrite=overwrite)
    text, notes = render_timeline(with_picture_start(read, source), source, target, form, relative=relative)
    write_whole(target, text)
    if not quiet:
        for note in (*other_video_notes(read, source), *notes):
            say(f"Note: {note}")
        say(target)
