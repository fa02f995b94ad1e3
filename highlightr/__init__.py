"""highlightr: turns a raw video into the part worth watching.

    from highlightr import Highlighter
    summary = Highlighter.from_preset("lite").summarize("video.mp4", query="a cat")

Names are loaded when they are first used, so that importing the package costs nothing.

Libraries that report how they are used are told not to, before they start: no run speaks to anyone by itself.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from highlightr.core.types import Summary
    from highlightr.pipeline import Highlighter
    from highlightr.zoo import load_preset

__all__ = ["Highlighter", "Summary", "__version__", "load_preset"]

__version__ = "0.1.0"

# ONNX Runtime reads its own when it is loaded, by us or by faster-whisper. A value of the user's stays.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

_HOMES = {
    "Highlighter": "highlightr.pipeline",
    "Summary": "highlightr.core.types",
    "load_preset": "highlightr.zoo",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'highlightr' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
