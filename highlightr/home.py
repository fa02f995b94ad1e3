"""Where highlightr keeps what outlives a run: weights and cached features.

`HIGHLIGHTR_HOME` wins, then `XDG_CACHE_HOME/highlightr`, then `~/.cache/highlightr`. Nothing is created here.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["home_folder"]


def home_folder() -> Path:
    """The folder, absolute; it need not exist yet. An empty variable counts as unset."""
    if chosen := os.environ.get("HIGHLIGHTR_HOME"):
        return Path(chosen).expanduser().absolute()
    if cache := os.environ.get("XDG_CACHE_HOME"):
        return Path(cache).expanduser().absolute() / "highlightr"
    return Path.home() / ".cache" / "highlightr"
