"""Selection: shot boundaries, and segments chosen under a budget. Importing this does not import torch.

Names are loaded when they are first used: a query on a video that was seen before needs few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from highlightr.core.lazy_imports import loaded_on_demand

if TYPE_CHECKING:
    from highlightr.selection.budget import knapsack
    from highlightr.selection.options import Detector, Mode, SelectionOptions
    from highlightr.selection.segments import select_segments
    from highlightr.selection.shots import detect_shots, find_shots, shots_from_boundaries, shots_from_probability

__all__ = [
    "Detector",
    "Mode",
    "SelectionOptions",
    "detect_shots",
    "find_shots",
    "knapsack",
    "select_segments",
    "shots_from_boundaries",
    "shots_from_probability",
]

_HOMES = {
    "Detector": "options",
    "Mode": "options",
    "SelectionOptions": "options",
    "detect_shots": "shots",
    "find_shots": "shots",
    "knapsack": "budget",
    "select_segments": "segments",
    "shots_from_boundaries": "shots",
    "shots_from_probability": "shots",
}
"""Public name to the module that is imported when it is first asked for."""

__getattr__ = loaded_on_demand(__name__, _HOMES)
