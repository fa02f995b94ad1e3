"""A decoder beside the container's own, and how one is brought to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from highlightr.core.allocator import return_freed_memory
from highlightr.core.types import Source
from highlightr.media._container.opening import open_container

if TYPE_CHECKING:
    import av


def another_decoder(source: Source) -> Any:
    """One that the file itself sets up: some of what it has to know is in no packet.

    It outlives its container, whose index of ten hours takes a hundred MiB: that goes back to the system.
    """
    with open_container(source.path) as container:
        decoder = container.streams[source.video.index].codec_context
    return_freed_memory()
    return decoder


def end_of(stream: Any) -> av.Packet[Any]:
    """The empty packet at which a decoder shows what it still holds; it tells the time base of that."""
    import av

    ending: av.Packet[Any] = av.Packet()
    ending.stream, ending.time_base = stream, stream.time_base
    return ending
