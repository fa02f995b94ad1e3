"""`highlightr presets`: what there is to choose from, what each needs, and what of that is here."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from highlightr.cli.say import say
from highlightr.cli.terminal import print_table
from highlightr.features.registry import extractor_class, text_encoder_class
from highlightr.zoo import DEFAULT_PRESET, Preset, load_preset, preset_names
from highlightr.zoo.presets import own_presets
from highlightr.zoo.store import WeightsState, list_weights


def presets(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """List the presets: what each is for, what it needs, what is here, what it costs, how it was measured."""
    states = {state.entry.name: state for state in list_weights()}
    names: list[str | Path] = [*preset_names(), *own_presets(Path())]
    found = [replace(load_preset(name), name=str(name)) for name in names]
    if as_json:
        rows = [dataclasses.asdict(preset) | {"weights": _states(preset, states)} for preset in found]
        say(json.dumps(rows, indent=2))
        return
    print_table(
        ("preset", "what it is for", "scorers", "weights", "cost", "measured"),
        [
            (
                f"{preset.name} (default)" if preset.name == DEFAULT_PRESET else preset.name,
                preset.summary,
                _serving(preset),
                _needs(preset, states),
                preset.cost or "not measured",
                preset.measured or "not measured",
            )
            for preset in found
        ],
    )


def weights_of(preset: Preset) -> tuple[str, ...]:
    """Names in the manifest of all weights that a preset runs on, those of its scorers last."""
    named: list[str] = []
    for kind in (*map(extractor_class, preset.extractors), *([text_encoder_class(preset.text)] if preset.text else ())):
        named += kind.checkpoints
    scorers = [preset.scorers[name].weights for name in preset.in_use]
    return tuple(dict.fromkeys([*named, *(name for name in scorers if name is not None)]))


def _serving(preset: Preset) -> str:
    """Which scorer serves a query and which none, the others that can be chosen last."""
    if len(preset.in_use) == 1:
        served = [preset.use.query]
    else:
        served = [f"{preset.use.query} (with a query)", f"{preset.use.no_query} (without)"]
    return ", ".join([*served, *(name for name in preset.scorers if name not in preset.in_use)])


def _states(preset: Preset, states: Mapping[str, WeightsState]) -> dict[str, str]:
    return {name: states[name].state if name in states else _own(name) for name in weights_of(preset)}


def _own(name: str) -> str:
    return "present" if Path(name).is_file() else "missing"


def _needs(preset: Preset, states: Mapping[str, WeightsState]) -> str:
    """``all here``, or what is not: its state and its size where known."""
    absent = []
    for name in weights_of(preset):
        if name not in states:
            absent += [] if Path(name).is_file() else [f"{name} (missing)"]
            continue
        state = states[name]
        if state.path is None:
            size = f", {state.size_bytes / 1e6:.0f} MB" if state.size_bytes else ""
            absent.append(f"{name} ({state.state}{size})")
    random = any(preset.scorers[name].random_seed is not None for name in preset.in_use)
    own = "random weights for the scorer" if random else ""
    return "; ".join(filter(None, (own, ", ".join(absent) or "all here")))
