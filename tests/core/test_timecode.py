"""Timecodes, beside OpenTimelineIO's."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import opentimelineio as otio
import pytest

from highlightr.core.timecode import parse_timecode, write_timecode


@pytest.mark.parametrize(
    ("rate", "drop"),
    [
        (Fraction(24000, 1001), False),
        (Fraction(25), False),
        (Fraction(30000, 1001), True),
        (Fraction(30000, 1001), False),
        (Fraction(60000, 1001), True),
    ],
)
def test_counts_and_texts_are_those_of_another_library(rate: Fraction, drop: bool) -> None:
    whole = round(rate)
    counts = [0, 1799, 1800, 17982, 107892, *np.random.default_rng(0).integers(0, 23 * 3600 * whole, 500).tolist()]
    for count in counts:
        text = write_timecode(count, rate, drop=drop)
        assert text == otio.opentime.to_timecode(otio.opentime.RationalTime(count, float(rate)), float(rate), drop)
        assert parse_timecode(text, rate) == (count, drop)


@pytest.mark.parametrize("text", ["", "1:00:00:00", "01:00:00", "aa:00:00:00", "01:00:00:0", "01-00-00-00"])
def test_what_is_no_timecode_is_none(text: str) -> None:
    assert parse_timecode(text, Fraction(25)) is None
