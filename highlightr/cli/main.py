"""The `highlightr` command: its subcommands, and how an error reaches the terminal.

Exit codes: 0 done, 1 a failure, 2 bad input, 130 interrupted. A user's mistake is one line on stderr, never a
traceback; `--debug` shows the traceback.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from highlightr import __version__
from highlightr.cli.doctor import doctor
from highlightr.cli.evaluate import evaluate
from highlightr.cli.extract import extract
from highlightr.cli.models import app as models
from highlightr.cli.presets import presets
from highlightr.cli.summarize import summarize
from highlightr.cli.train import ablate, train
from highlightr.errors import FAILURE, HighlightrError

__all__ = ["app", "main"]

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""

app = typer.Typer(
    name="highlightr",
    help="Turns a raw video into the part worth watching, and says why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(summarize)
app.command()(presets)
app.command()(doctor)
app.command()(extract)
app.command()(evaluate)
app.command()(train)
app.command()(ablate)
app.add_typer(models, name="models")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"highlightr {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Turns a raw video into the part worth watching, and says why."""


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        app()
    except HighlightrError as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"highlightr: {' '.join(str(error).split())}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("highlightr: interrupted; nothing half-written was left", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has gone; closing stdout quietly avoids a second error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILURE)
