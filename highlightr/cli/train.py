"""`highlightr train` and `highlightr ablate`: from a config and labelled data to weights and tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from highlightr.cli.choices import DebugChoice, DeviceChoice, JsonChoice
from highlightr.cli.completion import complete_precision, complete_training_config, words
from highlightr.cli.evaluate import show_rows
from highlightr.cli.say import say, say_notes
from highlightr.cli.terminal import progress_hook, show_log
from highlightr.core.errors import ConfigError
from highlightr.core.extras import need

if TYPE_CHECKING:
    from highlightr.training.config import TrainConfig

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
Seeds = Annotated[int, typer.Option(min=1, help="Runs with different seeds; several give mean ± deviation.")]
Folds = Annotated[int, typer.Option(min=0, help="Folds of cross-validation by video; 0: the config's own split.")]
Release = Annotated[
    str | None,
    typer.Option(
        help="`moment-detr`, `umt` or `lighthouse`: how the folder is laid out; by default what lies in it says.",
        autocompletion=words("moment-detr", "umt", "lighthouse"),
    ),
]
Missing = Annotated[
    bool, typer.Option("--allow-missing", help="Judge the test items that are there; every figure then says how many.")
]


def train(
    config: Config,
    data: Data,
    out: Out = Path("runs"),
    seeds: Seeds = 1,
    folds: Folds = 0,
    device: DeviceChoice = "auto",
    precision: Annotated[
        str | None,
        typer.Option(help="`fp32`, `bf16` or `fp16`; by default the config's.", autocompletion=complete_precision),
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Results folder of a training that was broken off.")] = None,
    release: Release = None,
    allow_missing: Missing = False,
    features: Annotated[
        str,
        typer.Option(
            help="Config `own`: train on the features of `lite` or `clip`.", autocompletion=words("lite", "clip")
        ),
    ] = "lite",
    as_json: JsonChoice = False,
    debug: DebugChoice = False,
) -> None:
    """Train a scorer; every run leaves its config, curves, metrics, best and last weights."""
    show_log(quiet=as_json, debug=debug)
    if config == OWN:
        refused = {"--seeds": seeds > 1, "--folds": folds > 0, "--precision": precision, "--resume": resume}
        _refuse(config, refused | {"--release": release, "--allow-missing": allow_missing})
        _own(data, out, features, device, as_json)
        return
    _refuse(config, {"--features": features != "lite"})
    need("training", "torch", "lightning", extra="train")
    from highlightr.training.runs import train as run

    with progress_hook(quiet=as_json) as progress:
        result = run(
            _laid_out(config, release),
            data,
            out,
            seeds=seeds,
            folds=folds,
            device=device,
            precision=precision,
            resume=resume,
            allow_missing=allow_missing,
            progress=progress,
        )
    if as_json:
        say(json.dumps(result.as_dict(), indent=2))
        return
    show_rows((result.row, *result.baselines))
    say_notes(result.notes)
    for one in result.runs:
        say(one.weights)


def _refuse(config: str, given: Mapping[str, object]) -> None:
    """Refuse options that would be passed over."""
    for option in (option for option, value in given.items() if value):
        raise ConfigError(f"{option} does nothing with --config {config}; leave it out")


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


def _laid_out(config: str, release: str | None) -> TrainConfig | str:
    from highlightr.training.config import load_config

    return config if release is None else load_config(config).changed({"data.release": release})


def ablate(
    config: Config,
    data: Data,
    out: Out = Path("runs"),
    seeds: Seeds = 3,
    folds: Folds = 0,
    device: DeviceChoice = "auto",
    release: Release = None,
    allow_missing: Missing = False,
    table: Annotated[list[str] | None, typer.Option(help="Only this table; may be repeated.")] = None,
    as_json: JsonChoice = False,
    debug: DebugChoice = False,
) -> None:
    """Run the ablation tables of a config."""
    need("training", "torch", "lightning", extra="train")
    from highlightr.training.ablation import ablate as run

    show_log(quiet=as_json, debug=debug)
    with progress_hook(quiet=as_json) as progress:
        result = run(
            _laid_out(config, release),
            data,
            out,
            seeds=seeds,
            folds=folds,
            device=device,
            tables=table or (),
            allow_missing=allow_missing,
            progress=progress,
        )
    if as_json:
        say(json.dumps(result.as_dict(), indent=2))
        return
    for name, rows in result.tables.items():
        say(name)
        show_rows((*rows, *result.baselines))
    say(result.folder)
