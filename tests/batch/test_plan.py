"""Videos and queries become jobs, each with a folder of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from highlightr.batch import BatchOptions, plan_jobs, run_batch
from highlightr.batch.queries import OPTION_COLUMNS
from highlightr.core.errors import ConfigError
from highlightr.options import SummarizeOptions


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
        f'query, video\na dog,a.mp4\n"a cat, asleep",a.mp4\na dog,a.mp4\nby path,{folder / "b.mp4"}\n,deep/b.mp4\n'
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


def test_rows_that_a_spreadsheet_saved_with_semicolons(folder: Path, tmp_path: Path) -> None:
    queries = tmp_path / "q.csv"
    queries.write_text('video;query;duration;range\na.mp4;a cat, asleep;2,5;"0:00-0:01; 2-3"\n')
    (job, *_) = plan_jobs([folder], tmp_path / "out", queries=queries)
    assert job.query == "a cat, asleep"
    assert job.options["duration"] == 2.5


def test_rows_alone_name_the_videos(folder: Path, tmp_path: Path) -> None:
    queries = folder / "q.jsonl"
    queries.write_text('{"video": "deep/b.mp4", "query": "one"}\n{"video": "deep/b.mp4", "query": "two"}\n')
    jobs = plan_jobs([], tmp_path / "out", queries=queries)
    assert [(job.video, job.query) for job in jobs] == [(str(folder / "deep/b.mp4"), q) for q in ("one", "two")]


@pytest.mark.parametrize("others", ["", "a.mp4,x\n"])
def test_a_row_whose_video_is_absent_is_told_by_its_line(others: str, folder: Path, tmp_path: Path) -> None:
    queries = folder / "q.csv"
    queries.write_text(f"video,query\n{others}gone.mp4,x\n")
    with pytest.raises(ConfigError, match=rf"q\.csv:{2 + bool(others)}: gone\.mp4: no such video"):
        plan_jobs([], tmp_path / "out", queries=queries)
    queries.write_text("video,query\n")
    with pytest.raises(ConfigError, match="no videos were given"):
        plan_jobs([], tmp_path / "out", queries=queries)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("q.csv", "file,text\na.mp4,x\n", "must name the columns video and query"),
        ("q.csv", "video,query\nzzz.mp4,x\n", "q.csv:2: zzz.mp4: no such video"),
        ("q.csv", "video,query\nq.csv,x\n", "q.csv:2: q.csv: no input is this video"),
        ("q.csv", "video,query\n,x\n", "q.csv:2: a line needs a video"),
        ("q.jsonl", '{"video": "a.mp4", "query": "x"}\n{oops\n', "q.jsonl:2: not JSON"),
        ("q.jsonl", '["a.mp4", "x"]\n', "q.jsonl:1: a line needs a video"),
        ("q.jsonl", '{"video": "a.mp4", "query": 3}\n', "the query must be text"),
        ("q.jsonl", "[" * 100_000, "q.jsonl:1: not JSON"),
        ("q.csv", "video,query,max_clip\na.mp4,x,1\n", "q.csv:1: column max_clip: no such column; .* max_clips"),
        ("q.csv", "video,query,output\na.mp4,x,y\n", "q.csv:1: column output: no such column"),
        ("q.csv", "video,query,ratio,ratio\n", "q.csv:1: column ratio: it is there twice"),
        ("q.csv", "video,query\na.mp4,a cat, asleep\n", "q.csv:2: it has more than 2 cells"),
        ("q.csv", "video,query,ratio\n\na.mp4,x,lots\n", "q.csv:3: column ratio: must be a number, got 'lots'"),
        ("q.csv", "video,query,duration\na.mp4,x,lots\n", "q.csv:2: column duration: must be a number, got 'lots'"),
        ("q.csv", "video,query,ratio\na.mp4,x,2\n", "q.csv:2: column ratio: ratio must be a number in"),
        ("q.csv", "video,query,duration\na.mp4,x,nan\n", "q.csv:2: column duration: duration_seconds must be"),
        ("q.csv", "video,query,max_clips\na.mp4,x,1.5\n", "q.csv:2: column max_clips: must be a whole number"),
        ("q.csv", "video,query,fill\na.mp4,x,perhaps\n", "q.csv:2: column fill: must be yes or no"),
        ("q.csv", "video,query,range\na.mp4,x,2:00-1:00\n", "q.csv:2: column range: range must be spans"),
        ("q.csv", "video,query,cut\na.mp4,x,never\n", "q.csv:2: column cut: cut must be"),
        ("q.csv", "video,query,ratio,duration\na.mp4,x,0.1,5\n", "q.csv:2: columns ratio, duration: a budget is"),
        ("q.jsonl", '{"video": "a.mp4", "range": 5}\n', "q.jsonl:1: column range: range cannot be 5"),
        ("q.jsonl", '{"video": "a.mp4", "ratio": "0.1"}\n', "q.jsonl:1: column ratio: ratio must be"),
        ("q.jsonl", '{"video": "a.mp4", "fill": 1}\n', "q.jsonl:1: column fill: fill must be"),
        ("q.jsonl", '{"video": "a.mp4", "export": [["otio"]]}\n', "q.jsonl:1: column export: export"),
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


def test_a_row_has_options_of_its_own(folder: Path, tmp_path: Path) -> None:
    queries = tmp_path / "q.csv"
    queries.write_text(
        "video,query,duration,max_clips,fill,range,margin,export\n"
        'a.mp4,a cat,20,3,yes,1-2; 3-4,"1,0.5","otio,edl"\n'
        "b.mp4,a dog,,,,,,\n"
    )
    inputs = [folder / "a.mp4", folder / "b.mp4"]
    first, second = plan_jobs(inputs, tmp_path / "out", queries=queries)
    assert first.options["duration"] == 20.0
    assert second.options == {}
    options = SummarizeOptions.from_keywords(**BatchOptions(summarize={"ratio": 0.5, "cut": "copy"}).for_job(first))
    assert (options.selection.duration_seconds, options.selection.ratio, options.cut) == (20.0, None, "copy")
    assert (options.selection.max_clips, options.selection.fill, options.selection.margin) == (3, True, (1.0, 0.5))
    assert options.selection.range == ((1.0, 2.0), (3.0, 4.0))
    assert options.export == ("otio", "edl")
    lines = tmp_path / "q.jsonl"
    lines.write_text('{"video": "a.mp4", "query": "a cat", "ratio": 0.2, "range": [[1, 2]], "margin": null}\n')
    (job, _) = plan_jobs(inputs, tmp_path / "out", queries=lines)
    assert job.options == {"ratio": 0.2, "range": [[1, 2]]}


def test_every_option_that_is_a_column_takes_a_text(folder: Path, tmp_path: Path) -> None:
    cells = {"duration": "5", "ratio": "", "duration_seconds": "", "range": "1-2", "exclude": "5-6", "margin": "1"}
    cells |= {
        "audio_track": "1",
        "export": "otio",
        "hdr": "keep",
        "cut": "exact",
        "transition": "fade",
        "order": "score",
    }
    cells |= {"mode": "moments", "detector": "cheap", "max_clips": "2", "threshold": "0.5", "transcribe": "tiny.en"}
    cells |= {"subtitles": "soft", "encoder": "libx264", "analysis": "auto"}
    for name in set(OPTION_COLUMNS) - set(cells):
        cells[name] = "no" if name in ("fill", "strict") else "2.5"
    queries = tmp_path / "q.csv"
    queries.write_text(",".join(["video", "query", *cells]) + "\n" + ",".join(["a.mp4", "x", *cells.values()]) + "\n")
    (job,) = plan_jobs([folder / "a.mp4"], tmp_path / "out", queries=queries)
    assert set(job.options) == {name for name, text in cells.items() if text}


def test_rows_that_differ_in_options_alone_have_folders_of_their_own(folder: Path, tmp_path: Path) -> None:
    queries = tmp_path / "q.csv"
    queries.write_text("video,query,duration\na.mp4,a cat,5\na.mp4,a cat,10\na.mp4,a cat,10\na.mp4,a dog,5\n")
    jobs = plan_jobs([folder / "a.mp4"], tmp_path / "out", queries=queries)
    assert [job.folder for job in jobs] == ["a/a-cat", "a/a-cat-duration-10-0", "a/a-dog"]


def test_options_that_do_not_go_with_the_batchs_are_refused_before_any_work(folder: Path, tmp_path: Path) -> None:
    queries = tmp_path / "q.csv"
    queries.write_text("video,query,transition\na.mp4,x,fade\n")
    jobs = plan_jobs([folder / "a.mp4"], tmp_path / "out", queries=queries)
    with pytest.raises(ConfigError, match=r"a\.mp4: copied packets cannot fade"):
        run_batch(jobs, tmp_path / "out", BatchOptions(summarize={"cut": "copy"}))
    assert not (tmp_path / "out").exists()
