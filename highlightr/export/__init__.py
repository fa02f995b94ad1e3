"""Export: the receipt and the report of a summary, and where its files go."""

from __future__ import annotations

from highlightr.export.outputs import Outputs, plan_outputs, staged
from highlightr.export.receipt import SCHEMA_VERSION, build_receipt, receipt_schema, write_receipt
from highlightr.export.report import render_report, write_report

__all__ = [
    "SCHEMA_VERSION",
    "Outputs",
    "build_receipt",
    "plan_outputs",
    "receipt_schema",
    "render_report",
    "staged",
    "write_receipt",
    "write_report",
]
