"""Tables as spreadsheets save them: with commas between cells, or with semicolons or tabs where numbers have commas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import chain

_DELIMITERS = ",;\t"

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a formula begins with in a spreadsheet, those of full width among them."""

_DECIMAL_COMMA = re.compile(r"([\d:]*\d),(\d+)")
"""Of a number or a time, which is the whole cell."""


def text_cell(text: str) -> str:
    """A cell that spreadsheets, which run what looks like a formula, take for text; anyone may have written it."""
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def cell_text(cell: str) -> str:
    """The text that `text_cell` wrote so."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell


def path_cell(path: str) -> str:
    """The same for a path, which stays one."""
    return f"./{path}" if path.startswith(_FORMULA) else path


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Rows as lines of a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def table_reader(lines: Iterable[str], *, strict: bool = False) -> csv.DictReader[str]:
    """A reader for the delimiter that the head line has; where that is no comma, ``1,5`` is read as ``1.5``.

    With `strict` it raises `csv.Error` where quotation marks are wrong.
    """
    rest = iter(lines)
    head = next(rest, "")
    delimiter = max(_DELIMITERS, key=head.count)
    whole = chain([head], rest if delimiter == "," else _with_points(rest, delimiter))
    return csv.DictReader(whole, delimiter=delimiter, strict=strict)


def _with_points(lines: Iterable[str], delimiter: str) -> Iterator[str]:
    """Cells that are numbers with a decimal comma get a point; others stay, quoted or not."""
    for line in lines:
        body = line.rstrip("\r\n")
        cells = (
            _DECIMAL_COMMA.sub(r"\1.\2", cell) if _DECIMAL_COMMA.fullmatch(cell) else cell
            for cell in body.split(delimiter)
        )
        yield delimiter.join(cells) + line[len(body) :]
