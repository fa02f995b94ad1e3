"""Selection: shot boundaries, and segments chosen under a budget. Importing this does not import torch."""

from highlightr.core.knapsack import knapsack
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
