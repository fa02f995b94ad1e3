"""Metrics and protocols: what the field measures, measured the same way.

`evaluate_files` judges predictions in a file, `evaluate_cases` those in memory, `evaluate_preset` a preset on a folder
of features. Torch-free but for the last, which is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from highlightr.evaluation.base import Case, Protocol, Report, Row
from highlightr.evaluation.moments import moment_case, moment_labels
from highlightr.evaluation.protocols import PROTOCOLS, evaluate_cases, evaluate_files, find_protocol
from highlightr.names import loaded_on_demand

if TYPE_CHECKING:
    from highlightr.evaluation.preset import evaluate_preset

__all__ = [
    "PROTOCOLS",
    "Case",
    "Protocol",
    "Report",
    "Row",
    "evaluate_cases",
    "evaluate_files",
    "evaluate_preset",
    "find_protocol",
    "moment_case",
    "moment_labels",
]

__getattr__ = loaded_on_demand(__name__, {"evaluate_preset": "preset"})
