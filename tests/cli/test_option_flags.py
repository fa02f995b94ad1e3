"""Flags come from the options: the same for a video and for a batch, repeated ones add up, defaults are told."""

from __future__ import annotations

from dataclasses import fields

import pytest

from highlightr.cli.option_flags import FLAGS
from highlightr.options import SummarizeOptions
from highlightr.selection.options import SelectionOptions
from tests.cli.run import Run

ONE_VIDEO_ONLY = ("output", "clips", "thumbnails", "transcript")


def _flag(name: str) -> str:
    return FLAGS.get(name, (f"--{name.replace('_', '-')}",))[0]


@pytest.mark.parametrize("command", ["summarize", "batch"])
def test_every_option_is_a_flag(command: str, run: Run) -> None:
    outcome = run(command, "--help")
    names = [item.name for kind in (SummarizeOptions, SelectionOptions) for item in fields(kind)]
    names.remove("selection")
    for name in names:
        assert (_flag(name) in outcome.out) == (command == "summarize" or name not in ONE_VIDEO_ONLY), name
    words = " ".join(outcome.out.replace("│", " ").split())
    assert "(by default 20)." in words
    assert "looks wrong (by default 1)." in words
    assert "By default a quarter of the budget" in words
    assert "moments|knapsack" in words
    assert "BEFORE[,AFTER]" in words
    assert "None" not in words


def test_what_is_given_reaches_the_options(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    monkeypatch.setattr("highlightr.pipeline.Highlighter.from_preset", lambda *_, **__: _Recorder(seen))
    flags = ["--range", "0:10-1:00", "--range", "2:00-3:00", "--margin", "1", "--fill", "--no-strict", "--copy"]
    run("summarize", "v.mp4", *flags, "--max-clips", "3", "--quiet")
    assert seen == {
        "range": ["0:10-1:00", "2:00-3:00"],
        "margin": "1",
        "fill": True,
        "strict": False,
        "copy": True,
        "max_clips": 3,
    }


class _Recorder:
    def __init__(self, seen: dict[str, object]) -> None:
        self._seen = seen

    def summarize(self, video: object, query: object, **options: object) -> None:
        self._seen.update(options)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--range", "20-10"], "range must be spans that begin before they end"),
        (["--exclude", "x"], "a span is FROM-TO"),
        (["--margin", "a"], "margin must be BEFORE"),
        (["--threshold", "2"], "threshold must be a score"),
        (["--order", "x"], "order must be"),
        (["--cut", "x"], "cut must be"),
    ],
)
def test_a_wrong_value_is_one_line_before_any_work(flags: list[str], words: str, run: Run) -> None:
    outcome = run("summarize", "gone.mp4", *flags)
    assert outcome.code == 2
    assert words in outcome.err
    assert outcome.err.count("\n") == 1
