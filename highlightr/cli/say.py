"""Printing a line, whatever is in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

import typer

from highlightr.core.text import columns_of, in_columns, shown

WIDTH = 10
"""Of the headings of facts."""

NARROWEST = 40
"""Less is not folded for."""

WIDEST = 100
"""A line of prose may not be longer, however wide the terminal is."""


def say(text: object, *, err: bool = False) -> None:
    """Print lines on stdout, or on stderr, with what a terminal would act upon escaped."""
    typer.echo("\n".join(map(shown, str(text).split("\n"))), err=err)


def say_facts(title: str, facts: Iterable[tuple[str, str]]) -> None:
    """Print a title and, below it, headings with their sentences, folded to the terminal's width."""
    say_folded(title)
    for heading, text in facts:
        begin = f"  {heading:<{WIDTH}}" if heading else "  "
        say_folded(text, begin=begin)


def say_notes(notes: Iterable[str]) -> None:
    """Print what there is to say of a result."""
    for note in notes:
        say_folded(f"Note: {note}")


def say_folded(text: object, *, begin: str = "", indent: int | None = None) -> None:
    """Print a sentence after `begin`, folded to the terminal's width; other lines are indented like it."""
    before, width = shown(begin), terminal_width()
    # Below a heading that takes most of a narrow terminal there is no room for sentences.
    below = min(columns_of(before), width // 2) if indent is None else indent
    lines = folded(shown(str(text)), width, before, " " * below)
    typer.echo("\n".join(lines))


def terminal_width() -> int:
    """Columns that prose may fill."""
    return max(min(shutil.get_terminal_size((80, 24)).columns, WIDEST), NARROWEST)


def folded(text: str, width: int, begin: str = "", indent: str = "") -> list[str]:
    """Lines of at most `width` columns, of which some letters take two; a word that is longer is broken."""
    lines, line, empty = list[str](), begin, True
    for word in text.split():
        is_full = columns_of(line) + (not empty) + columns_of(word) > width
        if is_full and (not empty or columns_of(indent) + columns_of(word) <= width):
            lines.append(line.rstrip())
            line, empty = indent, True
        if empty and columns_of(line) + columns_of(word) > width:
            *whole, word = in_columns(word, max(width - columns_of(line), 2))
            for part in whole:
                lines.append(line + part)
                line = indent
        line, empty = f"{line}{word}" if empty else f"{line} {word}", False
    return [*lines, line.rstrip()]
