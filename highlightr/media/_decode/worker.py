"""A decoder at work: groups of pictures come in, and each gets the items that were made of its frames.

Frames are picked and scaled here, beside those of other groups; a group's first frame tells them where to begin.
What follows the last frame that a request looks at is not decoded where the group's end is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from highlightr.core.source import Source
from highlightr.media._container.av_types import VideoFrame
from highlightr.media._container.opening import decoded, end_of
from highlightr.media._decode.calm import CalmGroup
from highlightr.media._decode.frame_converter import FramePicker, ThumbnailMaker
from highlightr.media._decode.gop import GopTask, SharedState
from highlightr.media._decode.packet_filter import sampled_by
from highlightr.media.sampling import FrameRequest, ThumbnailRequest


class Worker:
    """Decodes one group after the other on the thread that calls it; `start` is the timestamp that is time zero."""

    def __init__(
        self,
        shared: SharedState,
        source: Source,
        stream: Any,
        decoder: Any,
        start: Fraction,
        frames: Mapping[str, FrameRequest],
        thumbnails: Mapping[str, ThumbnailRequest],
        calm: Mapping[int, CalmGroup],
    ) -> None:
        self._shared, self._source, self._stream, self._decoder = shared, source, stream, decoder
        self._start, self._frames, self._calm = start, frames, calm
        self._makers = {name: ThumbnailMaker(request) for name, request in thumbnails.items()}
        self._is_sampled = sampled_by(frames.values())
        self._in_flight = False
        """Whether the decoder may hold pictures."""

    def decode(self, group: GopTask) -> None:
        """Decode all of a group, however its packets come in; `Stopped` where the results are not wanted any more."""
        while (packet := group.next_packet()) is not None:
            calm = None if packet.pts is None else self._calm.get(packet.pts)
            frame = None if calm is None else calm.take_frame()
            if frame is not None:
                self._drain(group)
                self._show(group, [frame])
            elif self._is_needed(group):
                self._in_flight = True
                self._show(group, decoded(packet, self._decoder, damaged=self._miss))
        self._drain(group)
        group.end()

    def _drain(self, group: GopTask) -> None:
        """Show what the decoder still holds."""
        if self._in_flight:
            self._show(group, decoded(end_of(self._stream), self._decoder, damaged=self._miss))
            self._decoder.flush_buffers()
            self._in_flight = False

    def _is_needed(self, group: GopTask) -> bool:
        """Whether a request looks at anything of what is left of a group, as far as that is known."""
        if group.stop is None or group.start is None or self._makers:
            return True
        if group.first is not None:
            return any(picker.needs_any(group.stop) for picker in group.pickers.values())
        return self._is_sampled(group.start, group.stop)

    def _show(self, group: GopTask, frames: list[VideoFrame]) -> None:
        for frame in frames:
            seconds = self._seconds(frame)
            if seconds is None or (frame.is_corrupt and group.last is not None):
                self._miss()
                continue
            if group.last is not None and seconds <= group.last:
                continue  # Dated anew by its container, as the last picture of an AVI file with B pictures is.
            if group.first is None:
                # The very first frame of a video is also on screen before its time.
                since = seconds if group.follows_a_frame() else None
                pickers = {name: FramePicker(each, self._source, since) for name, each in self._frames.items()}
                group.begin(seconds, pickers)
            group.last = seconds
            self._feed(group, frame, seconds)

    def _miss(self, _: Exception | None = None) -> None:
        with self._shared.lock:
            self._shared.damaged += 1

    def _seconds(self, frame: VideoFrame) -> Fraction | None:
        """A frame's time from time zero; `None` for one that has none."""
        by_decoding = frame.pts is None or self._source.video.dated_when_decoded
        stamp = frame.dts if by_decoding and frame.dts is not None else frame.pts
        if stamp is None or frame.time_base is None:
            return None
        return Fraction(stamp * Fraction(frame.time_base) - self._start)

    def _feed(self, group: GopTask, frame: VideoFrame, seconds: Fraction) -> None:
        calm = None if frame.pts is None else self._calm.get(frame.pts)
        unseen = (0.0, False) if calm is None else (float(calm.seconds), calm.ends_shot)
        for name, picker in group.pickers.items():
            for item in picker.push(frame, seconds, unseen):
                group.hand_over(name, item, item.image.nbytes)
        for name, maker in self._makers.items():
            thumbnail = maker.of(frame, seconds, unseen)
            group.hand_over(name, thumbnail, thumbnail.image.nbytes)
