"""Times as people write them."""

from __future__ import annotations

import pytest

from highlightr.core.clock import clock, length_clock, length_words, parse_clock, span_clock
from highlightr.core.errors import ConfigError


def test_clock() -> None:
    assert [clock(59.96, 1), clock(0.04, 1), clock(59.6)] == ["1:00.0", "0:00.0", "1:00"]
    assert [clock(3661), clock(36_000.26, 1), clock(59.9996, 3)] == ["1:01:01", "10:00:00.3", "1:00.000"]


def test_no_span_reads_as_empty() -> None:
    assert span_clock(0, 0.04) == ("0:00.00", "0:00.04")
    assert span_clock(59.96, 60) == ("0:59.96", "1:00.00")
    assert span_clock(5.1, 5.1042) == ("0:05.100", "0:05.104")
    assert span_clock(1.04, 2.06) == ("0:01.0", "0:02.1")
    assert span_clock(0.2, 0.4, digits=0) == ("0:00.2", "0:00.4")
    assert span_clock(1, 1) == ("0:01.000", "0:01.000")


def test_no_length_reads_as_zero() -> None:
    assert [length_clock(0.033), length_clock(0.4, 0), length_clock(75.62, 0)] == ["0:00.03", "0:00.4", "1:16"]
    assert [length_words(each) for each in (0.04, 0.0083, 12.34, 0)] == ["0.04", "0.01", "12.3", "0.0"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("45.6", 45.6),
        ("45.6s", 45.6),
        ("90", 90),
        ("3:05", 185),
        ("1:23:45.6", 5025.6),
        (" 100:00 ", 6000),
        (str(0.1 + 0.2), 0.3),
    ],
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert parse_clock(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "abc", "-5", "1:60", "1:75:00", "1:2:3:4", "1e3", "nan", "inf", "٣", "1:", ":30"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a time"):
        parse_clock(text)
