"""From decoded frames to what the picture requests asked for.

Frames come in order of time with their time in seconds (a `Fraction`, from time zero); `Frame`s picked by
timestamp, upright and with square pixels, and tiny `Thumbnail`s go out.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from highlightr.core.source import Source, VideoStream
from highlightr.media._container.av_types import VideoFrame
from highlightr.media._container.picture_format import HIGH_DEFINITION_LINES, UNMARKED
from highlightr.media._decode.tones import tone_mapped
from highlightr.media.sampling import Frame, FrameRequest, Thumbnail, ThumbnailRequest

Unseen = tuple[float, bool]
"""How long a frame stands for others that were left out, in seconds, and whether another shot follows them."""

SLACK_SECONDS = Fraction(1, 1_000_000)
"""Container start times are kept in microseconds, so a frame due at t may be dated up to one microsecond later."""

_KNOWN_COLORSPACES = frozenset({0, 1, 4, 5, 6, 7, 9, 10})
"""AVColorSpace values that swscale converts: RGB, BT.709, FCC, BT.470BG, SMPTE 170M, SMPTE 240M, BT.2020."""

_JPEG_QUALITY = 82

_DOUBLED, _DRAWN = (("field", None), ("scale", "iw:ih*2")), (("estdif", "mode=frame:deint=all"),)
"""Filters that make a field a whole picture: of lines twice as high, or of others drawn along the edges of things."""


def num_frames(duration_seconds: float, frames_per_second: float) -> int:
    """How many frames a `FrameRequest` gets: ceil(duration * rate), float noise aside, at least 1."""
    exact = (Fraction(duration_seconds) - SLACK_SECONDS) * Fraction(frames_per_second)
    return max(1, math.ceil(exact))


def upright(image: npt.NDArray[np.uint8], video: VideoStream) -> npt.NDArray[np.uint8]:
    """Turn a stored picture (height, width, 3) the way a viewer sees it."""
    turned = np.rot90(image, k=-video.rotation_degrees // 90)
    return np.ascontiguousarray(turned[:, ::-1] if video.mirrored else turned)


def shown_size(video: VideoStream) -> tuple[float, float]:
    """Width and height as a viewer sees them: upright, with square pixels as high as the stored ones."""
    width, height = video.visible_size
    stored = float(width * video.sample_aspect_ratio), float(height)
    return stored if video.rotation_degrees % 180 == 0 else stored[::-1]


class FrameConverter:
    """Converts frames of one video to upright RGB pictures of one fixed size."""

    def __init__(self, video: VideoStream, short_side: int | None) -> None:
        from av.video.reformatter import VideoReformatter

        self._video = video
        self._scaler: Any = VideoReformatter()
        width, height = video.visible_size[0] * float(video.sample_aspect_ratio), video.visible_size[1]
        factor = short_side / min(width, height) if short_side else 1.0
        self._width, self._height = max(1, round(width * factor)), max(1, round(height * factor))

    def convert(self, frame: VideoFrame) -> npt.NDArray[np.uint8]:
        """(height, width, 3) uint8 RGB of standard dynamic range and one moment, upright, square pixels."""
        if frame.interlaced_frame or (self._video.interlaced and self._video.codec in UNMARKED):
            frame = self._one_moment(frame)
        shown = self._cropped(frame) if any(self._video.crop) else frame
        rgb = to_rgb(self._scaler, shown, self._width, self._height, "BICUBIC")
        return upright(tone_mapped(rgb, frame.color_trc), self._video)

    def _one_moment(self, frame: VideoFrame) -> VideoFrame:
        """One of both that the lines of a frame show in turn, as high as the frame.

        Its lines are drawn, which takes ten times as long, only where so many are asked for. Interlaced as it is,
        FFmpeg's scaler would scale both moments and keep the comb.
        """
        import av

        graph = av.filter.Graph()
        begin = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1))
        filters = _DRAWN if 2 * self._height > frame.height else _DOUBLED
        graph.link_nodes(begin, *(graph.add(*each) for each in filters), graph.add("buffersink")).configure()
        for each in (frame, None):
            graph.vpush(each)
        return graph.vpull()

    def _cropped(self, frame: VideoFrame) -> VideoFrame:
        """What the container shows of a frame, which decoders know nothing of; all of one that is too small for it."""
        import av

        (left, _, top, _), (width, height) = self._video.crop, self._video.visible_size
        whole = to_rgb(self._scaler, frame, frame.width, frame.height, "BICUBIC")
        part = np.ascontiguousarray(whole[top : top + height, left : left + width])
        return av.VideoFrame.from_ndarray(part if part.size else whole, "rgb24")


def to_rgb(scaler: Any, frame: VideoFrame, width: int, height: int, interpolation: str) -> npt.NDArray[np.uint8]:
    """(height, width, 3) uint8 RGB of a frame as stored, in its own colour space or the one players assume."""
    assumed = "ITU709" if frame.height >= HIGH_DEFINITION_LINES else "ITU601"
    matrix = None if frame.colorspace in _KNOWN_COLORSPACES else assumed
    # Of odd width, swscale makes packed pixels in more than twice the time, to the bit the same ones.
    made_as = "gbrp" if width % 2 else "rgb24"
    scaled = scaler.reformat(
        frame, width, height, made_as, src_colorspace=matrix, interpolation=interpolation, threads=1
    )
    return scaled.to_ndarray()


def to_jpeg(picture: npt.NDArray[np.uint8]) -> bytes:
    """A (height, width, 3) uint8 RGB picture as a JPEG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=_JPEG_QUALITY)
    return file.getvalue()


class SampleTimes:
    """When a `FrameRequest` looks at the screen: at the middle of each of its intervals, less its lead."""

    def __init__(self, request: FrameRequest) -> None:
        self._rate, self._lead = Fraction(request.frames_per_second), Fraction(request.lead_seconds)

    def at(self, index: int) -> Fraction:
        """When it looks for interval `index`."""
        return (index + Fraction(1, 2)) / self._rate - self._lead

    def first_from(self, seconds: Fraction) -> int:
        """The first interval that does not look before a frame of this time is on screen."""
        return max(0, math.ceil((seconds - SLACK_SECONDS + self._lead) * self._rate - Fraction(1, 2)))

    def any_between(self, shown: Fraction, gone: Fraction) -> bool:
        """Whether it looks while a frame is on screen from one time until before another."""
        return self.first_from(shown) < self.first_from(gone)


class FramePicker:
    """Hands a `FrameRequest` the frame that is on screen whenever it looks; not before `since`, where that is given."""

    def __init__(self, request: FrameRequest, source: Source, since: Fraction | None = None) -> None:
        self.request, self.times = request, SampleTimes(request)
        self._converter = FrameConverter(source.video, request.short_side)
        self._count = num_frames(source.duration_seconds, request.frames_per_second)
        self._index = 0 if since is None else self.times.first_from(since)
        self._shown: tuple[VideoFrame, Fraction, Unseen] | None = None

    def push(self, frame: VideoFrame, seconds: Fraction, unseen: Unseen = (0.0, False)) -> Iterator[Frame]:
        """Take the next frame; every interval that looked before it gets the frame shown until now."""
        yield from self.until(seconds)
        self._shown = (frame, seconds, unseen)

    def until(self, seconds: Fraction | None) -> Iterator[Frame]:
        """The latest frame is on screen until then; `None`: for all intervals that are left."""
        if self._shown is None:
            return
        frame, since, unseen = self._shown
        image = None
        while self._index < self._count and (seconds is None or self.times.at(self._index) + SLACK_SECONDS < seconds):
            image = self._converter.convert(frame) if image is None else image
            yield Frame(self._index, float(since), image, *unseen)
            self._index += 1

    def needs_any(self, until: Fraction) -> bool:
        """Whether an interval that looks before that time is still open."""
        return self._index < min(self._count, self.times.first_from(until))


class ThumbnailMaker:
    """Hands a `ThumbnailRequest` a tiny picture of every frame."""

    def __init__(self, request: ThumbnailRequest) -> None:
        from av.video.reformatter import VideoReformatter

        self._request = request
        self._scaler: Any = VideoReformatter()

    def of(self, frame: VideoFrame, seconds: Fraction, unseen: Unseen = (0.0, False)) -> Thumbnail:
        """That of a frame, which is shown at a time."""
        return Thumbnail(float(seconds), self.shrunk(frame), *unseen)

    def shrunk(self, frame: VideoFrame) -> npt.NDArray[np.uint8]:
        """(height, width, 3) uint8 RGB."""
        return to_rgb(self._scaler, frame, self._request.width, self._request.height, "AREA")
