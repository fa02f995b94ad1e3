"""Options that several commands share, worded once."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from highlightr.cli.completion import complete_device
from highlightr.core.errors import ConfigError
from highlightr.core.text import is_address

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
"""Context settings of every command."""

DeviceChoice = Annotated[str, typer.Option(help="`auto`, `cpu` or `cuda`.", autocompletion=complete_device)]
ModelChoice = Annotated[
    str | None,
    typer.Option(help="With `--preset clip`: another model of open_clip, `NAME/TAG`, from the Hugging Face hub."),
]
QueryChoice = Annotated[list[str] | None, typer.Option("--query", "-q", help="What to look for, in English.")]
"""Of commands that take one; `one_query` has it."""

QuietChoice = Annotated[bool, typer.Option("--quiet", help="Print errors only.")]
JsonChoice = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DebugChoice = Annotated[bool, typer.Option("--debug", help="Show the log and, on an error, the traceback.")]
CopyChoice = Annotated[bool, typer.Option("--copy", help="Short for `--cut copy`.")]
VideoArgument = Annotated[
    list[str], typer.Argument(metavar="VIDEO", help="The video. A name that begins with a dash goes after `--`.")
]
"""As many as a shell made of ``*.mp4``; `one_video` has the one."""


class WordyGroup(TyperGroup):
    """A group whose help says all of what its subcommands say of themselves."""

    def format_commands(self, _: Any, formatter: Any) -> None:
        """Write the list of subcommands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.help) for name, command in self.commands.items()])


def group(summary: str) -> typer.Typer:
    """A command that has subcommands."""
    return typer.Typer(
        cls=WordyGroup,
        help=summary,
        no_args_is_help=True,
        add_completion=False,
        context_settings=HELP_OPTIONS,
        rich_markup_mode=None,
    )


def one_video(places: Sequence[str], command: str) -> Path:
    """The video of a command that takes one.

    Raises:
        ConfigError: several, a query beside it, a folder, or an address; with what to run instead.
    """
    if len(places) > 1:
        files = [place for place in places if is_address(place) or Path(place).exists()]
        if len(files) == 1 and not is_address(files[0]):  # Beside the words of a query, in quotation marks or not.
            words = " ".join(place for place in places if place not in files)
            asked = f"highlightr {command} {shlex.quote(files[0])} -q {shlex.quote(words)}"
            raise ConfigError(f"{command} takes one video, and a query goes behind -q: {asked}")
        raise ConfigError(
            f"{command} takes one video and got {len(places)}; for many: highlightr batch VIDEO… OUTPUT_DIR; a query "
            "goes behind -q"
        )
    if Path(places[0]).is_dir():
        many = f"highlightr batch {shlex.quote(places[0])} OUTPUT_DIR"
        raise ConfigError(f"{places[0]}: a directory; give one video file, or for all in it: {many}")
    if is_address(places[0]):
        raise ConfigError(
            f"{command} takes a file of this machine, not an address: fetch it first (a page such as YouTube's is no "
            "video file), or run highlightr batch ADDRESS OUTPUT_DIR --allow-remote"
        )
    return Path(places[0])


def output_dir(places: Sequence[str], *, is_asked: bool, is_listed: bool) -> Path:
    """The folder that a batch writes to, which is the last of its places.

    `is_asked`: queries are given where they belong, so no place is meant as one; `is_listed`: videos may be named
    elsewhere. A `ConfigError` where no folder is named, or a query is where one belongs, tells what to run instead.
    """
    *inputs, last = places
    if Path(last).is_file() or not (inputs or is_listed):
        raise ConfigError(f"the folder for the outputs goes last: {_batch_command(places)}")
    missing = [place for place in inputs if not (is_address(place) or place.startswith("@") or Path(place).exists())]
    videos = [place for place in inputs if place not in missing]
    words = [*missing, *([] if Path(last).exists() else [last])]
    if is_asked or not videos or any("/" in word for word in words):
        return Path(last)
    asked = f"a query goes behind -q: {_batch_command(videos)} -q {shlex.quote(' '.join(words))}"
    if missing:
        raise ConfigError(f"no video or folder at {missing[0]}; {asked}")
    if " " in "".join(words):
        raise ConfigError(f"{asked}; for a folder of this name, write {shlex.quote(f'./{last}')}")
    return Path(last)


def _batch_command(inputs: Sequence[str]) -> str:
    """What to run; an address, which may hold a password, is not repeated."""
    shown = ("ADDRESS" if is_address(place) else shlex.quote(place) for place in inputs)
    return " ".join(("highlightr batch", *shown, "OUTPUT_DIR"))


def one_query(queries: Sequence[str] | None) -> str | None:
    """The query of a command that takes one; a `ConfigError` for several, with what to run instead."""
    if queries and len(queries) > 1:
        raise ConfigError(
            f"one query at a time, got {len(queries)}; for many: highlightr score, or batch --queries FILE"
        )
    return queries[0] if queries else None
