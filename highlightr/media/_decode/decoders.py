"""A decoder beside the container's own, one on several threads, and a keyframe that is decoded alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from highlightr.core.allocator import return_freed_memory
from highlightr.core.source import Source
from highlightr.media._container.av_types import Packet, VideoFrame
from highlightr.media._container.opening import end_of, open_container


def another_decoder(source: Source) -> Any:
    """One that the file itself sets up: some of what it has to know is in no packet.

    It outlives its container, whose index of ten hours takes a hundred MiB: that goes back to the system.
    """
    with open_container(source.path) as container:
        decoder = container.streams[source.video.index].codec_context
    return_freed_memory()
    return decoder


@contextmanager
def threaded(decoder: Any, threads: int) -> Iterator[None]:
    """Decode on so many threads, which are at rest at the end.

    PyAV frees a decoder under the interpreter's lock. That waits for the decoder's threads, and one of them may wait
    for the lock: to write to FFmpeg's log, where another file is being described.
    """
    decoder.thread_type, decoder.thread_count = "AUTO", threads
    try:
        yield
    finally:
        decoder.flush_buffers()


def decoded_alone(decoder: Any, packet: Packet) -> list[VideoFrame]:
    """The pictures of a keyframe without any other packet; none where it is damaged."""
    import av

    try:
        frames = [*decoder.decode(packet), *decoder.decode(end_of(packet.stream))]
    except av.FFmpegError:
        frames = []
    decoder.flush_buffers()
    return frames
