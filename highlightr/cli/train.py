"""`highlightr train` and `highlightr ablate`: from a config and labelled data to weights and tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from highlightr.cli.choices import DebugChoice, JsonChoice
from highlightr.cli.completion import complete_training_config, words
from highlightr.cli.evaluate import show_rows
from highlightr.cli.option_flags import with_flags
from highlightr.cli.say import say, say_notes
from highlightr.cli.terminal import progress_hook, show_log
from highlightr.core.errors import ConfigError
from highlightr.core.extras import need
from highlightr.training.config import TrainOptions

OWN = "own"
"""The config that makes a preset of a user's own videos."""

Config = Annotated[
    str,
    typer.Option(
        help="Name of one of highlightr's training configs, or a YAML file.", autocompletion=complete_training_config
    ),
]
Data = Annotated[Path, typer.Option(help="Folder of the data set.")]
Out = Annotated[
    Path, typer.Option(help="Folder in which a fresh results folder is made; config `own`: the preset folder.")
]


@with_flags(TrainOptions, leave_out=("only_folds",))
def train(
    *,
    config: Config,
    data: Data,
    out: Out = Path("runs"),
    options: Mapping[str, Any],
    features: Annotated[
        str | None,
        typer.Option(
            help="Config `own`: train on the features of `lite`, the default, or `clip`.",
            autocompletion=words("lite", "clip"),
        ),
    ] = None,
    as_json: JsonChoice = False,
    debug: DebugChoice = False,
) -> None:
    """Train a scorer; every run leaves its config, curves, metrics, best and last weights."""
    show_log(quiet=as_json, debug=debug)
    useless = [name for name in options if name != "device"] if config == OWN else ["features"] if features else []
    if useless:
        option = useless[0].replace("_", "-")
        raise ConfigError(f"--{option} does nothing with --config {config}; leave it out")
    if config == OWN:
        _own(data, out, features or "lite", options.get("device", "auto"), as_json)
        return
    need("training", "torch", "lightning", extra="train")
    from highlightr.training.runs import train as run

    with progress_hook(quiet=as_json) as progress:
        result = run(config, data, out, progress=progress, **options)
    if as_json:
        say(json.dumps(result.as_dict(), indent=2))
        return
    show_rows((result.row, *result.baselines))
    say_notes(result.notes)
    for one in result.runs:
        say(one.weights)


def _own(data: Path, out: Path, features: str, device: str, as_json: bool) -> None:
    """Own videos become a preset folder; the linear scorers need no extra."""
    from highlightr.training.own import train_own

    with progress_hook(quiet=as_json) as progress:
        result = train_own(data, out, features=features, device=device, progress=progress)
    if as_json:
        say(json.dumps(result.as_dict(), indent=2))
        return
    for kind in result.kinds:
        say("with a query" if kind.kind == "query" else "without a query")
        show_rows(kind.rows)
        say_notes(kind.notes)
    say_notes(result.notes)
    say(f"{result.folder}: run it with highlightr summarize VIDEO --preset {result.folder}")


@with_flags(
    TrainOptions,
    leave_out=("only_folds", "precision", "resume"),
    seeds="Runs of each row with different seeds, for mean ± deviation (by default 3).",
)
def ablate(
    *,
    config: Config,
    data: Data,
    out: Out = Path("runs"),
    options: Mapping[str, Any],
    table: Annotated[list[str] | None, typer.Option(help="Only this table; may be repeated.")] = None,
    as_json: JsonChoice = False,
    debug: DebugChoice = False,
) -> None:
    """Run the ablation tables of a config."""
    need("training", "torch", "lightning", extra="train")
    from highlightr.training.ablation import ablate as run

    show_log(quiet=as_json, debug=debug)
    with progress_hook(quiet=as_json) as progress:
        result = run(config, data, out, tables=table or (), progress=progress, **options)
    if as_json:
        say(json.dumps(result.as_dict(), indent=2))
        return
    for name, rows in result.tables.items():
        say(name)
        show_rows((*rows, *result.baselines))
    say(result.folder)
