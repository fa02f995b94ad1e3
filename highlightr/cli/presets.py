"""`highlightr presets`: what there is to choose from."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer

from highlightr.cli.terminal import print_table
from highlightr.zoo import DEFAULT_PRESET, load_preset, preset_names

__all__ = ["presets"]


def presets(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """List the presets: what each is for, what it runs, and how it was measured."""
    found = [load_preset(name) for name in preset_names()]
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(preset) for preset in found], indent=2))
        return
    rows = []
    for preset in found:
        name = f"{preset.name} (default)" if preset.name == DEFAULT_PRESET else preset.name
        runs = ", ".join((*preset.extractors, *([preset.text] if preset.text else [])))
        rows.append((name, preset.summary, runs, preset.scorer.name, preset.measured or "not yet"))
    print_table(("preset", "what it is for", "runs", "scorer", "measured"), rows)
