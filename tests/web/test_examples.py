"""Marked examples become rows that training reads, in a file that stays whatever else it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from highlightr.core.errors import ConfigError
from highlightr.datasets.plain import plain
from highlightr.web.examples import add_example
from highlightr.web.library import Library, Video
from tests.web.conftest import Client


@pytest.fixture
def library(videos: Path) -> Library:
    return Library(videos)


def video(library: Library, name: str = "numbers.mp4") -> Video:
    return next(each for each in library.videos() if each.name == name)


def test_training_reads_them(library: Library) -> None:
    query = '=1+1, "quoted" ü'
    assert add_example(library, video(library), 1.0, 2.5, query)
    assert add_example(library, video(library), 4, 5, None)
    assert add_example(library, video(library, "deep/two words ü.mkv"), 0.25, 1, query)
    assert not add_example(library, video(library), 1.0, 2.5, query)
    text = (library.root / "moments.csv").read_text("utf-8")
    assert text.startswith("file,start_seconds,stop_seconds,query\nnumbers.mp4,1.000,2.500,\"'=1+1")
    items = {(item.path.name, item.query): tuple(span[:3] for span in item.spans) for item in plain(library.root).items}
    assert items == {
        ("numbers.mp4", query): ((1.0, 2.5, 1.0),),
        ("numbers.mp4", None): ((4.0, 5.0, 1.0),),
        ("two words ü.mkv", query): ((0.25, 1.0, 1.0),),
    }


def test_a_name_is_no_formula_in_a_spreadsheet(library: Library) -> None:
    (library.root / "numbers.mp4").rename(library.root / "=1+1.mp4")
    assert add_example(library, video(library, "=1+1.mp4"), 1, 2, "a cat")
    assert (library.root / "moments.csv").read_text("utf-8").splitlines()[1].startswith("./=1+1.mp4,")
    assert [item.path for item in plain(library.root).items] == [library.root / "=1+1.mp4"]


def test_a_row_is_there_once_however_it_is_written(library: Library) -> None:
    table = library.root / "moments.csv"
    before = 'file,start_seconds,stop_seconds,query\r\n"numbers.mp4",1.000,2.000,a\u2028cat\r\n'
    table.write_text(before, "utf-8", newline="")
    assert not add_example(library, video(library), 1, 2, "a\u2028cat")
    assert table.read_bytes().decode() == before


@pytest.mark.parametrize("end", ["", "\n"])
def test_rows_of_others_stay(library: Library, end: str) -> None:
    before = "query,score,file,start_seconds,stop_seconds\na dog,0.5,numbers.mp4,0,1" + end
    (library.root / "moments.csv").write_text(before, "utf-8")
    add_example(library, video(library), 1, 2, "a cat")
    after = (library.root / "moments.csv").read_text("utf-8")
    assert after == before.rstrip("\n") + "\na cat,,numbers.mp4,1.000,2.000\n"
    assert len(plain(library.root).items) == 2


@pytest.mark.parametrize(
    "content",
    [b"a,b\n1,2\n", b"", b"\xff\xfe\x00", b'"file', b"file,start_seconds,stop_seconds\n", b"x" * (17 << 20)],
    ids=["columns", "empty", "not text", "open quote", "no query", "large"],
)
def test_files_that_rows_cannot_be_added_to_stay_as_they_are(library: Library, content: bytes) -> None:
    table = library.root / "moments.csv"
    table.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        add_example(library, video(library), 1, 2, "a cat")
    assert len(str(caught.value).splitlines()) == 1
    assert table.read_bytes() == content


def test_a_link_is_not_followed(library: Library, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("file,start_seconds,stop_seconds,query\n")
    (library.root / "moments.csv").symlink_to(outside)
    with pytest.raises(ConfigError, match="link"):
        add_example(library, video(library), 1, 2, "a cat")
    assert outside.read_text().count("\n") == 1


def test_beside_scores_nothing_is_added(library: Library) -> None:
    (library.root / "scores.csv").write_text("file,start_seconds,score\n")
    with pytest.raises(ConfigError, match="one of"):
        add_example(library, video(library), 1, 2, "a cat")


def test_pages_mark_them(studio: Client) -> None:
    path = f"/api/videos/{studio.video('numbers.mp4')}/example"
    body = {"start_seconds": 1, "stop_seconds": 2, "query": "  a\n cat "}
    assert studio.post(path, body).json() == {"added": True}
    assert studio.post(path, body).json() == {"added": False}
    assert studio.post(path, {**body, "stop_seconds": 0.5}).status == 400
    assert (studio.folder / "moments.csv").read_text() == (
        "file,start_seconds,stop_seconds,query\nnumbers.mp4,1.000,2.000,a cat\n"
    )
