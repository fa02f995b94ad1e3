"""Fades between pieces: through black and silence, inside the pieces, so that no frame's time changes.

In: the plan of a cut. Out: for each take that begins or ends at a join, how long it fades.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from highlightr.media._cut.plan import CutPlan, Take
from highlightr.media._cut.ticks import decimal

LONGEST_SECONDS = Fraction(1, 4)
"""Of one side; a short piece fades over a third of its length at most."""


@dataclass(frozen=True)
class Fade:
    """Of one take, in seconds; 0 where it does not fade."""

    begin_seconds: Fraction = Fraction(0)
    end_seconds: Fraction = Fraction(0)

    def picture(self, start: Fraction, stop: Fraction) -> str:
        """The filters, for a take that is shown from `start` to `stop` of the run's output; empty without any."""
        filters = ""
        if self.begin_seconds:
            filters += f",fade=t=in:st={decimal(start)}:d={decimal(self.begin_seconds)}"
        if self.end_seconds:
            filters += f",fade=t=out:st={decimal(stop - self.end_seconds)}:d={decimal(self.end_seconds)}"
        return filters


def plan_fades(cut: CutPlan) -> Mapping[Take, Fade]:
    """Fades at every join of two pieces; the first piece begins and the last one ends as they are."""
    begins = [piece.output_start_seconds for piece in cut.pieces]
    fades = {}
    for take, following in zip(cut.takes, [*cut.takes[1:], None], strict=True):
        longest = min(LONGEST_SECONDS, (take.stop - take.start) / 3)
        is_first = take.offset > 0 and float(take.offset) in begins
        is_last = following is not None and float(following.offset) in begins
        fades[take] = Fade(longest if is_first else Fraction(0), longest if is_last else Fraction(0))
    return fades
