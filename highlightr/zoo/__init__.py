"""Presets and weights: what there is, where it lies, how it is fetched and checked."""

from __future__ import annotations

from highlightr.core.resources import model_files
from highlightr.zoo.manifest import WeightsEntry, load_manifest
from highlightr.zoo.presets import DEFAULT_PRESET, Preset, ScorerChoice, ScorerUse, load_preset, preset_names
from highlightr.zoo.store import Verified, WeightsState, list_weights, verify, weights_path

__all__ = [
    "DEFAULT_PRESET",
    "Preset",
    "ScorerChoice",
    "ScorerUse",
    "Verified",
    "WeightsEntry",
    "WeightsState",
    "list_weights",
    "load_manifest",
    "load_preset",
    "model_files",
    "preset_names",
    "verify",
    "weights_path",
]
