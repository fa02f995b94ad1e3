"""Presets and weights: what there is, where it lies, how it is fetched and checked."""

from highlightr.zoo.manifest import load_manifest
from highlightr.zoo.presets import DEFAULT_PRESET, Preset, ScorerChoice, ScorerUse, load_preset, preset_names
from highlightr.zoo.store import weights_path

__all__ = [
    "DEFAULT_PRESET",
    "Preset",
    "ScorerChoice",
    "ScorerUse",
    "load_manifest",
    "load_preset",
    "preset_names",
    "weights_path",
]
