"""`highlightr presets`: what there is to choose from, what each needs, and what of that is here."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from highlightr.cli.preset_lines import preset_lines, weights_of
from highlightr.cli.say import say, say_facts
from highlightr.core.errors import ConfigError
from highlightr.zoo import DEFAULT_PRESET, Preset, load_preset, preset_names
from highlightr.zoo.presets import PRESET_FILE, own_presets
from highlightr.zoo.store import WeightsState, list_weights


def presets(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """List the presets: what each is good for, what it needs and what of that is here, how it was measured."""
    states = {state.entry.name: state for state in list_weights()}
    found = [*map(load_preset, preset_names()), *_own_presets(Path())]
    if as_json:
        rows = [dataclasses.asdict(preset) | {"weights": _states(preset, states)} for preset in found]
        say(json.dumps(rows, indent=2))
        return
    for preset in found:
        default = " (default)" if preset.name == DEFAULT_PRESET else ""
        say_facts(f"{preset.name}{default}", (*preset_lines(preset, states).items(), ("scorers", _serving(preset))))


def _own_presets(folder: Path) -> Iterator[Preset]:
    """The presets of a folder; one that cannot be read is said to be so, and the others are listed all the same."""
    for path in own_presets(folder):
        try:
            preset = replace(load_preset(path / PRESET_FILE), name=str(path))
            weights_of(preset)  # Names of extractors are looked up here.
        except ConfigError as error:
            said = str(error)
            where = "" if str(path) in said else f"{path / PRESET_FILE}: "
            say(f"highlightr: left out: {where}{' '.join(said.split())}", err=True)
        else:
            yield preset


def _serving(preset: Preset) -> str:
    """Which scorer serves a query and which none, the others that can be chosen last."""
    if len(preset.in_use) == 1:
        served = [preset.use.query]
    else:
        served = [f"{preset.use.query} (with a query)", f"{preset.use.no_query} (without)"]
    return ", ".join([*served, *(name for name in preset.scorers if name not in preset.in_use)])


def _states(preset: Preset, states: Mapping[str, WeightsState]) -> dict[str, str]:
    own = {name: "present" if Path(name).is_file() else "missing" for name in weights_of(preset) if name not in states}
    return {name: states[name].state if name in states else own[name] for name in weights_of(preset)}
