"""Scores as CSV and JSON: every clip, every query, whole or not there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import OutputError
from highlightr.core.source import Source, VideoStream
from highlightr.core.transcript import Transcript, Utterance
from highlightr.core.types import Reason, Scores, TimeGrid
from highlightr.export.scores import Scored, check_scores_path, scores_document, write_scores

GRID = TimeGrid(2.5, 1.0)
SOURCE = Source(Path("a.mp4"), 2.5, 0.0, "mp4", 1, VideoStream(0, "h264", 64, 36))


def scored(query: str | None, *values: float) -> Scored:
    reasons = ((Reason("visual", "tabby", 0.4),), (), (Reason("audio", "meow", 0.2),))
    scores = Scores(GRID, np.asarray(values, np.float32), reasons=reasons, notes=("weak",))
    return Scored(query, "zeroshot", scores)


RESULTS = [scored("a cat, please", 0.25, 0.5, 1.0), scored(None, 0.0, 0.125, 0.75)]


def test_json_holds_every_clip_of_every_query(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    write_scores(path, SOURCE, "lite", RESULTS, overwrite=False)
    found = json.loads(path.read_text())
    assert found == scores_document(SOURCE, "lite", RESULTS)
    assert found["starts_seconds"] == [0, 1, 2]
    assert found["stops_seconds"] == [1, 2, 2.5]
    assert [each["query"] for each in found["results"]] == ["a cat, please", None]
    assert found["results"][0]["scores"] == [0.25, 0.5, 1.0]
    assert found["results"][0]["reasons"] == ["tabby", None, "meow"]
    assert found["results"][1]["notes"] == ["weak"]


def test_csv_has_a_row_per_clip_and_a_column_per_query(tmp_path: Path) -> None:
    path = tmp_path / "scores.CSV"
    write_scores(path, SOURCE, "lite", RESULTS, overwrite=False)
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["start_seconds", "stop_seconds", "a cat, please", "saliency"]
    assert [[float(value) for value in row] for row in rows[1:]] == [
        [0, 1, 0.25, 0],
        [1, 2, 0.5, 0.125],
        [2, 2.5, 1, 0.75],
    ]


def test_no_query_is_a_formula_in_a_spreadsheet(tmp_path: Path) -> None:
    queries = ["=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-a", "a dog"]
    write_scores(tmp_path / "s.csv", SOURCE, "lite", [scored(each, 0, 0, 1) for each in queries], overwrite=False)
    with (tmp_path / "s.csv").open(newline="") as file:
        head = next(csv.reader(file))
    assert head[2:] == ["'=cmd|' /C calc'!A0", "'@SUM(1)", "'+1", "'-a", "a dog"]


@pytest.mark.parametrize("options", [{"transcript": "said.json"}, {}])
def test_what_is_said_is_never_replaced(options: dict[str, str], tmp_path: Path) -> None:
    said = tmp_path / "said.json"
    said.write_text('{"segments": [{"start": 0, "end": 1, "text": "Hello."}]}')
    named = {name: tmp_path / path for name, path in options.items()}
    with pytest.raises(OutputError, match=r"said\.json: this is a transcript of the source"):
        check_scores_path(said, tmp_path / "v.mp4", **named, overwrite=True)


def test_a_file_that_is_there_is_kept_unless_it_may_go(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        check_scores_path(path, tmp_path / "v.mp4", overwrite=False)
    with pytest.raises(OutputError, match="appeared"):
        write_scores(path, SOURCE, "lite", RESULTS, overwrite=False)
    assert path.read_text() == "mine"
    write_scores(path, SOURCE, "lite", RESULTS, overwrite=True)
    assert json.loads(path.read_text())["preset"] == "lite"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "words"), [("scores.txt", ".json or .csv"), ("none/scores.csv", "no such folder")])
def test_a_place_that_cannot_be_is_refused_before_any_work(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(OutputError, match=words):
        check_scores_path(tmp_path / name, tmp_path / "v.mp4", overwrite=False)


def test_json_holds_what_is_said(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    said = Transcript((Utterance(0.25, 1.5, "Hello."),), "a.srt", "en")
    write_scores(path, SOURCE, "lite", RESULTS, said, overwrite=False)
    utterances = [{"start_seconds": 0.25, "stop_seconds": 1.5, "text": "Hello."}]
    assert json.loads(path.read_text())["transcript"] == {
        "origin": "a.srt",
        "language": "en",
        "utterances": utterances,
    }
    assert "transcript" not in scores_document(SOURCE, "lite", RESULTS)


def test_csv_has_times_as_exact_as_json_has(tmp_path: Path) -> None:
    grid = TimeGrid(4000.123456, 1.25)
    scores = Scores(grid, np.zeros(grid.num_clips, np.float32))
    write_scores(tmp_path / "s.csv", SOURCE, "lite", [Scored(None, "zeroshot", scores)], overwrite=False)
    rows = (tmp_path / "s.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in rows[-2:]] == [["3998.75", "4000"], ["4000", "4000.123456"]]
    assert rows[801].startswith("1000,1001.25,")
