"""A decoder beside the container's own, and a keyframe that is decoded alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from highlightr.core.allocator import return_freed_memory
from highlightr.core.types import Source
from highlightr.media._container.opening import end_of, open_container

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


def decoded_alone(decoder: Any, packet: av.Packet[Any]) -> list[av.VideoFrame]:
    """The pictures of a keyframe without any other packet; none where it is damaged."""
    import av

    try:
        frames = [*decoder.decode(packet), *decoder.decode(end_of(packet.stream))]
    except av.FFmpegError:
        frames = []
    decoder.flush_buffers()
    return frames
