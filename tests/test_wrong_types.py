"""A value of a wrong type, given in Python, is one line that names it and what it is; no traceback from deep inside."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from highlightr import Highlighter, load_preset
from highlightr.batch import BatchOptions, Job, plan_jobs, run_batch
from highlightr.core.errors import ConfigError
from highlightr.core.types import Reason, Segment
from highlightr.export.feature_files.extract import ExtractOptions, extract_to_files
from highlightr.export.receipt_reader import read_receipt
from highlightr.export.recut import cut_again
from highlightr.media.cut import TWICE_NOTE
from highlightr.options import SummarizeOptions
from highlightr.selection.options import SelectionOptions
from tests.light import DEBUG_PRESET
from tests.mediamaker import make_video

CLASSES = (BatchOptions, ExtractOptions, SelectionOptions, SummarizeOptions)


class Odd:
    """What no option is."""

    def __repr__(self) -> str:
        return "odd"


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("value", [Odd(), [Odd()], {"a": Odd()}, "\0", b"x", np.array([1.0, 2.0])], ids=repr)
def test_every_field_of_every_class_of_options(kind: type, value: Any) -> None:
    for item in fields(kind):
        if isinstance(value, str) and item.type in ("str", "str | None"):
            continue
        with pytest.raises(ConfigError) as caught:
            kind(**{item.name: value})
        if not isinstance(value, dict) or item.name != "summarize":  # Its keys are options, and are told as such.
            words = str(caught.value)
            assert re.search(rf"\b{item.name}\b", words), words
            assert repr(value) in words or repr(value)[1:-1] in words, words
            assert "\n" not in words


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (BatchOptions, {"workers": "2"}, "workers must be int or None, got '2'"),
        (BatchOptions, {"stall_seconds": True}, "stall_seconds must be float, got True"),
        (SelectionOptions, {"margin": 2}, "margin must be tuple[float, float], got 2"),
        (SelectionOptions, {"max_seconds": None}, "max_seconds must be float, got None"),
        (SummarizeOptions, {"output": "s.mp4"}, "output must be Path or None, got 's.mp4'"),
    ],
)
def test_what_is_accepted_is_told(kind: type, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        kind(**values)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda odd: load_preset(odd), "preset must be a path, got odd"),
        (lambda odd: Highlighter.from_preset(odd), "preset must be a path, got odd"),
        (lambda odd: Highlighter.from_preset(cache=odd), "cache must be True or False, got odd"),
        (lambda _: Highlighter.from_preset(device=np.ones(2)), "no device array"),
        (lambda _: Highlighter.from_preset(precision=np.ones(2)), "precision must be fp32, bf16 or fp16, got array"),
        (lambda _: Highlighter.from_preset(scorer=np.ones(2)), "preset lite has no scorer named array"),
        (lambda odd: SummarizeOptions.from_keywords(copy=odd), "copy must be True or False, got odd"),
        (lambda _: SummarizeOptions.from_keywords(copy="no"), "copy must be True or False, got 'no'"),
        (lambda _: SummarizeOptions.from_keywords(margin=True), "margin must be BEFORE or BEFORE,AFTER in seconds"),
        (lambda _: SummarizeOptions.from_keywords(margin=[1, True]), r"margin must be .*; got \(1, True\)"),
        (lambda _: SummarizeOptions.from_keywords(margin=10**400), "margin must be BEFORE or BEFORE,AFTER in seconds"),
        (lambda odd: Highlighter.from_preset(scorer=[odd]), r"preset lite has no scorer named \[odd\]"),
        (lambda odd: plan_jobs(odd, Path("out")), "inputs must be a list of str or Path, got odd"),
        (lambda _: plan_jobs("videos", Path("out")), "inputs must be a list of str or Path, got 'videos'"),
        (lambda _: Highlighter.from_preset(next(os.scandir(b"."))), "preset must be a path, got <DirEntry b'"),
        (lambda odd: plan_jobs(["v.mp4"], odd), "output must be a path, got odd"),
        (lambda odd: plan_jobs(["v.mp4"], Path("out"), queries=odd), "queries must be a path, got odd"),
        (lambda odd: plan_jobs(["v.mp4"], Path("out"), lists=[odd]), r"lists must be a list of Path, got \[odd\]"),
        (lambda odd: run_batch([odd], "out"), r"jobs must be a list of Job, got \[odd\]"),
        (lambda odd: run_batch([Job("/v.mp4", None, "v")], "out", odd), "options must be BatchOptions, got odd"),
        (lambda odd: cut_again(odd), "file must be a path, got odd"),
        (lambda odd: cut_again(Path("s.csv"), None, odd), "options must be SummarizeOptions, got odd"),
        (lambda odd: extract_to_files([odd], ["motion"], Path()), r"videos must be a list of str or Path, got \[odd\]"),
        (lambda odd: extract_to_files([Path("v")], odd, Path()), "extractors must be a list of str, got odd"),
    ],
)
def test_functions(call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        call(Odd())


def test_methods() -> None:
    made = Highlighter.from_preset("lite", cache=False)
    odd: Any = Odd()
    for call in (made.summarize, made.analyse):
        with pytest.raises(ConfigError, match="video must be a path, got odd"):
            call(odd)
    with pytest.raises(ConfigError, match="queries are a list of texts, got odd"):
        made.analyse_queries("v.mp4", odd)
    with pytest.raises(ConfigError, match="transcript must be a path, got odd"):
        made.analyse("v.mp4", transcript=odd)
    with pytest.raises(ConfigError, match="scores_only must be True or False, got odd"):
        made.analyse("v.mp4", scores_only=odd)
    for call in (made.choose, lambda odd: made.ask(odd, "a cat"), lambda odd: made.deliver(odd, [])):
        with pytest.raises(ConfigError, match=r"analysis must be what Highlighter\.analyse returned, got odd"):
            call(odd)


def test_segments_of_a_caller_are_clamped_to_the_video_and_the_receipt_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    highlighter = Highlighter.from_preset(tmp_path / "debug.yaml", cache=False)
    analysis = highlighter.analyse(make_video(tmp_path / "v.mp4", seconds=3.0, size=(160, 120)))
    odd: Any = Odd()
    with pytest.raises(ConfigError, match=r"segments must be a list of Segment, got \[odd\]"):
        highlighter.deliver(analysis, [odd])
    with pytest.raises(ConfigError, match="options must be SelectionOptions, got odd"):
        highlighter.choose(analysis, odd)
    highlighter.deliver(analysis, [Segment(-1.0, 1.0, 0.5), Segment(2.0, 1000.0, 0.5)], output=tmp_path / "s.mp4")
    spans = [(each.start_seconds, each.stop_seconds) for each in read_receipt(tmp_path / "s.json").segments]
    assert spans == [(0.0, 1.0), (2.0, pytest.approx(3.0, abs=0.05))]
    hostile: list[tuple[dict[str, Any], str]] = [
        ({"start_seconds": "0"}, "start_seconds must be float, got '0'"),
        ({"start_seconds": True}, "start_seconds must be float, got True"),
        ({"start_seconds": float("nan")}, "a segment must begin before it ends, got nan to 1"),
        ({"score": float("nan")}, "must be finite numbers"),
        ({"title": 5}, "title must be str, got 5"),
        ({"title": "caf\udce9"}, "holds bytes that are no text in UTF-8"),
        ({"quotes": ("caf\ud800",)}, "holds bytes that are no text in UTF-8"),
        ({"rank": "1"}, "rank must be int, got '1'"),
        ({"reasons": ("x",)}, "reasons must be tuple"),
        ({"reasons": (Reason("visual", "cat", float("inf")),)}, "must be finite numbers"),
        ({"reasons": (Reason("visual", odd, 0.5),)}, "label must be str, got odd"),
    ]
    for fields_of, message in hostile:
        with pytest.raises(ConfigError, match=message):
            highlighter.deliver(analysis, [Segment(**{"start_seconds": 0.0, "stop_seconds": 1.0, **fields_of})])
    with pytest.raises(ConfigError, match="notes must be a list of str, got 'note'"):
        highlighter.deliver(analysis, [Segment(0.0, 1.0)], notes="note")
    with pytest.raises(ConfigError, match=r"the note .* holds bytes that are no text in UTF-8"):
        highlighter.deliver(analysis, [Segment(0.0, 1.0)], notes=["caf\udce9"])
    numpy = Segment(np.float32(0), np.int64(1), np.float32(0.5))
    highlighter.deliver(analysis, [numpy], output=tmp_path / "numpy.mp4")
    assert read_receipt(tmp_path / "numpy.json").segments[0].score == 0.5
    again = highlighter.deliver(analysis, [Segment(0.0, 2.0), Segment(1.0, 3.0)], output=tmp_path / "twice.mp4")
    assert TWICE_NOTE in again.notes
    touching = highlighter.deliver(analysis, [Segment(1.0, 2.0), Segment(0.0, 1.0)], output=tmp_path / "once.mp4")
    assert TWICE_NOTE not in touching.notes


def test_results_travel_between_processes_and_compare_with_others(tmp_path: Path) -> None:
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    highlighter = Highlighter.from_preset(tmp_path / "debug.yaml", cache=False)
    analysis = highlighter.analyse(make_video(tmp_path / "v.mp4", seconds=3.0, size=(160, 120)))
    summary = highlighter.deliver(analysis, highlighter.choose(analysis), output=tmp_path / "s.mp4")
    for thing in (analysis, summary):
        for copied in (pickle.loads(pickle.dumps(thing)), copy.deepcopy(thing)):
            assert np.array_equal(copied.scores.values, thing.scores.values)
            assert (copied == thing, thing == thing, len({thing, copied})) == (False, True, 2)
    copied = pickle.loads(pickle.dumps(analysis))
    assert highlighter.choose(copied) == highlighter.choose(analysis)
    assert {name: each.tolist() for name, each in copied.features.streams.items()} == {
        name: each.tolist() for name, each in analysis.features.streams.items()
    }


def test_numbers_of_numpy_are_numbers() -> None:
    wanted = SummarizeOptions.from_keywords(duration_seconds=np.float32(5), max_clips=np.int64(2))
    assert wanted == SummarizeOptions.from_keywords(duration_seconds=5.0, max_clips=2)
    one, two = np.float32(1), np.int64(2)
    wanted = SummarizeOptions.from_keywords(range=[(one, two)], exclude=np.array([[3, 4]]), fill=np.True_, margin=two)
    assert wanted == SummarizeOptions.from_keywords(range=[(1.0, 2)], exclude=[(3, 4)], fill=True, margin=2)
    travelling = BatchOptions(summarize={"duration": np.float32(5), "range": "1-2", "copy": True})
    assert json.loads(json.dumps(asdict(travelling)))["summarize"] == {
        "duration_seconds": 5.0,
        "range": [[1.0, 2.0]],
        "cut": "copy",
    }
