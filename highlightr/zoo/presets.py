"""Presets: which extractors, text encoder and scorer work together, read from `models/*.yaml`.

A preset is data. Loading one checks its shape and names; it does not load a model or look for weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from highlightr.errors import ConfigError
from highlightr.zoo.resources import model_files

__all__ = ["DEFAULT_PRESET", "Preset", "ScorerChoice", "load_preset", "parse_preset", "preset_names"]

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
    scorer: ScorerChoice
    cost: str | None = None
    """What it takes to run, as measured: time per second of video, memory; `None` if it was not."""
    measured: str | None = None
    """How it was measured: figure, data and command; `None` if it was not."""


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
        scorer = ScorerChoice(**data.pop("scorer"))
        preset = Preset(**{**data, "extractors": tuple(data["extractors"]), "scorer": scorer})
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin} is not valid YAML: {' '.join(str(error).split())}") from error
    except (TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{origin} is not a preset: {error}; compare it with models/lite.yaml") from error
    _check(preset, origin)
    return preset


def _check(preset: Preset, origin: str) -> None:
    if not isinstance(preset.clip_seconds, int | float) or not preset.clip_seconds > 0:
        raise ConfigError(f"{origin}: clip_seconds must be a positive number, got {preset.clip_seconds!r}")
    if not preset.extractors or not all(isinstance(name, str) for name in preset.extractors):
        raise ConfigError(f"{origin}: extractors must be a list of names, got {preset.extractors!r}")
    if not isinstance(preset.scorer.config, Mapping):
        raise ConfigError(f"{origin}: scorer.config must be a mapping, got {preset.scorer.config!r}")
