"""A decoder at work: groups of pictures come in, and each gets the items that were made of its frames.

Frames are picked and scaled here, beside those of other groups; a group's first frame tells them where to begin.
What follows the last frame that a request looks at is not decoded where the group's end is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from highlightr.core.source import Source
from highlightr.media._container.opening import end_of
from highlightr.media._decode.calm import CalmGroup
from highlightr.media._decode.frame_converter import FramePicker, SampleTimes, ThumbnailMaker
from highlightr.media._decode.gop import GopTask, SharedState
from highlightr.media.sampling import Frame, FrameRequest, Thumbnail, ThumbnailRequest

if TYPE_CHECKING:
    import av

PictureRequest = FrameRequest | ThumbnailRequest


class Worker:
    """Decodes one group after the other on the thread that calls it; `start` is the timestamp that is time zero."""

    def __init__(
        self,
        shared: SharedState,
        source: Source,
        requests: Mapping[str, PictureRequest],
        stream: Any,
        decoder: av.VideoCodecContext,
        start: Fraction,
        calm: Mapping[int, CalmGroup],
    ) -> None:
        self._shared, self._source, self._requests = shared, source, requests
        self._stream, self._decoder, self._start, self._calm = stream, decoder, start, calm
        self._samples = [SampleTimes(request) for request in requests.values() if isinstance(request, FrameRequest)]
        self._in_flight = False
        """Whether the decoder may hold pictures."""

    def decode(self, group: GopTask) -> None:
        """Decode all of a group, however its packets come in.

        Raises:
            Stopped: the results are not wanted any more.
        """
        while (packet := group.next_packet()) is not None:
            calm = None if packet.pts is None else self._calm.get(packet.pts)
            frame = None if calm is None else calm.take_frame()
            if frame is not None:
                self._drain(group)
                self._show(group, [frame])
            elif self._is_needed(group):
                self._in_flight = True
                self._show(group, self._decoded(packet))
        self._drain(group)
        group.end()

    def _drain(self, group: GopTask) -> None:
        """Show what the decoder still holds."""
        if self._in_flight:
            self._show(group, self._decoded(end_of(self._stream)))
            self._decoder.flush_buffers()
            self._in_flight = False

    def _is_needed(self, group: GopTask) -> bool:
        """Whether a request looks at anything of what is left of a group, as far as that is known."""
        if group.stop is None or group.start is None:
            return True
        if group.first is not None:
            return any(consumer.needs_any(group.stop) for consumer in group.consumers.values())
        return len(self._samples) < len(self._requests) or any(
            each.any_between(group.start, group.stop) for each in self._samples
        )

    def _decoded(self, packet: av.Packet[Any]) -> list[av.VideoFrame]:
        import av

        try:
            return list(self._decoder.decode(packet))
        except av.FFmpegError:
            self._miss()
            return []

    def _show(self, group: GopTask, frames: list[av.VideoFrame]) -> None:
        for frame in frames:
            seconds = self._seconds(frame)
            if seconds is None or (frame.is_corrupt and group.last is not None):
                self._miss()
                continue
            if group.last is not None and seconds <= group.last:
                continue  # Dated anew by its container, as the last picture of an AVI file with B pictures is.
            if group.first is None:
                # The very first frame of a video is also on screen before its time.
                group.begin(seconds, self._consumers(seconds if group.follows_a_frame() else None))
            group.last = seconds
            self._feed(group, frame, seconds)

    def _miss(self) -> None:
        with self._shared.lock:
            self._shared.damaged += 1

    def _seconds(self, frame: av.VideoFrame) -> Fraction | None:
        """A frame's time from time zero; `None` for one that has none."""
        by_decoding = frame.pts is None or self._source.video.dated_when_decoded
        stamp = frame.dts if by_decoding and frame.dts is not None else frame.pts
        if stamp is None or frame.time_base is None:
            return None
        return Fraction(stamp * Fraction(frame.time_base) - self._start)

    def _consumers(self, since: Fraction | None) -> dict[str, FramePicker | ThumbnailMaker]:
        return {
            name: FramePicker(request, self._source, since, self._calm)
            if isinstance(request, FrameRequest)
            else ThumbnailMaker(request, self._calm)
            for name, request in self._requests.items()
        }

    @staticmethod
    def _feed(group: GopTask, frame: av.VideoFrame, seconds: Fraction) -> None:
        for name, consumer in group.consumers.items():
            item: Frame | Thumbnail
            for item in consumer.push(frame, seconds):
                group.hand_over(name, item, item.image.nbytes)
