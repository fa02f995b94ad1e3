"""Export: the receipt and the report of a summary, and where its files go."""

from __future__ import annotations

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
