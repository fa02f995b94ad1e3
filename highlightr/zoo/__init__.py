"""Presets and weights: what there is, where it lies, how it is fetched and checked."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from highlightr.zoo.manifest import WeightsEntry, load_manifest
from highlightr.zoo.presets import DEFAULT_PRESET, Preset, ScorerChoice, ScorerUse, load_preset, preset_names
from highlightr.zoo.resources import model_files
from highlightr.zoo.store import Verified, WeightsState, list_weights, verify, weights_path

if TYPE_CHECKING:
    from highlightr.zoo.intake import Pulled, import_file, pull

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

_ON_DEMAND = ("Pulled", "import_file", "pull")
"""Their module brings HTTP and TLS along, which a run on embedded weights never needs."""


def __getattr__(name: str) -> Any:
    if name in _ON_DEMAND:
        return getattr(importlib.import_module("highlightr.zoo.intake"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
