"""Presets and weights: what there is, where it lies, how it is fetched and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from highlightr.core.lazy_imports import loaded_on_demand
from highlightr.core.resources import model_files
from highlightr.zoo.manifest import WeightsEntry, load_manifest
from highlightr.zoo.presets import DEFAULT_PRESET, Preset, ScorerChoice, ScorerUse, load_preset, preset_names
from highlightr.zoo.store import Verified, WeightsState, list_weights, verify, weights_path

if TYPE_CHECKING:
    from highlightr.zoo.installer import Pulled, import_file, pull

__all__ = [
    "DEFAULT_PRESET",
    "Preset",
    "Pulled",
    "ScorerChoice",
    "ScorerUse",
    "Verified",
    "WeightsEntry",
    "WeightsState",
    "import_file",
    "list_weights",
    "load_manifest",
    "load_preset",
    "model_files",
    "preset_names",
    "pull",
    "verify",
    "weights_path",
]

# Their module brings HTTP and TLS along, which a run on embedded weights never needs.
__getattr__ = loaded_on_demand(__name__, dict.fromkeys(("Pulled", "import_file", "pull"), "installer"))
