"""`highlightr evaluate`: predictions against annotations, or a preset on a folder of labelled data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from highlightr.cli.choices import DebugChoice, DeviceChoice, ModelChoice
from highlightr.cli.completion import complete_preset, words
from highlightr.cli.say import say, say_folded, say_notes, terminal_width
from highlightr.cli.terminal import columns_width, print_table, progress_hook, show_log
from highlightr.core.device import resolve_device
from highlightr.core.errors import ConfigError
from highlightr.evaluation import Row, evaluate_files
from highlightr.evaluation.protocols import PROTOCOLS


def evaluate(
    protocol: Annotated[
        str | None,
        typer.Option(
            help="`qvhighlights`, `tvsum`, `youtube-highlights`, `mrhisum`, `davihd`, `triplesumm`, `moments`.",
            autocompletion=words(*PROTOCOLS),
        ),
    ] = None,
    predictions: Annotated[Path | None, typer.Option(help="JSON Lines with `pred_saliency_scores`.")] = None,
    annotations: Annotated[Path | None, typer.Option(help="As the data set is released.")] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Instead of predictions: score with this preset.", autocompletion=complete_preset),
    ] = None,
    model: ModelChoice = None,
    data: Annotated[Path | None, typer.Option(help="The labelled folder that the preset is judged on.")] = None,
    device: DeviceChoice = "auto",
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Judge the items that are there; every row then says how many.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, metrics by name.")] = False,
    debug: DebugChoice = False,
) -> None:
    """Measure scores by the field's protocols, beside random scores, a position prior and the oracle."""
    show_log(quiet=as_json, debug=debug)
    if preset is not None and data is not None and predictions is None and annotations is None:
        from highlightr.training.evaluate_preset import evaluate_preset

        with progress_hook(quiet=as_json) as progress:
            place = resolve_device(device)
            report = evaluate_preset(
                preset,
                data,
                protocol or "moments",
                model=model,
                device=place,
                allow_missing=allow_missing,
                progress=progress,
            )
    elif protocol is not None and predictions is not None and annotations is not None and not (preset or model or data):
        report = evaluate_files(protocol, predictions, annotations, allow_missing=allow_missing)
    else:
        raise ConfigError(
            "give --protocol, --predictions and --annotations to judge a file, or --preset and --data to judge a preset"
        )
    if as_json:
        say(json.dumps(report.as_dict(), indent=2))
    else:
        say_folded(f"{report.protocol}: {report.num_cases} cases ({report.source})")
        show_rows(report.rows)
        say_notes(report.notes)


def show_rows(rows: Sequence[Row]) -> None:
    """Print a table of rows of metrics, each with its deviation where there are several runs."""
    names = list(rows[0].metrics)
    table = (("", *names), *((row.name, *row.figures(names)) for row in rows))
    if columns_width(table) > terminal_width():
        table = tuple(zip(*table, strict=True))  # There are more metrics than rows.
    print_table(table[0], table[1:])
