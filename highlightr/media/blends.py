"""Dissolves and fades: one picture gives way to another little by little, and no single change is large.

In: the looks of all frames in order of time. Out: the frames in the middle of such a transition, and how much like a
cut the change from before it to after it is. A dissolve is told from a camera that moves by what lies between: its
frames are mixtures of the pictures at both ends, which those of a moving camera are not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from highlightr.media.looks import Look, difference, moved

STEP_SECONDS = 0.1
"""Frames nearer to each other than this are not all looked at."""

SPANS_SECONDS = (0.8, 1.6)
"""How far the two ends are apart."""

LEAST_STRUCTURE = 0.3
"""Ends whose structures differ less are the same scene."""

LEAST_FADED = 0.5
"""The same before and after a fade."""

LARGEST_DIP = 0.3
"""Of the contrast before and after, what is left in the middle of a fade."""

MIDDLE = (0.2, 0.8)
"""A frame with such a share of the later picture shows both."""

MOST_LEFT = 0.48
"""Of the change from end to end, what a mixture may leave unexplained, in the mean of the frames between and in the one
that shows both: what moves in either scene is unexplained, too."""

LEAST_EXPLAINED = 1.5
"""The structures at the ends differ so many times as much as is left unexplained, plus `_ROUNDING`."""

_ROUNDING = 0.05

REPEATED_FRAME = 0.004
"""A frame that differs less repeats the other, as in a slow video in a faster file."""

_ROUNDING_SECONDS = 1e-6


class Blends:
    """The search in one video."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque()
        self._before_dark: Look | None = None

    def push(self, look: Look, *, at_once: bool = False) -> Iterator[tuple[int, float]]:
        """Take the next frame's look; yields row and strength of every middle that it shows to be one.

        `at_once`: look at it however near it is to the last one, because the next one is far.
        """
        if self._looks and not at_once and self._too_soon(look):
            return
        yield from self._fade(look)
        self._looks.append(look)
        while self._looks[0].time_seconds < look.time_seconds - max(SPANS_SECONDS) - STEP_SECONDS:
            self._looks.popleft()
        for seconds in SPANS_SECONDS:
            span = self._last(seconds)
            # Where nothing can be seen for a moment, `_fade` tells.
            clear = len(span) > 2 and not any(each.flat for each in span)
            found = (_dip(span) or _blend(span)) if clear else None
            if found is not None:
                yield found

    def forget(self) -> None:
        """Pictures are missing before the next one: no transition reaches across."""
        self._looks.clear()
        self._before_dark = None

    def _too_soon(self, look: Look) -> bool:
        """Whether a look adds little to the last one; what fades quickly does not wait."""
        last = self._looks[-1]
        dimmed = look.contrast < 0.5 * last.contrast
        return look.time_seconds < last.time_seconds + STEP_SECONDS - _ROUNDING_SECONDS and not dimmed

    def _last(self, seconds: float) -> list[Look]:
        """The latest looks from the last one that is at least so old on; nothing if none is."""
        newest = self._looks[-1].time_seconds
        ages = [newest - each.time_seconds for each in self._looks]
        old = [index for index, age in enumerate(ages) if age >= seconds - _ROUNDING_SECONDS]
        return list(self._looks)[old[-1] :] if old else []

    def _fade(self, look: Look) -> Iterator[tuple[int, float]]:
        """Where something can be seen again after a moment without, and it is another scene than before."""
        if look.flat:
            if self._before_dark is None and self._looks and not self._looks[-1].flat:
                self._before_dark = self._looks[-1]
            return
        if self._before_dark is not None:
            strength = difference(self._before_dark, look)[2]
            if strength >= LEAST_FADED:
                yield look.row, strength
        self._before_dark = None


def _blend(span: Sequence[Look]) -> tuple[int, float] | None:
    """The middle of a dissolve that begins and ends within these looks, and its strength."""
    first, last = span[0], span[-1]
    structure = difference(first, last)[2]
    if structure < LEAST_STRUCTURE:
        return None
    start = first.pixels.astype(np.float32)
    change = last.pixels - start
    rows = np.stack([each.pixels for each in span[1:-1]]) - start
    length = float(change @ change)
    shares = rows @ change / length
    left = np.sqrt(np.maximum((rows**2).sum(axis=1) / length - shares**2, 0.0))
    middle = int(np.argmin(np.abs(shares - 0.5)))
    most = float(max(left.mean(), left[middle]))
    mixed = MIDDLE[0] <= shares[middle] <= MIDDLE[1] and most <= MOST_LEFT
    if not mixed or structure < LEAST_EXPLAINED * (most + _ROUNDING) or _moves(span[: middle + 2]):
        return None
    return span[1 + middle].row, structure * (1 - most)


def _dip(span: Sequence[Look]) -> tuple[int, float] | None:
    """The darkest moment of a quick fade, which need not be quite dark, and its strength."""
    first, last, darkest = span[0], span[-1], min(span, key=lambda look: look.contrast)
    if darkest.contrast > LARGEST_DIP * min(first.contrast, last.contrast):
        return None
    structure = difference(first, last)[2]
    return (darkest.row, structure) if structure >= LEAST_FADED else None


def _moves(looks: Sequence[Look]) -> bool:
    """Whether the latest look is an earlier one, moved: blurred pictures that are panned are nearly mixtures."""
    others = [each for each in looks[:-1] if difference(each, looks[-1])[0] > REPEATED_FRAME]
    return bool(others) and moved(others[-1], looks[-1])
