"""Videos and queries become jobs, each with a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from highlightr.batch import plan_jobs
from highlightr.core.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("in/a.mp4", "in/b.mp4", "in/deep/b.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path / "in"


def test_one_query_has_the_videos_own_folder(folder: Path, tmp_path: Path) -> None:
    jobs = plan_jobs([folder], tmp_path / "out", query="A cat!")
    assert [(job.query, job.folder, job.title) for job in jobs] == [
        ("A cat!", "a", "a.mp4"),
        ("A cat!", "b", "b.mp4"),
        ("A cat!", "deep/b", "deep/b.mp4"),
    ]
    assert len({job.id for job in jobs}) == 3


def test_several_queries_have_readable_folders_inside(folder: Path, tmp_path: Path) -> None:
    rows = ["A cat!", "a cat", "猫 と 犬", "???", "…", "x" * 300]
    queries = tmp_path / "q.csv"
    queries.write_text("video,query\n" + "".join(f'a.mp4,"{row}"\n' for row in rows))
    folders = [job.folder for job in plan_jobs([folder / "a.mp4"], tmp_path / "out", queries=queries)]
    assert folders[:1] + folders[2:4] == ["a/a-cat", "a/猫-と-犬", "a/query"]
    assert folders[1].startswith("a/a-cat-")
    assert folders[4].startswith("a/query-")
    assert len(folders[5]) < 60
    assert folders == [job.folder for job in plan_jobs([folder / "a.mp4"], tmp_path / "out", queries=queries)]


def test_rows_are_found_by_path_name_and_folder(folder: Path, tmp_path: Path) -> None:
    queries = folder / "q.csv"
    queries.write_text(
        "query,video,other\n"
        "a dog,a.mp4,1\n"
        '"a cat, asleep",a.mp4,2\n'
        "a dog,a.mp4,3\n"
        f"by path,{folder / 'b.mp4'},4\n"
        ",deep/b.mp4,5\n"
    )
    jobs = plan_jobs([folder], tmp_path / "out", queries=queries, query="else")
    asked = [(Path(job.video).relative_to(folder).as_posix(), job.query) for job in jobs]
    assert asked == [("a.mp4", "a dog"), ("a.mp4", "a cat, asleep"), ("b.mp4", "by path"), ("deep/b.mp4", None)]
    assert len({job.folder for job in jobs}) == 4


def test_videos_without_a_row_get_the_query_for_all(folder: Path, tmp_path: Path) -> None:
    queries = tmp_path / "q.jsonl"
    queries.write_text(json.dumps({"video": "a.mp4", "query": "a dog"}) + "\n\n")
    jobs = plan_jobs([folder], tmp_path / "out", queries=queries, query="else")
    assert [job.query for job in jobs] == ["a dog", "else", "else"]


def test_rows_alone_name_the_videos(folder: Path, tmp_path: Path) -> None:
    queries = folder / "q.jsonl"
    queries.write_text('{"video": "deep/b.mp4", "query": "one"}\n{"video": "deep/b.mp4", "query": "two"}\n')
    jobs = plan_jobs([], tmp_path / "out", queries=queries)
    assert [(job.video, job.query) for job in jobs] == [(str(folder / "deep/b.mp4"), q) for q in ("one", "two")]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("q.csv", "file,text\na.mp4,x\n", "must name the columns video and query"),
        ("q.csv", "video,query\nzzz.mp4,x\n", "q.csv:2: zzz.mp4: no input is this video"),
        ("q.csv", "video,query\n,x\n", "q.csv:2: a line needs a video"),
        ("q.jsonl", '{"video": "a.mp4", "query": "x"}\n{oops\n', "q.jsonl:2: not JSON"),
        ("q.jsonl", '["a.mp4", "x"]\n', "q.jsonl:1: a line needs a video"),
        ("q.jsonl", '{"video": "a.mp4", "query": 3}\n', "the query must be text"),
        ("q.jsonl", "[" * 100_000, "q.jsonl:1: not JSON"),
        ("q.csv", "\udcff", "cannot read the queries"),
    ],
)
def test_bad_queries_name_the_line(name: str, text: str, words: str, folder: Path, tmp_path: Path) -> None:
    queries = tmp_path / name
    queries.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=words):
        plan_jobs([folder], tmp_path / "out", queries=queries)


def test_a_name_that_several_have_is_not_guessed(folder: Path, tmp_path: Path) -> None:
    queries = tmp_path / "q.csv"
    queries.write_text("video,query\nb.mp4,x\n")
    with pytest.raises(ConfigError, match="several videos have this name"):
        plan_jobs([folder / "b.mp4", folder / "deep"], tmp_path / "out", queries=queries)
    with pytest.raises(ConfigError, match="the query is empty"):
        plan_jobs([folder], tmp_path / "out", query="  ")
    with pytest.raises(ConfigError, match="cannot read the queries"):
        plan_jobs([folder], tmp_path / "out", queries=tmp_path / "gone.csv")
