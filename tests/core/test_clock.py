"""Times as people write them."""

from __future__ import annotations

import pytest

from highlightr.core.clock import clock, parse_clock
from highlightr.core.errors import ConfigError


def test_clock() -> None:
    assert [clock(59.96, tenths=True), clock(0.04, tenths=True), clock(59.6)] == ["1:00.0", "0:00.0", "1:00"]
    assert [clock(3661), clock(36_000.26, tenths=True)] == ["1:01:01", "10:00:00.3"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("45.6", 45.6), ("45.6s", 45.6), ("90", 90), ("3:05", 185), ("1:23:45.6", 5025.6), (" 100:00 ", 6000)],
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert parse_clock(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "abc", "-5", "1:60", "1:75:00", "1:2:3:4", "1e3", "nan", "inf", "٣", "1:", ":30"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a time"):
        parse_clock(text)
