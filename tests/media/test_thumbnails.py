"""Stills for the report."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from highlightr.media import grab_thumbnails, probe, thumbnails
from tests.mediamaker import CLOSED_GOP, made, read_number


def _pixels(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)))


def test_the_frame_on_screen_is_shown() -> None:
    times = [3.5, 0.0, 1.21, 3.999, 99.0]
    stills = [_pixels(still) for still in grab_thumbnails(probe(made("closed.mp4", **CLOSED_GOP)), times)]
    assert [read_number(still) for still in stills] == [87, 0, 30, 99, 99]
    assert {still.shape for still in stills} == {(240, 320, 3)}


@pytest.mark.parametrize("clockwise", [90, 270])
def test_stills_are_upright_and_as_wide_as_asked(clockwise: int) -> None:
    source = probe(made("turned.mp4", rotation=clockwise, seconds=1.0))
    still = _pixels(grab_thumbnails(source, [0.5], width=200)[0])
    assert still.shape == (150, 200, 3)
    assert read_number(still) == 12


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
