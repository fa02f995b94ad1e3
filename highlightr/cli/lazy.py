"""Subcommands that are imported when they are called, so that `highlightr --help` loads none of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand

from highlightr.cli.choices import HELP_OPTIONS
from highlightr.cli.values import name_values


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
