"""Tables as spreadsheets of several countries save them."""

from __future__ import annotations

import pytest

from highlightr.core.tables import cell_text, path_cell, table_reader, text_cell

ROWS = [
    {"file": "a.mp4", "start_seconds": "1.5", "title": "one; two"},
    {"file": "b", "start_seconds": "2", "title": ""},
]


@pytest.mark.parametrize(
    "text",
    [
        "file,start_seconds,title\na.mp4,1.5,one; two\nb,2,\n",
        'file;start_seconds;title\r\na.mp4;1,5;"one; two"\r\nb;2;\r\n',
        "file\tstart_seconds\ttitle\na.mp4\t1,5\tone; two\nb\t2\t",
    ],
    ids=["commas", "semicolons", "tabs"],
)
def test_the_head_line_tells_the_delimiter(text: str) -> None:
    assert list(table_reader(text.splitlines(keepends=True))) == ROWS


def test_only_cells_that_are_numbers_or_times_have_decimal_commas() -> None:
    lines = ["a;b;c;d", "1,2,3;0:01,5;one,2;12,"]
    assert list(table_reader(lines)) == [{"a": "1,2,3", "b": "0:01.5", "c": "one,2", "d": "12,"}]
    assert list(table_reader(["a,b", '"1,5",2'])) == [{"a": "1,5", "b": "2"}]


def test_lines_are_counted_as_in_the_file() -> None:
    reader = table_reader(["a;b\n", '"x\n', 'y";1\n', "z;2\n"])
    assert [(row["a"], reader.line_num) for row in reader] == [("x\ny", 3), ("z", 4)]
    assert list(table_reader([])) == []


@pytest.mark.parametrize(
    "text",
    [
        "=cmd|' /C calc'!A0",
        "@SUM(1)",
        "+1",
        "-1",
        "\t=1",
        "\r=1",
        "\uff1d1",
        "'=1",
        "''=1",
        "'quoted'",
        "a cat",
        "",
        "'",
    ],
)
def test_no_cell_is_a_formula_and_all_is_read_as_it_was(text: str) -> None:
    cell = text_cell(text)
    assert not cell.startswith(("=", "@", "+", "-", "\t", "\r", "\uff1d"))
    assert cell_text(cell) == text
    assert path_cell(text)[:1] not in {"=", "@", "+", "-", "\t"}
