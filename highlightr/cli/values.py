"""Values of options and arguments: what the help calls them, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperArgument, TyperOption

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
