"""Metrics and protocols: what the field measures, measured the same way.

`evaluate_files` judges predictions in a file, `evaluate_cases` those in memory, `evaluate_preset` a preset on a folder
of features. Torch-free but for the last, which is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from highlightr.evaluation.base import Case, Protocol, Report, Row
from highlightr.evaluation.moments import moment_case, moment_labels
from highlightr.evaluation.protocols import PROTOCOLS, evaluate_cases, evaluate_files, find_protocol

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


def __getattr__(name: str) -> Any:
    if name != "evaluate_preset":
        raise AttributeError(f"module 'highlightr.evaluation' has no attribute {name!r}")
    return import_module("highlightr.evaluation.preset").evaluate_preset
