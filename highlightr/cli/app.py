"""The `highlightr` command: its subcommands, and how an error reaches the terminal.

Exit codes: 0 done, 1 a failure, 2 bad input, 130 interrupted, 143 terminated, 129 hung up. A user's mistake is one line
on stderr, never a traceback; `--debug` shows the traceback.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from highlightr import __version__
from highlightr.cli.choices import HELP_OPTIONS, WordyGroup
from highlightr.cli.lazy import Subcommand
from highlightr.cli.say import say
from highlightr.core.errors import BAD_INPUT, FAILURE, HighlightrError, shortage
from highlightr.core.text import shown

_HELP = {
    "summarize": "Cut the part of a video that is worth watching, and say why it was chosen.",
    "batch": "Summarise many videos; goes on past failures, and where it was stopped.",
    "score": "Score every clip of a video, for one query, for many, or for none.",
    "export": "Write a timeline of a summary for an editing program.",
    "cut": "Cut again from an edited receipt or timeline.",
    "web": "Open the studio: a folder's videos in the browser.",
    "presets": "List the presets: what each is good for, what it needs and what of that is here, how it was measured.",
    "doctor": "Say what is installed, which weights are here, and which ffmpeg and device will be used.",
    "extract": "Write feature files that existing training code reads, with metadata beside each; skips what is done.",
    "evaluate": "Measure scores by the field's protocols, beside random scores, a position prior and the oracle.",
    "train": "Train a scorer; every run leaves its config, curves, metrics, best and last weights.",
    "ablate": "Run the ablation tables of a config.",
    "datasets": "List and describe the public data sets; check what a folder of one lacks.",
    "cache": "Show or clear the features that are kept of videos seen before.",
    "models": "List, fetch, check and convert weights; describe a preset's scorer.",
}

COMMANDS = tuple(Subcommand(name, text, "train" if name == "ablate" else name) for name, text in _HELP.items())
"""A test compares the help lines with the commands' own."""


class _Commands(WordyGroup):
    """All of them, in this order."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands.update((str(each.name), each) for each in COMMANDS)


app = typer.Typer(
    name="highlightr",
    cls=_Commands,
    help="Turns a raw video into the part worth watching, and says why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=HELP_OPTIONS,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"highlightr {__version__}")
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
        status = app(args=_options_escaped(sys.argv[1:]), prog_name="highlightr", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except _UsageError as error:
        _fail_usage(error)
    except HighlightrError as error:
        _fail(str(error), error.exit_code)
    except ModuleNotFoundError as error:
        from highlightr.core.extras import EXTRA_OF, missing

        package = (error.name or "").partition(".")[0]
        if package not in EXTRA_OF:
            raise
        _fail(missing("this", package), BAD_INPUT)
    except ImportError as error:
        why = f"a library cannot be loaded: {error}; free memory, or install highlightr again"
        _fail(shortage(error) or why, FAILURE)
    except BrokenPipeError:
        # The reader of our output has gone; closing stdout quietly avoids a second error at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILURE)
    except OSError as error:
        # What the system refuses in a place that has no words of its own for it, such as a full disk.
        if error.errno == errno.ENAMETOOLONG:
            _fail(f"{error.filename}: {error.strerror}; choose a shorter name", BAD_INPUT)
        _fail(shortage(error) or f"{error.filename or _nameless()}: {error.strerror or error}", FAILURE)
    except MemoryError:
        _fail("not enough memory; close other programs, or take a smaller video or preset", FAILURE)


def _nameless() -> str:
    """What an error of the system that names no file is about."""
    try:
        Path.cwd()
    except OSError:
        return "the current folder"
    return "the system"


_UsageError: Any = typer.BadParameter.__mro__[1]
"""Typer's own class for a call that it cannot make sense of; it has no public name."""


def _fail_usage(error: Any) -> NoReturn:
    """Leave with one line, or with the help where nothing was asked for."""
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(message)
        sys.exit(BAD_INPUT)
    dashed = next((each for each in sys.argv[2:] if each.startswith("-") and Path(each).is_file()), None)
    if dashed is not None and "--" not in sys.argv:
        _fail(f"{dashed} begins with a dash: write ./{dashed}, or put -- before the files", BAD_INPUT)
    _fail(f"{message.rstrip('.')}; see `{_command_of(error)} --help`", BAD_INPUT)


def _command_of(error: Any) -> str:
    """The command whose help explains the error, which does not always know it."""
    if error.ctx is not None:
        return str(error.ctx.command_path)
    return " ".join(["highlightr", *(str(each.name) for each in COMMANDS if each.name == sys.argv[1])])


def _options_escaped(arguments: list[str]) -> list[str]:
    """Typer repeats an option that it does not know as it is; no option has a control character."""
    stop = arguments.index("--") if "--" in arguments else len(arguments)
    options = [shown(each) if each.startswith("-") else each for each in arguments[:stop]]
    return options + arguments[stop:]


def _fail(message: str, exit_code: int) -> NoReturn:
    """Leave with one line; with `--debug`, with the error itself."""
    if "--debug" in sys.argv:
        raise
    say(f"highlightr: {' '.join(message.split())}", err=True)
    sys.exit(exit_code)
