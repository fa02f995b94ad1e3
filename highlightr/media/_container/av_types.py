"""PyAV's types, for annotations: the package itself is imported where it is called, because it takes long to load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av
    from av import AudioFrame as AudioFrame
    from av import VideoFrame as VideoFrame
    from av.container import InputContainer as InputContainer

    Packet = av.Packet[Any]
else:
    AudioFrame = VideoFrame = InputContainer = Packet = Any
