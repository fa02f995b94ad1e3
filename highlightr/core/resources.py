"""Where the zoo's data lies: presets, the weights manifest, cards and small trained weights.

In a wheel they are packaged as `highlightr/models`; in a checkout they are the top-level `models/` folder.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


def model_files() -> Traversable:
    """The folder that holds `*.yaml`, `weights.toml` and the cards.

    Raises:
        FileNotFoundError: a damaged installation that has neither place.
    """
    packaged = files("highlightr") / "models"
    if packaged.is_dir():
        return packaged
    checkout = Path(__file__).resolve().parents[2] / "models"
    if checkout.is_dir():
        return checkout
    raise FileNotFoundError(f"no model files at {packaged} or {checkout}; reinstall highlightr")
