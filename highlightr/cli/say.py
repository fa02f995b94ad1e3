"""Printing a line, whatever is in it."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable

import typer

from highlightr.core.text import shown

WIDTH = 10
"""Of the headings of facts."""

WIDEST = 100
"""A line of prose may not be longer, however wide the terminal is."""


def say(text: object, *, err: bool = False) -> None:
    """Print lines on stdout, or on stderr, with what a terminal would act upon escaped."""
    typer.echo("\n".join(map(shown, str(text).split("\n"))), err=err)


def say_facts(title: str, facts: Iterable[tuple[str, str]]) -> None:
    """Print a title and, below it, headings with their sentences, folded to the terminal's width."""
    say(title)
    width = min(shutil.get_terminal_size((80, 24)).columns, WIDEST)
    for heading, text in facts:
        begin = f"  {heading:<{WIDTH}}" if heading else "  "
        folded = textwrap.wrap(
            shown(text),
            max(width, 40),
            initial_indent=begin,
            subsequent_indent=" " * len(begin),
            break_on_hyphens=False,
        )
        say("\n".join(folded))
