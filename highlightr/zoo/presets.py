"""Presets: which extractors, text encoder and scorers work together, read from `models/*.yaml`.

A preset is data. It names one `scorer`, or several `scorers` and which of them serves a `use`: a query, or none.
Loading one checks its shape and names; it does not load a model or look for weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from highlightr.core.errors import ConfigError
from highlightr.core.resources import model_files

__all__ = ["DEFAULT_PRESET", "Preset", "ScorerChoice", "ScorerUse", "load_preset", "parse_preset", "preset_names"]

DEFAULT_PRESET = "lite"


@dataclass(frozen=True)
class ScorerChoice:
    """Which scorer a preset runs, and on what."""

    name: str
    """Name in the registry of scorers."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """The scorer's own settings."""
    weights: str | None = None
    """Name in the weights manifest; `None` for a scorer that needs none."""
    random_seed: int | None = None
    """Set only where the preset runs on random weights on purpose; the results say so."""


@dataclass(frozen=True)
class ScorerUse:
    """Which of a preset's scorers serves whom, by their names in the preset."""

    query: str
    """Runs where the user asked for something."""
    no_query: str
    """Runs where nothing was asked for."""


@dataclass(frozen=True)
class Preset:
    """One named way from a video to scores."""

    name: str
    summary: str
    """One line for a person who chooses a preset."""
    clip_seconds: float
    """Length of the clips that are scored."""
    extractors: tuple[str, ...]
    """Names in the registry of extractors."""
    text: str | None
    """Name of the text encoder; `None` where the scorer takes no query."""
    scorers: Mapping[str, ScorerChoice]
    """Name in this preset to scorer: what can be chosen, in the order of the file."""
    use: ScorerUse
    cost: str | None = None
    """What it takes to run, as measured: time per second of video, memory; `None` if it was not."""
    measured: str | None = None
    """How it was measured: figure, data and command; `None` if it was not."""

    @property
    def in_use(self) -> tuple[str, ...]:
        """Names of the scorers that serve somebody, that of queries first."""
        return tuple(dict.fromkeys((self.use.query, self.use.no_query)))

    @property
    def scorer(self) -> ScorerChoice:
        """The scorer of a preset that has one in use for all.

        Raises:
            ConfigError: it has one for queries and another without.
        """
        if len(self.in_use) > 1:
            raise ConfigError(f"preset {self.name} uses several scorers ({', '.join(self.in_use)}); choose one by name")
        return self.scorers[self.use.query]

    def scorer_name(self, query: str | None) -> str:
        """Name of the scorer that serves this query, or `None`."""
        return self.use.no_query if query is None else self.use.query

    def with_scorer(self, name: str) -> Preset:
        """The same preset with one of its scorers serving everybody.

        Raises:
            ConfigError: a name that the preset does not list.
        """
        if name not in self.scorers:
            raise ConfigError(f"preset {self.name} has no scorer named {name!r}; it has {', '.join(self.scorers)}")
        return replace(self, use=ScorerUse(name, name))


def preset_names() -> tuple[str, ...]:
    """Names of all presets that come with highlightr, the default first."""
    names = {entry.name.removesuffix(".yaml") for entry in model_files().iterdir() if entry.name.endswith(".yaml")}
    return (DEFAULT_PRESET, *sorted(names - {DEFAULT_PRESET}))


def load_preset(name: str | Path) -> Preset:
    """Read a preset by its name, or from a YAML file of the caller's.

    Raises:
        ConfigError: no such preset or file, or one that is not a well-formed preset.
    """
    text = str(name)
    if text.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise ConfigError(f"no preset file at {path}")
        return parse_preset(path.read_text(encoding="utf-8"), str(path))
    known = preset_names()
    if text not in known:
        raise ConfigError(f"no preset named {text!r}; there are {', '.join(known)}, or give a .yaml file")
    return parse_preset((model_files() / f"{text}.yaml").read_text(encoding="utf-8"), f"{text}.yaml")


def parse_preset(text: str, origin: str) -> Preset:
    """Make a preset from YAML text; `origin` names it in errors.

    Raises:
        ConfigError: YAML that does not parse, an unknown or missing key, a value of the wrong type.
    """
    try:
        data = yaml.safe_load(text)
        scorers, use = _scorers(data)
        preset = Preset(**{**data, "extractors": tuple(data["extractors"]), "scorers": scorers, "use": use})
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin} is not valid YAML: {' '.join(str(error).split())}") from error
    except (TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{origin} is not a preset: {error}; compare it with models/lite.yaml") from error
    _check(preset, origin)
    return preset


def _scorers(data: dict[str, Any]) -> tuple[dict[str, ScorerChoice], ScorerUse]:
    """The scorers of a preset's mapping; the key `scorer` is short for one that serves everybody."""
    if "scorer" in data and {"scorers", "use"} & set(data):
        raise TypeError("it names scorer, and scorers or use as well")
    if "scorer" in data:
        only = ScorerChoice(**data.pop("scorer"))
        return {only.name: only}, ScorerUse(only.name, only.name)
    named = {name: ScorerChoice(**{"name": name, **(choice or {})}) for name, choice in data.pop("scorers").items()}
    return named, ScorerUse(**data.pop("use"))


def _check(preset: Preset, origin: str) -> None:
    if not isinstance(preset.clip_seconds, int | float) or not preset.clip_seconds > 0:
        raise ConfigError(f"{origin}: clip_seconds must be a positive number, got {preset.clip_seconds!r}")
    if not preset.extractors or not all(isinstance(name, str) for name in preset.extractors):
        raise ConfigError(f"{origin}: extractors must be a list of names, got {preset.extractors!r}")
    for name, choice in preset.scorers.items():
        if not isinstance(choice.config, Mapping):
            raise ConfigError(f"{origin}: the config of scorer {name} must be a mapping, got {choice.config!r}")
    for name in preset.in_use:
        if name not in preset.scorers:
            raise ConfigError(f"{origin}: use names the scorer {name!r}; there are {', '.join(preset.scorers)}")
