"""A preset in three lines for a person who chooses one: what it is good for, what it needs, how it was measured.

In: a preset. Out: sentences, and first of all the one that must not be missed: that it runs on random weights, or on
weights that are not published and the command that trains them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from highlightr.core.extras import EXTRA_OF
from highlightr.features.registry import extractor_class, text_encoder_class
from highlightr.scorers.registry import scorer_class
from highlightr.zoo import Preset
from highlightr.zoo.manifest import WeightsEntry, load_manifest
from highlightr.zoo.store import WeightsState

RANDOM = "Runs on random weights: its scores mean nothing."


@dataclass(frozen=True)
class PresetLines:
    """What there is to say of a preset."""

    first: str | None
    """What must not be missed; `None` where there is nothing of the kind."""
    good_for: str
    needs: str
    measured: str

    def items(self) -> tuple[tuple[str, str], ...]:
        """Heading and sentence, in order; the first has no heading."""
        first = () if self.first is None else (("", self.first),)
        return (*first, ("good for", self.good_for), ("needs", self.needs), ("measured", self.measured))


def preset_lines(preset: Preset, states: Mapping[str, WeightsState] | None = None) -> PresetLines:
    """Say it of a preset; without `states`, which tell what is here, the lines are the same on every machine."""
    return PresetLines(_first(preset), preset.summary, _needs(preset, states), preset.measured or "not measured")


def weights_of(preset: Preset) -> tuple[str, ...]:
    """Names in the manifest of all weights that a preset runs on, those of its scorers last."""
    named: list[str] = []
    for kind in (*map(extractor_class, preset.extractors), *([text_encoder_class(preset.text)] if preset.text else ())):
        named += kind.checkpoints
    scorers = [preset.scorers[name].weights for name in preset.in_use]
    return tuple(dict.fromkeys([*named, *(name for name in scorers if name is not None)]))


def _first(preset: Preset) -> str | None:
    entries = [entry for entry in _entries(preset) if entry.train]
    if entries:
        return f"No trained weights are published; `{entries[0].train}` makes them."
    return RANDOM if any(preset.scorers[name].random_seed is not None for name in preset.in_use) else None


def _entries(preset: Preset) -> list[WeightsEntry]:
    manifest = {entry.name: entry for entry in load_manifest().values()}
    return [manifest[name] for name in weights_of(preset) if name in manifest]


def _needs(preset: Preset, states: Mapping[str, WeightsState] | None) -> str:
    extras = [f"`highlightr[{extra}]`" for extra in _extras(preset)]
    absent = [_weights(entry, states) for entry in _entries(preset) if not entry.embedded]
    lost = [f"{Path(name).name} (missing)" for name in _own_files(preset) if not Path(name).is_file()]
    parts = [*extras, *absent, *lost] or ["nothing more: all comes with the installation"]
    return "; ".join(filter(None, (", ".join(parts), preset.cost)))


def _extras(preset: Preset) -> list[str]:
    text = [text_encoder_class(preset.text)] if preset.text else []
    scorers = [scorer_class(preset.scorers[name].name) for name in preset.in_use]
    packages = [kind.packages for kind in map(extractor_class, preset.extractors)]
    packages += [kind.packages for kind in text] + [kind.packages for kind in scorers]
    return list(dict.fromkeys(EXTRA_OF[each] for names in packages for each in names if each in EXTRA_OF))


def _own_files(preset: Preset) -> list[str]:
    known = {entry.name for entry in _entries(preset)}
    return [name for name in weights_of(preset) if name not in known]


def _weights(entry: WeightsEntry, states: Mapping[str, WeightsState] | None) -> str:
    """Name, size, and where it is known how it gets here or that it is here."""
    state = "" if states is None else states[entry.name].state
    how = "here" if state == "present" else state or ("to train" if entry.train else "" if entry.url else "by hand")
    size = f"{entry.size_bytes / 1e6:.0f} MB" if entry.size_bytes and how != "here" else ""
    return entry.name + (f" ({', '.join(filter(None, (how, size)))})" if how or size else "")
