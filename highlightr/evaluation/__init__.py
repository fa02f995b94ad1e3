"""Metrics and protocols: what the field measures, measured the same way.

`evaluate_files` judges predictions in a file, `evaluate_cases` those in memory.
"""

from highlightr.evaluation.base import Case, Protocol, Report, Row
from highlightr.evaluation.moments import moment_case
from highlightr.evaluation.protocols import PROTOCOLS, evaluate_cases, evaluate_files, find_protocol

__all__ = [
    "PROTOCOLS",
    "Case",
    "Protocol",
    "Report",
    "Row",
    "evaluate_cases",
    "evaluate_files",
    "find_protocol",
    "moment_case",
]
