"""Commands that take one video say what to run for many, and for an address."""

from __future__ import annotations

import pytest

from tests.cli.run import run


@pytest.mark.parametrize("command", ["summarize", "score"])
@pytest.mark.parametrize(
    ("places", "words"),
    [
        (("a.mp4", "b.mp4", "c.mp4"), "takes one video and got 3; for many: highlightr batch VIDEO… OUTPUT_DIR"),
        (("https://example.org/v.mp4?key=secret",), "fetch it first"),
        (("s3://bucket/v.mp4",), "run highlightr batch ADDRESS OUTPUT_DIR --allow-remote"),
    ],
    ids=["several", "https", "s3"],
)
def test_the_way_to_do_it_is_said(
    command: str,
    places: tuple[str, ...],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended = run(capsys, monkeypatch, command, *places)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert "secret" not in ended.err
    assert ended.err.count("\n") == 1
