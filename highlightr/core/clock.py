"""Times as people write them: ``1:23:45.6`` to seconds and back."""

from __future__ import annotations

import re

from highlightr.core.errors import ConfigError

_CLOCK = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,5}):)?(\d{1,9}(?:\.\d+)?)s?", re.ASCII)

MOST_DIGITS = 3
"""Behind the point; frames are further apart."""


def clock(seconds: float, digits: int = 0) -> str:
    """``m:ss``, ``h:mm:ss`` from an hour on, with so many digits of a second."""
    scale = 10**digits
    whole, part = divmod(round(seconds * scale), scale)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"{text}.{part:0{digits}}" if digits else text


def span_clock(start: float, stop: float, digits: int = 1) -> tuple[str, str]:
    """Both edges with so many digits of a second, or as many more as tell them apart: a frame is no empty span."""
    first, last = clock(start, digits), clock(stop, digits)
    return (first, last) if first != last or digits >= MOST_DIGITS else span_clock(start, stop, digits + 1)


def length_clock(seconds: float, digits: int = 1) -> str:
    """A length with so many digits of a second, or as many more as show that it is not zero."""
    return span_clock(0.0, seconds, digits)[1]


def length_words(seconds: float) -> str:
    """A length in seconds without a unit: ``12.3``, ``0.04``."""
    texts = [f"{seconds:.{digits}f}" for digits in range(1, MOST_DIGITS + 1)]
    return next((text for text in texts if float(text)), texts[0])


def parse_clock(text: str) -> float:
    """Seconds from ``45.6``, ``3:45.6`` or ``1:23:45.6``; a `ConfigError` for what is no time."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{text!r} is not a time; write seconds (45.6), 3:45.6 or 1:23:45.6")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    too_many_seconds = found[2] is not None and seconds >= 60
    too_many_minutes = found[1] is not None and minutes >= 60
    if too_many_seconds or too_many_minutes:
        unit = "seconds" if too_many_seconds else "minutes"
        raise ConfigError(f"{text!r} is not a time: it has {unit} of 60 or more; write 1:23:45.6")
    return hours * 3600 + minutes * 60 + seconds
