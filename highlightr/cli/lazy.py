"""Subcommands that are imported when they are called, so that `highlightr --help` loads none of them; their values.

Of options and arguments: what the help calls them, and how they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperOption

from highlightr.cli.choices import HELP_OPTIONS

_VALUES = {"str": "TEXT", "int": "N", "float": "NUMBER", "Path": "PATH"}
"""What a value is called in the help; Typer's own words for it are types of Python."""


def _kind(parameter: Any) -> str:
    """Of its value, or of each of its values: ``str``, ``int``, ``float``, ``Path``, ``bool``."""
    return str(parameter.bare_type()).removeprefix("list[").removesuffix("]")


def name_values(parameters: Sequence[Any]) -> None:
    """Have the help call values by our words."""
    for each in parameters:
        if hasattr(each, "bare_type"):  # Earlier versions of Typer have words of their own.
            word = _VALUES.get(_kind(each), _kind(each))
            if each.param_type_name == "argument":
                each.metavar, word = each.metavar or each.name.upper(), ""
            each.display_type = lambda _, word=word: word


@dataclass(frozen=True)
class _Reader:
    """From the text of an option or argument to its value."""

    read: Callable[[str], Any]
    words: str
    """What a text that cannot be read is not."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value, or a list of values; what was not given, and flags and defaults, are as they should be already."""
        if isinstance(value, list | tuple):
            return [self.coerce(each, param, ctx) for each in value]
        if not isinstance(value, str):
            return () if value is None and (param.multiple or param.nargs == -1) else value
        try:
            return self.read(value)
        except ValueError as error:
            raise typer.BadParameter(f"{value!r} is not {self.words}", ctx=ctx, param=param) from error


_READERS = {"int": _Reader(int, "a whole number"), "float": _Reader(float, "a number"), "Path": _Reader(Path, "a path")}


def _reader_of(parameter: Any) -> _Reader:
    return _READERS.get(_kind(parameter), _Reader(str, "a text"))


for _parameter in (TyperArgument, TyperOption):
    if hasattr(_parameter, "get_runtime_param"):
        # From 0.29 on, Typer imports pydantic to read a text, which takes every command a tenth of a second.
        _parameter.get_runtime_param = _reader_of  # type: ignore[method-assign, assignment]


class Subcommand(TyperCommand):
    """Stands in a group for a command that was not imported yet; `help_line` is the first of its own help.

    The module of this package has a function of the command's name, or `app`, the `Typer` of one with subcommands.
    """

    def __init__(self, name: str, help_line: str, module: str) -> None:
        super().__init__(name, help=help_line)
        self._module = module

    def load(self) -> Any:
        """Import the module and build the command."""
        module = import_module(f"highlightr.cli.{self._module}")
        found = getattr(module, "app", None)
        if found is None:
            found = typer.Typer(add_completion=False, context_settings=HELP_OPTIONS, rich_markup_mode=None)
            found.command(self.name)(getattr(module, str(self.name)))
        command = typer.main.get_command(found)
        command.name = self.name
        for each in (command, *getattr(command, "commands", {}).values()):
            name_values(each.params)
        return command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Import the command; what parses the arguments, and is invoked afterwards, is the command itself."""
        return self.load().make_context(info_name, args, parent=parent, **extra)
