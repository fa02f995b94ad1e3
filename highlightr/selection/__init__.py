"""Selection: shot boundaries, and segments chosen under a budget. Importing this does not import torch."""

from __future__ import annotations

from highlightr.selection.budget import knapsack
from highlightr.selection.options import Detector, Mode, SelectionOptions
from highlightr.selection.segments import select_segments

__all__ = ["Detector", "Mode", "SelectionOptions", "knapsack", "select_segments"]
