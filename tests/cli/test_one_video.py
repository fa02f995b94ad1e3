"""Commands that take one video say what to run for many, and for an address."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.run import Run


@pytest.mark.parametrize("command", ["summarize", "score"])
@pytest.mark.parametrize(
    ("places", "words"),
    [
        (("a.mp4", "b.mp4", "c.mp4"), "takes one video and got 3; for many: highlightr batch VIDEO… OUTPUT_DIR"),
        (("https://example.org/v.mp4?key=secret",), "fetch it first"),
        (("https://example.org/v.mp4?key=secret", "a dog"), "takes one video and got 2"),
        (("s3://bucket/v.mp4",), "run highlightr batch ADDRESS OUTPUT_DIR --allow-remote"),
    ],
    ids=["several", "https", "address and query", "s3"],
)
def test_the_way_to_do_it_is_said(command: str, places: tuple[str, ...], words: str, run: Run) -> None:
    ended = run(command, *places)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert "secret" not in ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("command", ["summarize", "score"])
@pytest.mark.parametrize("places", [("my v.mp4", "a dog"), ("a dog", "my v.mp4"), ("my v.mp4", "a", "dog")], ids=str)
def test_a_query_beside_the_video_is_shown_its_place(
    command: str, places: tuple[str, ...], tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my v.mp4").touch()
    ended = run(command, *places)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith(f"a query goes behind -q: highlightr {command} 'my v.mp4' -q 'a dog'\n")


@pytest.mark.parametrize("command", ["summarize", "score"])
def test_a_folder_is_shown_the_command_for_many(
    command: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my videos").mkdir()
    ended = run(command, "my videos")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith("for all in it: highlightr batch 'my videos' OUTPUT_DIR\n")


@pytest.mark.parametrize(
    ("places", "words"),
    [
        (("videos", "a dog"), "a query goes behind -q: highlightr batch videos OUTPUT_DIR -q 'a dog'; for a folder of"),
        (
            ("my v.mp4", "a", "dog"),
            "no video or folder at a; a query goes behind -q: highlightr batch 'my v.mp4' OUTPUT_",
        ),
        (("videos", "old", "a dog"), "goes behind -q: highlightr batch videos old OUTPUT_DIR -q 'a dog'; for a folder"),
        (
            ("videos", "new", "a dog"),
            "no video or folder at new; a query goes behind -q: highlightr batch videos OUTPUT_",
        ),
        (("https://u:secret@example.org/v.mp4", "a dog"), "highlightr batch ADDRESS OUTPUT_DIR -q 'a dog'"),
        (("videos",), "the folder for the outputs goes last: highlightr batch videos OUTPUT_DIR"),
        (("my v.mp4", "other.mp4"), "goes last: highlightr batch 'my v.mp4' other.mp4 OUTPUT_DIR"),
        (("videos", "-q", "a dog"), "the folder for the outputs goes last: highlightr batch videos OUTPUT_DIR"),
        (("videos", "vidoes/typo.mp4", "out"), "no video or folder at vidoes/typo.mp4\n"),
        (("vidoes", "out"), "no video or folder at vidoes\n"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_a_query_where_the_folder_of_a_batch_belongs_is_shown_its_place(
    places: tuple[str, ...], words: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("videos", "old"):
        Path(folder).mkdir()
    for video in ("my v.mp4", "other.mp4", "videos/v.mp4"):
        Path(video).touch()
    ended = run("batch", *places)
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert words in ended.err
    assert "secret" not in ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my v.mp4", "old", "other.mp4", "videos"]


@pytest.mark.parametrize(
    ("places", "folder"),
    [
        (("videos", "my summaries", "-q", "a dog"), "my summaries"),
        (("videos", "./my summaries"), "my summaries"),
        (("videos", "there is one"), "there is one"),
        (("--list", "list.txt", "my summaries"), "my summaries"),
        (("videos", "dog"), "dog"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_a_folder_of_a_batch_may_have_any_name(
    places: tuple[str, ...], folder: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("videos", "there is one"):
        Path(name).mkdir()
    Path("videos/v.mp4").touch()
    Path("list.txt").write_text("videos/v.mp4\n")
    ended = run("batch", *places)
    assert ended.code == 1  # The video is empty.
    assert (tmp_path / folder / "results.jsonl").exists()


@pytest.mark.parametrize("command", [("summarize", "v.mp4"), ("batch", "v.mp4", "out")], ids=lambda each: each[0])
def test_a_second_query_is_not_lost(command: tuple[str, ...], run: Run) -> None:
    ended = run(*command, "-q", "a dog", "--query", "a cat")
    assert ended.code == 2
    assert "one query at a time, got 2" in ended.err
