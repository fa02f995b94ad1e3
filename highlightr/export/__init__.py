"""Export: the receipt and the report of a summary, and where its files go.

Names are loaded when they are first used: a query on a video that was seen before needs few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from highlightr.core.lazy_imports import loaded_on_demand

if TYPE_CHECKING:
    from highlightr.export.index import IndexEntry, render_index, write_index
    from highlightr.export.outputs import Outputs, plan_outputs, staged
    from highlightr.export.receipt import SCHEMA_VERSION, build_receipt, receipt_schema, write_receipt
    from highlightr.export.report import render_report, write_report
    from highlightr.export.scores import Scored, check_scores_path, scores_document, write_scores

__all__ = [
    "SCHEMA_VERSION",
    "IndexEntry",
    "Outputs",
    "Scored",
    "build_receipt",
    "check_scores_path",
    "plan_outputs",
    "receipt_schema",
    "render_index",
    "render_report",
    "scores_document",
    "staged",
    "write_index",
    "write_receipt",
    "write_report",
    "write_scores",
]

_HOMES = {
    "SCHEMA_VERSION": "receipt",
    "IndexEntry": "index",
    "Outputs": "outputs",
    "Scored": "scores",
    "build_receipt": "receipt",
    "check_scores_path": "scores",
    "plan_outputs": "outputs",
    "receipt_schema": "receipt",
    "render_index": "index",
    "render_report": "report",
    "scores_document": "scores",
    "staged": "outputs",
    "write_index": "index",
    "write_receipt": "receipt",
    "write_report": "report",
    "write_scores": "scores",
}
"""Public name to the module that is imported when it is first asked for."""

__getattr__ = loaded_on_demand(__name__, _HOMES)
