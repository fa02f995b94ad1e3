"""Presets and weights: what there is, where it lies, how it is fetched and checked."""

from highlightr.zoo.presets import DEFAULT_PRESET, Preset, ScorerChoice, load_preset, preset_names
from highlightr.zoo.resources import model_files

__all__ = ["DEFAULT_PRESET", "Preset", "ScorerChoice", "load_preset", "model_files", "preset_names"]
