"""The plain format for users' data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import TimeGrid
from highlightr.datasets import plain


def plain_folder(root: Path, table: str, text: str, files: Sequence[str] = ("a.mp4", "sub/b.mp4", "c.mp4")) -> Path:
    for name in files:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"")
    (root / table).write_text(text)
    return root


def test_plain_moments(tmp_path: Path) -> None:
    text = (
        "file,start_seconds,stop_seconds,query,score\n"
        'a.mp4,1,3,"a goal, scored",\n'
        'a.mp4,2,4,"a goal, scored",0.5\n'
        "sub/b.mp4,0,1,,1\n"
        "gone.mp4,0,1,,1\n"
        "../x.mp4,0,1,,1\n"
        "a.mp4,3,1,,1\n"
        "a.mp4,zero,1,,1\n"
        "a.mp4,0,1,,7\n"
        "a.mp4,0\n"
    )
    dataset = plain(plain_folder(tmp_path, "moments.csv", text))
    assert [item.key for item in dataset.items] == ["a.mp4#a goal, scored", "sub/b.mp4"]
    assert dataset.items[0].labels(TimeGrid(5.0, 1.0)).tolist() == [0, 1, 1, 0.5, 0]
    assert dataset.items[1].query is None
    reasons = {problem.item: problem.reason for problem in dataset.problems}
    for line, part in (
        (5, "no video 'gone.mp4'"),
        (6, "'../x.mp4' is not a file of this folder"),
        (7, "0 <= start_seconds < stop_seconds"),
        (8, "start_seconds must be a number, got 'zero'"),
        (9, "score must lie in [0, 1], got 7"),
        (10, "not as many fields"),
    ):
        assert part in reasons[f"moments.csv, line {line}"]
    assert "names it" in reasons["c.mp4"]


def test_a_table_with_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    text = "file;start_seconds;stop_seconds;score\r\na.mp4;0;2,5;0,25\r\n"
    (item,) = plain(plain_folder(tmp_path, "scores.csv", text)).items
    assert [span[:3] for span in item.spans] == [(0.0, 2.5, 0.25)]


def test_plain_scores_hold_until_the_next(tmp_path: Path) -> None:
    text = "\ufefffile,start_seconds,score\na.mp4,2,0.8\na.mp4,0,0.1\nsub/b.mp4,1,0.4\n"
    dataset = plain(plain_folder(tmp_path, "scores.csv", text))
    grid = TimeGrid(4.0, 1.0)
    assert [item.labels(grid).tolist() for item in dataset.items] == [
        pytest.approx([0.1, 0.1, 0.8, 0.8]),
        pytest.approx([0, 0.4, 0.4, 0.4]),
    ]


def test_plain_items_lie_on_any_grid(tmp_path: Path) -> None:
    folder = plain_folder(tmp_path, "moments.csv", "file,start_seconds,stop_seconds\na.mp4,1,3\n")
    item = plain(folder).items[0].on(TimeGrid(3.5, 1.0))
    assert item.labels.tolist() == [0, 1, 1, 0]
    assert item.ratings.tolist() == [[0], [1], [1], [0]]


@pytest.mark.parametrize(
    ("table", "rows", "lines"),
    [
        ("moments.csv", "a.mp4,1,3,1\na.mp4,3.5,4,1\na.mp4,2,9,1\na.mp4,4,5,1\n", [3, 5]),
        ("scores.csv", "a.mp4,1,3,1\na.mp4,3.5,,1\n", []),
        ("scores.csv", "a.mp4,3.5,,1\na.mp4,4,5,1\n", [2, 3]),
    ],
)
def test_rows_behind_the_end_are_named(tmp_path: Path, table: str, rows: str, lines: list[int]) -> None:
    text = f"file,start_seconds,stop_seconds,score\n{rows}"
    (item,) = plain(plain_folder(tmp_path, table, text)).items
    outside = item.outside(TimeGrid(3.5, 1.0))
    assert [problem.item for problem in outside] == [f"{table}, line {line}" for line in lines]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,start_seconds\n", "columns must be file, start_seconds, stop_seconds"),
        ("file,start_seconds,stop_seconds,colour\n", "columns must be"),
        ("file,start_seconds,stop_seconds\n", "no row can be used"),
        ("", "columns must be"),
        ('file,start_seconds,stop_seconds\n"a.mp4,1,2\n', "not a readable CSV"),
    ],
)
def test_a_plain_folder_that_cannot_be_used(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plain(plain_folder(tmp_path, "moments.csv", text))


def test_a_plain_folder_needs_exactly_one_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found 0"):
        plain(tmp_path)
    (tmp_path / "moments.csv").touch()
    (tmp_path / "scores.csv").touch()
    with pytest.raises(ConfigError, match="found 2"):
        plain(tmp_path)
