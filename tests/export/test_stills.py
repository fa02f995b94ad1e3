"""The pictures of a report: of the middle of each piece as it was cut, whatever way."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from highlightr import Highlighter
from highlightr.core.types import Segment
from highlightr.export import summary as summaries
from tests.light import DEBUG_PRESET
from tests.mediamaker import CLOSED_GOP, make_video, read_number

SPANS = ((0.44, 1.44), (2.4, 2.76))


@pytest.mark.parametrize(("how", "numbers"), [("exact", [23, 64]), ("smart", [23, 64]), ("copy", [25, 62])])
def test_each_segment_has_a_still_of_the_middle_of_its_piece(how: str, numbers: list[int], tmp_path: Path) -> None:
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    highlighter = Highlighter.from_preset(tmp_path / "debug.yaml", cache=False)
    analysis = highlighter.analyse(make_video(tmp_path / "v.mp4", size=(320, 240), **CLOSED_GOP))
    summary = highlighter.deliver(analysis, [Segment(*span, 0.5) for span in SPANS], output=tmp_path / "s.mp4", cut=how)
    pictures = [np.asarray(Image.open(io.BytesIO(still))) for still in summary.stills]
    assert [read_number(picture) for picture in pictures] == numbers
    assert {picture.shape for picture in pictures} == {(480, summaries.LARGE_STILL_WIDTH, 3)}
    shown = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', summary.outputs["report"].read_text())
    assert {base64.b64decode(each) for each in shown} >= set(summary.stills)


def test_burned_subtitles_are_seen_in_stills(tmp_path: Path) -> None:
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    highlighter = Highlighter.from_preset(tmp_path / "debug.yaml", cache=False)
    video = make_video(tmp_path / "v.mp4", size=(320, 240), **CLOSED_GOP)
    video.with_suffix(".srt").write_text("1\n00:00:00,000 --> 00:00:01,900\nWWWWWWWWWWWW\n")
    analysis = highlighter.analyse(video)
    soft, burned = (
        highlighter.deliver(
            analysis, [Segment(*span, 0.5) for span in SPANS], output=tmp_path / f"{how}.mp4", **options
        )
        for how, options in (("soft", {"cut": "exact"}), ("burn", {"subtitles": "burn"}))
    )
    pairs = zip(soft.stills, burned.stills, strict=True)
    (first, drawn), (second, plain) = (
        [np.asarray(Image.open(io.BytesIO(each)), int) for each in pair] for pair in pairs
    )
    assert np.abs(first - drawn).max() > 100
    assert np.abs(second - plain).mean() < 4
    assert read_number(drawn.astype(np.uint8)) == 23


def test_many_segments_have_small_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summaries, "FEW_SEGMENTS", 1)
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    highlighter = Highlighter.from_preset(tmp_path / "debug.yaml", cache=False)
    analysis = highlighter.analyse(make_video(tmp_path / "v.mp4", seconds=3.0))
    summary = highlighter.deliver(analysis, [Segment(0.0, 1.0), Segment(2.0, 3.0)], output=tmp_path / "s.mp4")
    assert {Image.open(io.BytesIO(still)).width for still in summary.stills} == {summaries.STILL_WIDTH}
