"""What the filters change about how a picture looks: its size, its colours.

In: a probed source and the plan of the output. Out: filters, each with a leading comma, that follow those that choose
and date the frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from highlightr.core.types import Source
from highlightr.media._cut.colour import ColourPlan
from highlightr.media._cut.shapes import Shape, canvas


def appearance(source: Source, colour: ColourPlan, shapes: Sequence[Shape], shift: Fraction) -> str:
    """Filters for every frame of a piece.

    Args:
        source: what `probe` returned.
        colour: what happens to its colours.
        shapes: those within the piece; none where it is all of the first size.
        shift: what the filters' time is beside that of the source, in seconds.
    """
    framed = f",{canvas(source.video, shapes, shift)}" if shapes else ""
    return "".join([framed, _even(source), *(f",{each}" for each in colour.filters)])


def _even(source: Source) -> str:
    """yuv420p needs even sizes: a line is cropped, or a single one doubled."""
    width, height = source.video.width, source.video.height
    if width % 2 == 0 and height % 2 == 0:
        return ""
    if min(width, height) < 2:
        return ",scale=ceil(iw/2)*2:ceil(ih/2)*2:flags=neighbor"
    return ",crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0:exact=1"
