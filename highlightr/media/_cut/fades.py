"""Fades between pieces: through black and silence, inside the pieces, so that no frame's time changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from highlightr.media._cut.plan import Take
from highlightr.media._cut.ticks import decimal

LONGEST_SECONDS = Fraction(1, 4)
"""Of one side; a short piece fades over a third of its length at most."""


def with_fades(takes: Sequence[Take]) -> tuple[Take, ...]:
    """Takes that fade at every join of two pieces; the first piece begins and the last one ends as they are."""
    pieces = [take.piece for take in takes]
    faded = []
    for take, before, after in zip(takes, [pieces[0], *pieces], [*pieces[1:], pieces[-1]], strict=False):
        longest = min(LONGEST_SECONDS, take.seconds / 3)
        begin, end = (longest if other != take.piece else Fraction(0) for other in (before, after))
        faded.append(replace(take, fade_in_seconds=begin, fade_out_seconds=end))
    return tuple(faded)


def fade_filters(take: Take, start: Fraction) -> str:
    """The filters of the picture, for a take that is shown from `start` of the run's output on; empty without any."""
    filters = ""
    if take.fade_in_seconds:
        filters += f",fade=t=in:st={decimal(start)}:d={decimal(take.fade_in_seconds)}"
    if take.fade_out_seconds:
        begin = start + take.seconds - take.fade_out_seconds
        filters += f",fade=t=out:st={decimal(begin)}:d={decimal(take.fade_out_seconds)}"
    return filters
