"""Stills for the report."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from PIL import Image

from highlightr.media import grab_thumbnails, probe, thumbnails
from tests.media.test_cut import SOURCES
from tests.mediamaker import CLOSED_GOP, frame_times, made, read_number


def _pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)))


def test_the_frame_on_screen_is_shown() -> None:
    times = [3.5, 0.0, 1.21, 3.999, 99.0]
    stills = [_pixels(still) for still in grab_thumbnails(probe(made("closed.mp4", **CLOSED_GOP)), times)]
    assert [read_number(still) for still in stills] == [87, 0, 30, 99, 99]
    assert {still.shape for still in stills} == {(240, 320, 3)}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_the_frame_on_screen_is_shown_of_every_kind_of_file(name: str) -> None:
    times = [float(time) for time in SOURCES[name].get("times") or frame_times()]
    moments = [0.35, 1.52, 2.7615, 3.7]
    stills = grab_thumbnails(probe(made(name, **SOURCES[name])), moments, width=160)
    on_screen = [max(n for n, time in enumerate(times) if time <= moment) for moment in moments]
    assert [read_number(_pixels(still)) for still in stills] == on_screen


@pytest.mark.parametrize(
    ("how", "height"),
    [({"rotation": 90}, 150), ({"rotation": 270}, 150), ({"aspect": Fraction(2)}, 75), ({"size": (960, 720)}, 150)],
)
def test_stills_are_what_a_viewer_sees_and_as_wide_as_asked(how: dict[str, Any], height: int) -> None:
    still = _pixels(grab_thumbnails(probe(made("seen.mp4", **how)), [1.5], width=200)[0])
    assert still.shape == (height, 200, 3)
    assert read_number(still) == 37


def test_time_zero_is_the_first_timestamp() -> None:
    source = probe(made("shifted.mkv", offset=10.0))
    assert read_number(_pixels(grab_thumbnails(source, [2.0])[0])) == 50


def test_a_still_where_seeking_lands_too_late() -> None:
    """MPEG-TS has no index: the only keyframe lies before the place that seeking finds."""
    source = probe(made("short.ts", seconds=1.6, size=(96, 64), sound=False))
    stills = grab_thumbnails(source, [0.79, 1.5])
    assert [read_number(_pixels(still)) for still in stills] == [19, 37]


def test_a_picture_that_cannot_be_had_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = thumbnails._frame_at
    monkeypatch.setattr(thumbnails, "_frame_at", lambda *given: None if given[-1] < 1 else real(*given))
    lost, kept = grab_thumbnails(probe(made("still.mp4")), [0.5, 1.5])
    assert lost == b""
    assert kept.startswith(b"\xff\xd8")
    assert "its picture is left out" in caplog.text
