"""One set of option names: as keywords, as texts, as a preset's defaults, and as help."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from highlightr.cli.option_flags import option_help
from highlightr.core.errors import ConfigError
from highlightr.options import SummarizeOptions, parse_margin, parse_spans
from highlightr.selection.options import SelectionOptions

make = SummarizeOptions.from_keywords


def test_keywords_of_both_classes_are_one_set() -> None:
    wanted = make(clips="out", duration=30, min_seconds=3, range="1:20-2:00", margin="1,0.5", copy=True)
    assert (wanted.clips, wanted.cut) == (Path("out"), "copy")
    chosen = wanted.selection
    assert (chosen.duration_seconds, chosen.min_seconds) == (30, 3)
    assert (chosen.range, chosen.margin) == (((80.0, 120.0),), (1.0, 0.5))


def test_flat_and_back() -> None:
    wanted = make(ratio=0.2, exclude=["0:10-0:20", "30-40"], order="score", thumbnails=Path("t"))
    assert make(**wanted.as_flat()) == wanted
    assert "selection" not in wanted.as_flat()


@pytest.mark.parametrize(
    ("value", "pair"), [("1", (1, 1)), ("1,0.5", (1, 0.5)), (2, (2, 2)), ((1, 2), (1, 2)), ([0.5], (0.5, 0.5))]
)
def test_margins(value: Any, pair: tuple[float, float]) -> None:
    assert parse_margin(value) == pair


@pytest.mark.parametrize(
    ("value", "spans"),
    [
        ("10-20", ((10, 20),)),
        ("1:00:00-1:23:45.6", ((3600, 5025.6),)),
        ("10\u201320", ((10, 20),)),
        ((10, 20), ((10, 20),)),
        ([(10, 20), "0:30-0:40"], ((10, 20), (30, 40))),
        (["10-20", "30-40"], ((10, 20), (30, 40))),
        ([], ()),
    ],
)
def test_spans(value: Any, spans: tuple[tuple[float, float], ...]) -> None:
    assert parse_spans(value) == spans


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"selection": 3}, "selection must be SelectionOptions, got 3"),
        ({"transcribe": 3}, "transcribe must be str or None, got 3"),
        ({"rang": "1-2"}, "no option named 'rang'; there are analysis, audio_track, clips, cut, "),
        ({"range": "20-10"}, "range must be spans that begin before they end"),
        ({"range": "ten-20"}, "'ten' is not a time"),
        ({"range": "10"}, "a span is FROM-TO"),
        ({"exclude": [5]}, "a span is FROM-TO"),
        ({"exclude": [("a", 5)]}, "'a' is not a time"),
        ({"margin": "1,2,3"}, "margin must be BEFORE or BEFORE,AFTER"),
        ({"margin": "one"}, "margin must be BEFORE"),
        ({"margin": -1}, "margin must be seconds before and after"),
        ({"threshold": 1.5}, r"threshold must be a score in \[0, 1\]"),
        ({"min_seconds": "3"}, "min_seconds must be float.*, got '3'"),
        ({"fill": "yes"}, "fill must be bool"),
        ({"overwrite": "no"}, "overwrite must be True or False, got 'no'"),
        ({"max_clips": 2.5}, "max_clips must be int"),
        ({"order": "name"}, "order must be"),
        ({"cut": "smartly"}, "cut must be auto or exact or"),
        ({"transition": "wipe"}, "transition must be none or fade"),
        ({"transition": "fade", "copy": True}, "copied packets cannot fade"),
        ({"hdr": "sdr", "cut": "copy"}, "copied packets keep their colours"),
        ({"audio_track": 0}, "audio_track must be a number from 1, all or mix"),
        ({"export": "otio,mov"}, "export knows no format 'mov'"),
        ({"ratio": 0.5, "duration": 3}, "give one of them"),
    ],
    ids=str,
)
def test_what_an_option_does_not_accept_is_one_line(keywords: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make(**keywords)


def test_a_presets_defaults_hold_where_nothing_is_given() -> None:
    defaults = {"ratio": 0.3, "min_seconds": 4.0}
    assert make(defaults, max_clips=2).selection == SelectionOptions(ratio=0.3, min_seconds=4.0, max_clips=2)
    assert make(defaults, duration=9, min_seconds=1).selection == SelectionOptions(duration_seconds=9, min_seconds=1)


@pytest.mark.parametrize(
    ("defaults", "words"),
    [
        ({"output": "x.mp4"}, "mine: output names files of one video"),
        ({"transcript": "x.srt"}, "mine: transcript names files of one video"),
        ({"rati": 0.3}, "mine: no option named 'rati'"),
        ({"ratio": 2.0}, "mine: ratio must be"),
    ],
)
def test_a_presets_defaults_are_checked(defaults: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        SummarizeOptions.check_defaults(defaults, "mine")


@pytest.mark.parametrize("kind", [SummarizeOptions, SelectionOptions])
def test_every_option_has_help(kind: type) -> None:
    help_of = option_help(kind)
    for item in fields(kind):
        assert len(help_of[item.name]) > 15
        assert "``" not in help_of[item.name]
