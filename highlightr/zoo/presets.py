"""Presets: which extractors, text encoder and scorers work together, read from `models/*.yaml`.

A preset is data. It names one `scorer`, or several `scorers` and which of them to `use` with a query and without.
Loading one checks its shape and names; it does not load a model or look for weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from highlightr.core.checks import LARGEST_SEED, check_between, given_path, is_word
from highlightr.core.config import from_plain, parse_yaml, read_yaml
from highlightr.core.errors import ConfigError
from highlightr.core.folders import model_files

DEFAULT_PRESET = "lite"

PRESET_FILE = "preset.yaml"
"""In a preset folder, beside its weights."""

OWN_WEIGHTS = ".safetensors"
"""Weights that end so are a file beside the preset, not a name in the manifest."""


CLIP_EXTRACTORS, HUB_MODEL = frozenset({"clip-classes"}), "open-clip"
"""Extractors whose place another model can take, and the name under which it runs."""


@dataclass(frozen=True)
class ScorerChoice:
    """Which scorer a preset runs, and on what."""

    name: str
    """Name in the registry of scorers."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """The scorer's own settings."""
    weights: str | None = None
    """Name in the weights manifest, or a .safetensors file beside the preset; `None` for a scorer that needs none."""
    random_seed: int | None = None
    """Set only where the preset runs on random weights on purpose; the results say so."""

    def __post_init__(self) -> None:
        check_between(self, 0, LARGEST_SEED, "random_seed")


@dataclass(frozen=True)
class ScorerUse:
    """Which of a preset's scorers runs, by their names in the preset."""

    query: str
    """With a query."""
    no_query: str
    """Without one."""


@dataclass(frozen=True)
class Preset:
    """Which models turn a video into scores."""

    name: str
    summary: str
    """What it is good for: one line for a person who chooses a preset."""
    clip_seconds: float
    """Length of the clips that are scored."""
    extractors: tuple[str, ...]
    """Names in the registry of extractors."""
    text: str | None
    """Name of the text encoder; `None` where the scorer takes no query."""
    scorers: Mapping[str, ScorerChoice]
    """Name in this preset to scorer: what can be chosen, in the order of the file."""
    use: ScorerUse
    model: str | None = None
    """The model of pictures and words that `open-clip` runs, ``NAME/TAG``; `None` where nothing else is asked for."""
    summarize: Mapping[str, Any] = field(default_factory=dict)
    """Options of `summarize` by name, which hold where a caller gives none."""
    cost: str | None = None
    """What it takes to run, as measured: time per second of video, memory; `None` if it was not."""
    measured: str | None = None
    """How it was measured: figure, data and command; `None` if it was not."""

    def __post_init__(self) -> None:
        check_between(self, 0.1, 3600, "clip_seconds")  # Ten hours of the shortest take a gigabyte per 1000 numbers.
        if not self.extractors:
            raise ConfigError("extractors must name at least one")
        for name in self.in_use:
            if name not in self.scorers:
                raise ConfigError(f"use names the scorer {name!r}; there are {', '.join(self.scorers)}")

    @property
    def in_use(self) -> tuple[str, ...]:
        """Names of the active scorers, the query's first."""
        return tuple(dict.fromkeys((self.use.query, self.use.no_query)))

    def scorer_name(self, query: str | None) -> str:
        """Name of the scorer that runs with this query, or without one if it is `None`."""
        return self.use.no_query if query is None else self.use.query

    def with_scorer(self, name: str) -> Preset:
        """The same preset with one of its scorers active for all; a `ConfigError` for one that it does not list."""
        if not is_word(name, self.scorers):
            raise ConfigError(f"preset {self.name} has no scorer named {name!r}; it has {', '.join(self.scorers)}")
        return replace(self, use=ScorerUse(name, name))

    def with_model(self, model: str) -> Preset:
        """The same preset on another model of pictures and words; a `ConfigError` for a preset that runs none."""
        if not CLIP_EXTRACTORS & set(self.extractors):
            raise ConfigError(
                f"preset {self.name} runs no model of pictures and words: --model goes with --preset clip"
            )
        extractors = tuple(HUB_MODEL if name in CLIP_EXTRACTORS else name for name in self.extractors)
        return replace(self, extractors=extractors, text=HUB_MODEL, model=model)


def preset_names() -> tuple[str, ...]:
    """Names of all presets that come with highlightr, the default first."""
    names = {entry.name.removesuffix(".yaml") for entry in model_files().iterdir() if entry.name.endswith(".yaml")}
    return (DEFAULT_PRESET, *sorted(names - {DEFAULT_PRESET}))


def own_presets(folder: Path) -> tuple[Path, ...]:
    """Preset folders directly below a folder, as ``highlightr train --config own`` writes them, in order of name."""
    return tuple(sorted(path.parent for path in folder.glob(f"*/{PRESET_FILE}")))


def load_preset(name: str | Path | Preset, *, scorer: str | None = None, model: str | None = None) -> Preset:
    """Read a preset by its name, or from a YAML file or a preset folder of the caller's.

    With a `scorer` or a `model`, it is as `Preset.with_scorer` and `Preset.with_model` have it; so is one read before.

    Raises:
        ConfigError: no such preset, folder or file, one that is not well-formed, or without that scorer or any model.
    """
    preset = name if isinstance(name, Preset) else _read(given_path("preset", name))
    preset = preset if scorer is None else preset.with_scorer(scorer)
    return preset if model is None else preset.with_model(model)


def _read(name: Path) -> Preset:
    text = str(name)
    if text.endswith((".yaml", ".yml")):
        return _beside(_preset(read_yaml(name), text), name.absolute().parent, text)
    known = preset_names()
    if text not in known and (name / PRESET_FILE).is_file():
        return _read(name / PRESET_FILE)
    if text not in known:
        raise ConfigError(
            f"no preset named {text!r}; there are {', '.join(known)}, or give a .yaml file or a folder with "
            f"{PRESET_FILE}"
        )
    return parse_preset((model_files() / f"{text}.yaml").read_text(encoding="utf-8"), f"{text}.yaml")


def _beside(preset: Preset, folder: Path, origin: str) -> Preset:
    """The preset with weights files that lie beside it under their full names."""
    scorers = dict(preset.scorers)
    for name, choice in scorers.items():
        if choice.weights is not None and choice.weights.endswith(OWN_WEIGHTS):
            if Path(choice.weights).name != choice.weights:
                raise ConfigError(
                    f"{origin}: weights {choice.weights!r} must be a file beside the preset, without a path"
                )
            scorers[name] = replace(choice, weights=str(folder / choice.weights))
    return replace(preset, scorers=scorers)


def parse_preset(text: str, origin: str) -> Preset:
    """Make a preset from YAML text; `origin` names it in errors.

    Raises:
        ConfigError: YAML that does not parse, an unknown or missing key, a value of the wrong type.
    """
    return _preset(parse_yaml(text, origin), origin)


def _preset(values: Any, origin: str) -> Preset:
    return from_plain(Preset, _spelled_out(values, origin) if isinstance(values, dict) else values, origin)


def _spelled_out(values: dict[str, Any], origin: str) -> dict[str, Any]:
    """The mapping with `scorers` and `use`, and every scorer with its name.

    The key `scorer` is short for one scorer that is used with a query and without; a scorer's name is by default the
    one it has in the preset.
    """
    spelled = dict(values)
    if "scorer" in spelled:
        if {"scorers", "use"} & set(spelled):
            raise ConfigError(f"{origin} names scorer, and scorers or use as well; give one of them")
        only = from_plain(ScorerChoice, spelled.pop("scorer"), f"{origin}: scorer")
        return spelled | {"scorers": {only.name: asdict(only)}, "use": {"query": only.name, "no_query": only.name}}
    if isinstance(scorers := spelled.get("scorers"), dict):
        # Also where nothing follows the name, which YAML reads as null.
        named = {name: {} if choice is None else choice for name, choice in scorers.items()}
        spelled["scorers"] = {
            name: {"name": name, **choice} if isinstance(choice, dict) else choice for name, choice in named.items()
        }
    return spelled
