"""`highlightr datasets`: the public data sets, where they are, and what a folder of one lacks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from highlightr.cli.choices import JsonChoice, group
from highlightr.cli.completion import words
from highlightr.cli.say import say, say_facts, say_folded
from highlightr.core.errors import FAILURE, ConfigError
from highlightr.datasets import DATASETS, Dataset, open_dataset
from highlightr.datasets.catalogue import CATALOGUE, DatasetFacts, PartCheck, part_check
from highlightr.datasets.releases import recognised, recognised_dataset
from highlightr.training.config import load_config

app = group("List and describe the public data sets; check what a folder of one lacks.")

Name = Annotated[str, typer.Argument(help="A name from `highlightr datasets list`.", autocompletion=words(*CATALOGUE))]


@app.command("list")
def list_(as_json: JsonChoice = False) -> None:
    """The data sets, their sizes and terms, and the training config of each."""
    if as_json:
        say(json.dumps({name: asdict(facts) for name, facts in CATALOGUE.items()}, indent=2))
        return
    for name, facts in CATALOGUE.items():
        say_facts(name, (("", facts.title), ("size", facts.size), ("licence", facts.licence), ("config", facts.config)))


@app.command()
def describe(name: Name, as_json: JsonChoice = False) -> None:
    """Official addresses, size, licence, and how its folder is laid out."""
    facts = _facts(name)
    if as_json:
        say(json.dumps({"name": name, **asdict(facts)}, indent=2))
        return
    say_folded(facts.title)
    for what, text in {**facts.pages, "size": facts.size, "licence": facts.licence}.items():
        say_folded(f"{what}: {text}", begin="  ", indent=4)
    say("  a folder holds:")
    for line in facts.layout:
        say_folded(line, begin="    ", indent=6)
    say(f"  train: highlightr train --config {facts.config} --data DIR")


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="The folder as downloaded.")],
    name: Annotated[
        str | None,
        typer.Option(
            "--set", help="The data set; by default what lies in the folder says.", autocompletion=words(*CATALOGUE)
        ),
    ] = None,
    as_json: JsonChoice = False,
) -> None:
    """Say which release a folder is and what it lacks, part by part; exit code 1 if it lacks anything."""
    chosen = name or recognised_dataset(folder)
    facts, release = _facts(chosen), recognised(chosen, folder)
    parts = list(_parts(chosen, facts, folder))
    if as_json:
        found = {"data_set": chosen, "release": release, "parts": [asdict(part) for part in parts]}
        say(json.dumps(found, indent=2))
    else:
        say(chosen + (f", laid out like {release}:" if release else ":"))
        say(folder)
        for part in parts:
            counts = f"{part.usable} usable, {part.missing} missing" if part.usable else "cannot be used"
            say_folded(f"{part.part}: {counts}", begin="  ", indent=4)
            for reason in part.reasons:
                say_folded(reason, begin="    ")
    if any(part.missing or not part.usable for part in parts):
        raise typer.Exit(FAILURE)


def _facts(name: str) -> DatasetFacts:
    if name not in CATALOGUE:
        raise ConfigError(f"no data set named {name!r}; there are {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def _parts(name: str, facts: DatasetFacts, folder: Path) -> Iterator[PartCheck]:
    """Each part as the data set's training config reads it."""
    data = load_config(facts.config).data

    def opened(changes: Mapping[str, Any]) -> Dataset:
        return open_dataset(name, folder, replace(DATASETS[name][1], **data.layout, **changes))

    for part, changes in {"train": {}, "validation": data.validation, "test": data.test}.items():
        if changes is not None:
            yield part_check(part, partial(opened, changes))
