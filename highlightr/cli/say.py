"""Printing a line, whatever is in it."""

from __future__ import annotations

import typer

from highlightr.core.text import shown


def say(text: object, *, err: bool = False) -> None:
    """Print lines on stdout, or on stderr, with what a terminal would act upon escaped."""
    typer.echo("\n".join(map(shown, str(text).split("\n"))), err=err)
