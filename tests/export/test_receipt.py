"""Receipts satisfy the shipped schema, and the schema refuses what is not a receipt."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import jsonschema
import pytest

from highlightr.core.errors import MediaError, OutputError
from highlightr.export.receipt import Provenance, build_receipt, write_receipt
from highlightr.export.receipt_reader import receipt_from_plain
from highlightr.export.receipt_schema import receipt_schema
from highlightr.export.timelines.write import render_timeline
from highlightr.export.words import SENSES
from highlightr.features.base import Weights
from highlightr.media.cut import CutResult, Piece
from highlightr.selection import SelectionOptions
from tests.export.example import example

VALIDATOR = jsonschema.Draft202012Validator(receipt_schema())


def test_the_schema_is_itself_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(receipt_schema())


def test_the_schema_names_every_kind_of_reason() -> None:
    segment = receipt_schema()["properties"]["segments"]["items"]["properties"]
    told = segment["reasons"]["items"]["properties"]["kind"]["description"]
    assert [kind for kind in SENSES if f"`{kind}`" not in told] == ["sounds"], "a part of the scores alone"


def test_a_receipt_satisfies_the_schema(tmp_path: Path) -> None:
    receipt = build_receipt(
        example(tmp_path / "in.mp4"),
        Provenance(
            "zeroshot", {"device": "cpu", "seed": 0}, ["random weights"], [Weights("net", "00", "MIT", "PyPI net")]
        ),
        options=asdict(SelectionOptions()) | {"output": tmp_path, "detector": "cheap"},
        versions={"ffmpeg": "7.0"},
    )
    VALIDATOR.validate(receipt)
    assert receipt["source"]["hash_kind"] == "sha256"
    assert receipt["source"]["video"]["frames_per_second"] == "30000/1001"
    assert receipt["query"] == "a cat"
    assert len(receipt["scores"]) == 60
    assert receipt["segments"][1]["start_seconds"] == 30.123457
    assert receipt["segments"][0]["reasons"][1] == {
        "kind": "audio",
        "label": "Meow",
        "weight": 0.3457,
        "start_seconds": 10.0,
        "stop_seconds": 14.0,
    }
    assert [(segment["rank"], segment.get("title")) for segment in receipt["segments"]] == [
        (1, "tabby cat, meow"),
        (2, None),
    ]
    assert receipt["match"] == {"verdict": "strong", "probability": 0.9877}
    assert receipt["options"]["output"] == str(tmp_path)
    assert receipt["versions"]["ffmpeg"] == "7.0"
    assert receipt["timings"] == {"decode": 1.235, "select": 0.01}
    assert receipt["marks"] == ["random weights"]


def test_no_query_and_no_sound_satisfy_the_schema(tmp_path: Path) -> None:
    summary = example(tmp_path / "in.mp4", query=None)
    silent = replace(summary, source=replace(summary.source, audio=None))
    receipt = build_receipt(silent, Provenance("zeroshot"))
    VALIDATOR.validate(receipt)
    assert receipt["source"]["audio"] is None
    assert receipt["query"] is None
    assert "match" not in receipt


def test_how_each_piece_was_cut_is_told(tmp_path: Path) -> None:
    pieces = (Piece(9.0, 14.0, 8.5, 14.5, 0.0, "copied", 150, 0), Piece(30.0, 34.0, 30.0, 34.0, 6.0))
    cut = CutResult(tmp_path / "out.mp4", pieces)
    receipt = build_receipt(example(tmp_path / "in.mp4"), Provenance("zeroshot"), cut=cut)
    VALIDATOR.validate(receipt)
    assert receipt["cut"]["pieces"][0] == {
        "start_seconds": 8.5,
        "stop_seconds": 14.5,
        "output_start_seconds": 0.0,
        "method": "copied",
        "copied_pictures": 150,
        "encoded_pictures": 0,
        "start_moved_seconds": -0.5,
        "stop_moved_seconds": 0.5,
    }
    assert receipt["cut"]["pieces"][1]["method"] == "encoded"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema_version", "1.0"),
        ("schema_version", 3),
        ("match", {"verdict": "maybe"}),
        ("match", None),
        ("transcript", None),
        ("scores", []),
        ("scores", [1.5]),
        ("segments", [{}]),
        ("query", 3),
        ("more", 1),
    ],
)
def test_the_schema_refuses_what_is_not_a_receipt(tmp_path: Path, field: str, value: object) -> None:
    receipt = build_receipt(example(tmp_path / "in.mp4"), Provenance("zeroshot"))
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({**receipt, field: value})


def test_what_is_written_is_what_was_built(tmp_path: Path) -> None:
    receipt = build_receipt(example(tmp_path / "naïve “клип”.mp4"), Provenance("zeroshot"))
    place = tmp_path / "out.json"
    write_receipt(place, receipt)
    assert json.loads(place.read_text(encoding="utf-8")) == receipt
    assert "клип" in place.read_text(encoding="utf-8")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["naïve “клип”.mp4", "out.json"]


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")
def test_a_name_that_is_not_utf8_can_be_written(tmp_path: Path) -> None:
    receipt = build_receipt(example(tmp_path / os.fsdecode(b"caf\xe9.mp4")), Provenance("zeroshot"))
    write_receipt(tmp_path / "out.json", receipt)
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["source"]["path"].endswith("caf�.mp4")


def test_an_unwritable_place_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file: cannot be written \(not a directory\)"):
        write_receipt(tmp_path / "file" / "out.json", {})
    (tmp_path / "file").unlink()
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(OutputError, match="Is a directory"):
        write_receipt(tmp_path / "folder.json", {})
    assert [file.name for file in tmp_path.iterdir()] == ["folder.json"]


def test_a_source_that_is_gone_is_named(tmp_path: Path) -> None:
    summary = example(tmp_path / "in.mp4")
    (tmp_path / "in.mp4").unlink()
    with pytest.raises(MediaError, match=r"cannot read .*in\.mp4: No such file"):
        build_receipt(summary, Provenance("zeroshot"))


def test_what_a_container_crops_counts_in_no_size(tmp_path: Path) -> None:
    summary = example(tmp_path / "in.mp4")
    video = replace(summary.source.video, crop=(14, 6, 10, 30), width=340, height=240, rotation_degrees=90)
    source = replace(summary.source, video=video)
    receipt = build_receipt(replace(summary, source=source), Provenance("zeroshot"))
    assert (receipt["source"]["video"]["width"], receipt["source"]["video"]["height"]) == (320, 200)
    timeline, _ = render_timeline(receipt_from_plain(receipt, "it"), source.path, tmp_path / "x.fcpxml", "fcpxml")
    assert 'width="200" height="320"' in timeline, "turned by a right angle"
