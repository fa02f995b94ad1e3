"""Export: the receipt and the report of a summary, and where its files go."""

from __future__ import annotations

from highlightr.export.receipt import SCHEMA_VERSION, build_receipt, receipt_schema, write_receipt

__all__ = ["SCHEMA_VERSION", "build_receipt", "receipt_schema", "write_receipt"]
