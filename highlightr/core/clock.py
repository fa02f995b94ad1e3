"""Times as people write them: ``1:23:45.6`` to seconds and back."""

from __future__ import annotations

import math
import re

from highlightr.core.errors import ConfigError

_CLOCK = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,5}):)?(\d{1,9}(?:\.\d{1,12})?)s?", re.ASCII)


def clock(seconds: float, *, tenths: bool = False) -> str:
    """``m:ss``, ``h:mm:ss`` from an hour on, with tenths of a second if wanted."""
    units = round(seconds * 10) if tenths else round(seconds) * 10
    whole, tenth = divmod(units, 10)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f"{text}.{tenth}" if tenths else text


def parse_clock(text: str) -> float:
    """Seconds from ``45.6``, ``3:45.6`` or ``1:23:45.6``.

    Raises:
        ConfigError: not a time, or minutes or seconds of 60 and more behind a colon.
    """
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{text!r} is not a time; write seconds (45.6), 3:45.6 or 1:23:45.6")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    too_many_seconds = found[2] is not None and seconds >= 60
    too_many_minutes = found[1] is not None and minutes >= 60
    if too_many_seconds or too_many_minutes:
        unit = "seconds" if too_many_seconds else "minutes"
        raise ConfigError(f"{text!r} is not a time: it has {unit} of 60 or more; write 1:23:45.6")
    total = hours * 3600 + minutes * 60 + seconds
    assert math.isfinite(total)  # The digits are bounded.
    return total
