"""What the filters change about how a picture looks: its size, so far.

In: a probed source. Out: filters, each with a leading comma, that follow those that choose and date the frames.
"""

from __future__ import annotations

from highlightr.core.types import Source


def appearance(source: Source) -> str:
    """Filters for every frame of a piece."""
    return _even(source)


def _even(source: Source) -> str:
    """yuv420p needs even sizes: a line is cropped, or a single one doubled."""
    width, height = source.video.width, source.video.height
    if width % 2 == 0 and height % 2 == 0:
        return ""
    if min(width, height) < 2:
        return ",scale=ceil(iw/2)*2:ceil(ih/2)*2:flags=neighbor"
    return ",crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0:exact=1"
