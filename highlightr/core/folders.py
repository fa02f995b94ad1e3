"""Folders: where highlightr keeps its own, where what came with it lies, and how any is made."""

from __future__ import annotations

import os
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from highlightr.core.errors import ConfigError, OutputError
from highlightr.core.outputs import unwritable


def home_folder() -> Path:
    """Where weights, compiled models and caches are kept.

    `$HIGHLIGHTR_HOME`, else `$XDG_CACHE_HOME/highlightr`, else `~/.cache/highlightr`.
    Absolute; it need not exist yet. An empty variable counts as unset. A user without a home, as in a container that
    runs under a number, has it in the root folder, like Docker's: what cannot be written there is not kept.

    Raises:
        ConfigError: a variable names the home of a user who is not there.
    """
    if chosen := os.environ.get("HIGHLIGHTR_HOME"):
        return _folder_of("HIGHLIGHTR_HOME", chosen)
    if cache_root := os.environ.get("XDG_CACHE_HOME"):
        return _folder_of("XDG_CACHE_HOME", cache_root) / "highlightr"
    try:
        home = Path.home()
    except RuntimeError:
        home = Path("/")
    return home / ".cache" / "highlightr"


def _folder_of(variable: str, value: str) -> Path:
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError(f"{variable} is {value!r}: no such user has a home; give a folder's whole path") from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, if need be; `home_folder` itself is made for its owner alone (mode 0700).

    Raises:
        OutputError: it cannot be made.
    """
    home = home_folder()
    try:
        if folder.is_relative_to(home) and not home.exists():
            home.parent.mkdir(parents=True, exist_ok=True)
            home.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"{error.filename}: cannot be written (not a directory); choose another place") from error
    except OSError as error:
        raise unwritable(folder, error) from error


def model_files() -> Traversable:
    """The folder that holds presets (`*.yaml`), `weights.toml`, cards and small trained weights: the zoo's data.

    In a wheel it is packaged as `highlightr/models`; in a checkout it is the top-level `models/` folder.

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
