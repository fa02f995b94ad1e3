"""Subcommands that are imported when they are called, so that `highlightr --help` loads none of them.

In: a table of names, help lines and modules. Out: a Typer group that lists them at once and imports one on use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from highlightr.cli.choices import HELP_OPTIONS, WordyGroup


@dataclass(frozen=True)
class Home:
    """Where a subcommand lives."""

    name: str
    """As it is typed."""
    help: str
    """What `highlightr --help` says of it: the first line of its own help."""
    module: str
    """The module of this package that is imported on use. It has a function of the command's name, or `app`, the
    `Typer` of a command that has subcommands."""

    def load(self) -> Any:
        """Import the module and build the command."""
        module = import_module(f"highlightr.cli.{self.module}")
        found = getattr(module, "app", None)
        if found is None:
            found = typer.Typer(add_completion=False, context_settings=HELP_OPTIONS, rich_markup_mode=None)
            found.command(self.name)(getattr(module, self.name))
        command = typer.main.get_command(found)
        command.name = self.name
        for each in (command, *getattr(command, "commands", {}).values()):
            _name_values(each.params)
        return command


_VALUES = {"str": "TEXT", "int": "N", "float": "NUMBER", "Path": "PATH"}
"""What a value is called in the help; Typer's own words for it are types of Python."""


def _name_values(parameters: Sequence[Any]) -> None:
    for each in parameters:
        if hasattr(each, "bare_type"):  # Earlier versions of Typer have words of their own.
            kind = each.bare_type().removeprefix("list[").removesuffix("]")
            word = _VALUES.get(kind, kind)
            if each.param_type_name == "argument":
                each.metavar, word = each.metavar or each.name.upper(), ""
            each.display_type = lambda _, word=word: word


class _Later(TyperCommand):
    """Stands in a group for a command that was not imported yet."""

    def __init__(self, home: Home) -> None:
        super().__init__(home.name, help=home.help)
        self._home = home

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Import the command; what parses the arguments, and is invoked afterwards, is the command itself."""
        return self._home.load().make_context(info_name, args, parent=parent, **extra)


def group_of(homes: Sequence[Home]) -> type[TyperGroup]:
    """The class of a group that has these subcommands, in this order."""

    class LazyGroup(WordyGroup):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            self.commands.update((home.name, _Later(home)) for home in homes)

    return LazyGroup
