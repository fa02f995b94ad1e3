"""From where a piece of a source is read, and its packets from there.

In: an open source and a `Reach`. Out: the file or a part of it, whose packets come as ffmpeg sees them there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from highlightr.core.source import Source
from highlightr.media._container.opening import open_range, packets, reading, start_seconds
from highlightr.media._decode.timestamps import seek, timed

if TYPE_CHECKING:
    import av
    from av.container import InputContainer


@dataclass(frozen=True)
class Part:
    """Bytes of a file that are read as if they were one."""

    span: tuple[int, int]
    """The first byte, and the one behind the last."""
    format: str
    """The container's format, which they cannot tell."""
    ids: tuple[int, ...]
    """What the container calls each stream (by its index in the source): their order may differ."""


@dataclass(frozen=True)
class Reach:
    """How ffmpeg reads a file so that the frames of a piece decode as they would from the file's beginning."""

    clock: Fraction
    """Added to a time from zero, it gives the timestamp that ffmpeg sees."""
    seek_seconds: Fraction | None = None
    """The timestamp that is sought; `None`: reading starts at the beginning."""
    part: Part | None = None
    """`None`: the whole file."""
    sound_seconds: Fraction | None = None
    """The timestamp that is sought for the sound alone (`clock`: it is read from the beginning); `None`: it is read
    with the pictures."""


@contextmanager
def reached(container: InputContainer, source: Source, reach: Reach) -> Iterator[tuple[InputContainer, Any]]:
    """The file or a part of it, at the place from which a piece is read, and its video; `None` where it has none."""
    index = source.video.index
    if reach.part is not None:
        number = reach.part.ids[index]
        with open_range(source.path, reach.part.span, reach.part.format) as part:
            yield part, next((one for one in part.streams.video if one.id == number), None)
    elif reach.seek_seconds is None:
        # Not sought: some containers go to their second keyframe then.
        with reading(source.path) as again:
            yield again, again.streams[index]
    else:
        seek(container, reach.seek_seconds - start_seconds(container))
        yield container, container.streams[index]


def packets_until(
    container: InputContainer, stream: Any, reach: Reach, stop: Fraction
) -> Iterator[tuple[Fraction, av.Packet[Any]]]:
    """The packets of what is `reached`, to the first that is decoded at `stop` or later, each with when it is shown."""
    for shown, packet in timed(packets(container, stream), reach.clock) if stream is not None else ():
        if packet.dts is not None and packet.dts * packet.time_base - reach.clock >= stop:
            return
        yield shown, packet
