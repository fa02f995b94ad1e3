"""`highlightr score` and `highlightr cache`, as a user meets them."""

from __future__ import annotations

import io
import json
from importlib import import_module
from pathlib import Path

import pytest

from tests.cli.run import Run
from tests.mediamaker import made


@pytest.fixture
def call(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Run:
    # A home of its own: what other tests have cached must not show. Compiled models stay where they are.
    monkeypatch.setattr("highlightr.features.cache.home_folder", lambda: tmp_path_factory.getbasetemp() / "scores")
    return run


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    path.write_bytes(made("scored.mp4", seconds=3.0).read_bytes())
    return path


def test_many_queries_are_answered_from_one_pass(call: Run, video: Path) -> None:
    found = json.loads(call("score", video, "-q", "a cat", "-q", "a dog", "--json", "--no-cache").out)
    assert [each["query"] for each in found["results"]] == ["a cat", "a dog"]
    assert [len(each["scores"]) for each in found["results"]] == [3, 3]
    assert found["results"][0]["scores"] != found["results"][1]["scores"]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_letters_that_the_terminal_lacks_are_escaped_and_the_json_is_whole(
    encoding: str, call: Run, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "a \u201ccaf\xe9\u201d \u732b \U0001f600 cat"
    stdout = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr("sys.stdout", stdout)
    assert call("score", video, "-q", query, "--json", "--quiet", "--no-cache").code == 0
    stdout.flush()
    text = stdout.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert json.loads(text)["results"][0]["query"] == query
    assert "\\ud83d\\ude00" in text


def test_a_second_run_decodes_nothing_and_says_the_same(
    call: Run, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("cache", "clear")
    first = call("score", video, "-q", "a cat", "--json")
    cached = json.loads(call("cache", "show", "--json").out)
    assert [each["features"] for each in cached["videos"]] == [["efficientnet_lite0", "motion", "yamnet"]]
    assert cached["size_bytes"] > 0

    def refuse(*given: object, **named: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(import_module("highlightr.features.extract"), "decode", refuse)
    assert call("score", video, "-q", "a cat", "--json").out == first.out
    with pytest.raises(AssertionError, match="decoded"):
        call("score", video, "-q", "a cat", "--json", "--no-cache")
    assert "removed 3 entries" in call("cache", "clear").out
    assert json.loads(call("cache", "show", "--json").out)["videos"] == []
    with pytest.raises(AssertionError, match="decoded"):
        call("score", video, "-q", "a cat", "--json")


def test_what_is_kept_of_a_transcript_is_not_called_damaged(call: Run, video: Path, tmp_path: Path) -> None:
    call("cache", "clear")
    (tmp_path / "a.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nA cat sat on the mat.\n")
    call("score", video, "-q", "a cat", "--quiet")
    folder = tmp_path.parent / "scores" / "features"
    (folder / "bad.features.sealed").write_bytes(b"no archive")
    found = {each["hash"]: each["features"] for each in json.loads(call("cache", "show", "--json").out)["videos"]}
    assert found.pop("transcripts") == ["utterances"]
    assert found.pop("damaged") == ["?"]
    assert len(found) == 1
    call("cache", "clear")


def test_prepared_models_are_shown_and_go_only_when_asked(
    call: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("highlightr.features.engines.compiled.home_folder", lambda: tmp_path)
    (tmp_path / "compiled").mkdir()
    prepared = tmp_path / "compiled" / "net-0-0.onnx.sealed"
    prepared.write_bytes(b"0" * 2**20)
    assert json.loads(call("cache", "show", "--json").out)["models"][0]["name"] == prepared.name
    assert "1.0 MiB, 1 prepared model" in call("cache", "show").out
    call("cache", "clear")
    assert prepared.exists()
    assert "and 1 prepared model, " in call("cache", "clear", "--models").out
    assert not prepared.exists()


def test_a_file_is_written_whole_and_kept_unless_it_may_go(call: Run, video: Path) -> None:
    output = video.with_suffix(".csv")
    assert call("score", video, "-o", output, "--quiet").code == 0
    assert output.read_text().startswith("start_seconds,stop_seconds,saliency\n0,1,")
    before = output.read_bytes()
    again = call("score", video, "-o", output)
    assert again.code == 2
    assert "--overwrite" in again.err
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--precision", "int8"), "fp32, bf16 or fp16"),
        (("--precision", "fp16", "--device", "cpu"), "CUDA"),
        (("--detector", "eyes"), "cheap, transnetv2"),
        (("-o", "scores.txt"), ".json or .csv"),
        (("-q", " "), "query is empty"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(call: Run, video: Path, options: tuple[str, ...], words: str) -> None:
    done = call("score", video, *options)
    assert done.code == 2
    assert words in done.err
    assert len(done.err.strip().splitlines()) == 1
