"""Flags of a command made from the fields of an options class, so that names, ranges and help are worded once.

In: a command with a parameter `options`, and dataclasses with a docstring under each field. Out: the same command for
Typer, with a flag per field; what was given on the command line reaches it as a mapping. What was not given is absent:
a preset may decide it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import Field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import typer

from highlightr.cli import completion
from highlightr.core.checks import field_docs, kinds_of

FLAGS = {
    "output": ("--output", "-o"),
    "duration_seconds": ("--duration",),
    "overwrite": ("--overwrite",),
    "time_limit_seconds": ("--time-limit",),
    "stall_seconds": ("--stall-limit",),
    "allow_private": ("--allow-private",),
    "compile": ("--compile",),
    "allow_missing": ("--allow-missing",),
}
"""Where a flag is not the field's name with dashes, or has no opposite."""

METAVARS = {"margin": "BEFORE[,AFTER]", "range": "FROM-TO", "exclude": "FROM-TO"}
"""Options whose text is read by `highlightr.options`."""

LONGEST_METAVAR = 24
"""Columns: a longer list of choices, all of which the help names, would leave less room for every option's help."""

REPEATED = ("range", "exclude", "export")

COMPLETIONS: Mapping[str, Any] = {
    "preset": completion.complete_preset,
    "scorer": completion.complete_scorer,
    "device": completion.complete_device,
}
"""Options whose words their types do not tell."""

Options = TypeVar("Options")


def with_flags(
    *kinds: type, leave_out: Collection[str] = (), **helps: str
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command: its parameter `options` becomes one flag per field of these classes, in their order.

    `helps` has the help of fields whose default is another one for this command.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True).parameters
        chosen = [(item, kind) for kind in kinds for item in fields(kind) if item.name not in leave_out]
        made = [_parameter(item, kind, helps.get(item.name) or _help(item, kind)) for item, kind in chosen]
        names = [parameter.name for parameter in made]

        @wraps(command)
        def call(**values: Any) -> None:
            given = {name: values.pop(name) for name in names}
            command(**values, options={name: value for name, value in given.items() if value not in (None, [])})

        kept = [parameter for name, parameter in own.items() if name != "options"]
        at = list(own).index("options")
        call.__signature__ = inspect.Signature([*kept[:at], *made, *kept[at:]])  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in [*kept, *made]}
        return call

    return decorate


def parted(kind: type[Options], options: Mapping[str, Any]) -> tuple[Options, dict[str, Any]]:
    """The options of one class as its instance, and the others."""
    names = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    own = {name: value for name, value in options.items() if name in names}
    return kind(**own), {name: value for name, value in options.items() if name not in names}


def _parameter(item: Field[Any], kind: type, told: str) -> inspect.Parameter:
    """A flag that is `None` unless it is given; its default is told in its help."""
    kinds = kinds_of(get_type_hints(kind)[item.name])
    accepted: Any = kinds[0] if len(kinds) == 1 else str  # What is one of several kinds is read from its text.
    dashed = item.name.replace("_", "-")
    flag = f"--{dashed}/--no-{dashed}" if accepted is bool else f"--{dashed}"
    choices = "|".join(get_args(accepted)) if get_origin(accepted) is Literal else ""
    option = typer.Option(
        *FLAGS.get(item.name, (flag,)),
        help=told,
        show_default=False,
        metavar=METAVARS.get(item.name) or (choices if len(choices) <= LONGEST_METAVAR else "NAME") or None,
        autocompletion=COMPLETIONS.get(item.name) or _completion(kinds),
    )
    # Words and compound values are checked by the options class.
    read_as: Any = accepted if accepted in (bool, int, float, Path) else str
    wanted: Any = list[str] if item.name in REPEATED else read_as
    return inspect.Parameter(
        item.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[wanted | None, option]
    )


def _completion(kinds: Sequence[Any]) -> completion.Complete | None:
    """Offers the words of a set, one or a list of them; nothing for other values."""
    if get_origin(kinds[0]) is tuple and get_origin(get_args(kinds[0])[0]) is Literal:
        return completion.words_of(lambda: get_args(get_args(kinds[0])[0]), listed=True)
    found = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    return completion.words(*found) if found else None


def _help(item: Field[Any], kind: type) -> str:
    text = option_help(kind).get(item.name, "").replace("; `None`: ", "; by default ")
    text = text.replace("`None`: ", "By default ").replace("; empty: ", "; by default ")
    default = item.default
    if isinstance(default, bool) or not isinstance(default, int | float | str):
        return text
    told = f"{default:g}" if isinstance(default, float) else f"`{default}`"
    return f"{text.rstrip('.')} (by default {told})."


def option_help(kind: type) -> dict[str, str]:
    """What each field of an options class means: the first sentence under it in the source, and what `None` means."""
    return {name: _first_sentence(text) for name, text in field_docs(kind).items()}


def _first_sentence(text: str) -> str:
    first, *others = text.rstrip(".").split(". ")
    return ". ".join([first, *(each for each in others if each.startswith("`None`: "))]) + "."
