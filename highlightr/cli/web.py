"""`highlightr web`: the studio in the browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from highlightr.cli.choices import DebugChoice
from highlightr.cli.option_flags import parted, with_flags
from highlightr.cli.say import say
from highlightr.cli.terminal import show_log
from highlightr.core.extras import need
from highlightr.core.progress import ProgressHook
from highlightr.options import ModelOptions, SummarizeOptions

_LEFT_OUT = {item.name for item in fields(SummarizeOptions)} - {"transcribe"}


@with_flags(ModelOptions, SummarizeOptions, leave_out=_LEFT_OUT)
def web(
    *,
    folder: Annotated[
        Path, typer.Argument(help="The folder of videos; nothing outside it is shown or written.")
    ] = Path(),
    host: Annotated[
        str, typer.Option(help="Address to listen on. Any but this machine's own lets others reach your files.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on (by default 7861, or a free one).")
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the browser.")] = True,
    options: Mapping[str, Any],
    debug: DebugChoice = False,
) -> None:
    """Open the studio: a folder's videos in the browser."""
    need("the studio", "starlette", "uvicorn")
    show_log(quiet=False, debug=debug)
    models, how = parted(ModelOptions, options)

    from highlightr.pipeline import Highlighter
    from highlightr.web.server import prepare, serve

    def open_highlighter(progress: ProgressHook) -> Highlighter:
        return Highlighter.from_preset(**models.for_highlighter(), progress=progress)

    def announce(url: str) -> None:
        say(url)
        say("The studio is open at this address, for you alone. Ctrl-C closes it.", err=True)

    serve(prepare(folder, open_highlighter, host, port, **how), announce, browser=browser)
