"""`highlightr presets`: what there is to choose from, what each needs, and what of that is here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from highlightr.cli.say import say, say_facts
from highlightr.core.errors import ConfigError
from highlightr.core.extras import EXTRA_OF
from highlightr.features import Extractor, TextEncoder
from highlightr.features.registry import extractor_class, text_encoder_class
from highlightr.scorers.registry import scorer_class
from highlightr.zoo import DEFAULT_PRESET, Preset, load_preset, preset_names
from highlightr.zoo.manifest import WeightsEntry, load_manifest
from highlightr.zoo.presets import PRESET_FILE, own_presets
from highlightr.zoo.store import WeightsState, list_weights

RANDOM = "Runs on random weights: its scores mean nothing."


def preset_lines(preset: Preset, states: Mapping[str, WeightsState] | None = None) -> dict[str, str]:
    """Heading to sentence, in order; what must not be missed comes first, without a heading.

    Without `states`, which tell what is here, the lines are the same on every machine.
    """
    to_train = [entry.train for entry in _entries(preset) if entry.train]
    first = {"": f"No trained weights are published; `{to_train[0]}` makes them."} if to_train else {}
    if not to_train and any(preset.scorers[name].random_seed is not None for name in preset.in_use):
        first = {"": RANDOM}
    return {
        **first,
        "good for": preset.summary,
        "needs": _needs(preset, states),
        "measured": preset.measured or "not measured",
    }


def weights_of(preset: Preset) -> tuple[str, ...]:
    """Names in the manifest of all weights that a preset runs on, those of its scorers last."""
    named = [name for kind in _encoders(preset) for name in kind.checkpoints]
    scorers = [preset.scorers[name].weights for name in preset.in_use]
    return tuple(dict.fromkeys([*named, *(name for name in scorers if name is not None)]))


def _encoders(preset: Preset) -> list[type[Extractor] | type[TextEncoder]]:
    """Of pictures, sound and queries."""
    text = [text_encoder_class(preset.text)] if preset.text else []
    return [*map(extractor_class, preset.extractors), *text]


def _entries(preset: Preset) -> list[WeightsEntry]:
    manifest = {entry.name: entry for entry in load_manifest().values()}
    return [manifest[name] for name in weights_of(preset) if name in manifest]


def _needs(preset: Preset, states: Mapping[str, WeightsState] | None) -> str:
    kinds = [*_encoders(preset), *(scorer_class(preset.scorers[name].name) for name in preset.in_use)]
    packages = [package for kind in kinds for package in kind.packages if package in EXTRA_OF]
    extras = dict.fromkeys(f"`highlightr[{EXTRA_OF[package]}]`" for package in packages)
    entries = {entry.name: entry for entry in _entries(preset)}
    absent = [_weights(entry, states) for entry in entries.values() if not entry.embedded]
    own = [Path(name) for name in weights_of(preset) if name not in entries]
    lost = [f"{file.name} (missing)" for file in own if not file.is_file()]
    parts = [*extras, *absent, *lost] or ["nothing more: all comes with the installation"]
    return "; ".join(filter(None, (", ".join(parts), preset.cost)))


def _weights(entry: WeightsEntry, states: Mapping[str, WeightsState] | None) -> str:
    """Name, size, and where it is known how it gets here or that it is here."""
    state = "" if states is None else states[entry.name].state
    how = "here" if state == "present" else state or ("to train" if entry.train else "" if entry.url else "by hand")
    size = f"{entry.size_bytes / 1e6:.0f} MB" if entry.size_bytes and how != "here" else ""
    return entry.name + (f" ({', '.join(filter(None, (how, size)))})" if how or size else "")


def presets(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """List the presets: what each is good for, what it needs and what of that is here, how it was measured."""
    states = {state.entry.name: state for state in list_weights()}
    found = [*map(load_preset, preset_names()), *_own_presets(Path())]
    if as_json:
        say(json.dumps([asdict(preset) | {"weights": _states(preset, states)} for preset in found], indent=2))
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
