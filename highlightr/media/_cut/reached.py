"""A source at the place from which a piece of it is read.

In: the open source and a take. Out: the file or a part of it, from which packets come as ffmpeg sees them there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from highlightr.core.types import Source
from highlightr.media._container.opening import open_range, start_seconds
from highlightr.media._cut.plan import Take
from highlightr.media._decode.timestamps import Stamps

if TYPE_CHECKING:
    from av.container import InputContainer


@contextmanager
def reached(container: InputContainer, source: Source, take: Take) -> Iterator[tuple[InputContainer, Any]]:
    """The file or a part of it, at the place from which a piece is read, and its video."""
    reach, stream = take.reach, container.streams[source.video.index]
    if reach.span is not None and reach.format is not None:
        with open_range(source.path, reach.span, reach.format) as part:
            yield part, next((one for one in part.streams.video if one.id == stream.id), None)
        return
    zero = start_seconds(container)
    Stamps(container, stream).seek(Fraction(0) if reach.seek_seconds is None else reach.seek_seconds - zero)
    yield container, stream
