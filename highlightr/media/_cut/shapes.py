"""Pictures whose size or aspect changes in the middle of a stream, and the filters that put them on one canvas.

In: pieces as planned, and the open source. Out: a `Shape` for each change within a piece, and filters that scale what
is not of the canvas's shape into it, between bars. H.264, HEVC and MPEG-2 say by their headers that nothing changes; of
other codecs, and where headers differ, keyframes are decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from highlightr.core.source import Source, VideoStream
from highlightr.media._container.av_types import InputContainer, Packet
from highlightr.media._container.limits import believable_aspect
from highlightr.media._cut.frame_times import packets_until, reached
from highlightr.media._cut.plan import Take
from highlightr.media._decode.decoders import decoded_alone
from highlightr.media._decode.nal import NalReader

_SEQUENCE_HEADER = b"\0\0\1\xb3"
_SEQUENCE_BYTES = 4
"""Of an MPEG-1 or MPEG-2 sequence header: 12 bits of width, 12 of height, 4 of aspect."""


@dataclass(frozen=True)
class Shape:
    """What pictures look like from some time on."""

    start: Fraction
    """Seconds from time zero."""
    width: int
    height: int
    aspect: Fraction
    """Width of a pixel over its height."""
    samples: tuple[str, int, int] | None = None
    """Pixel format, range and matrix."""

    @property
    def size(self) -> tuple[int, int, Fraction]:
        """Width, height and aspect."""
        return self.width, self.height, self.aspect


def find_shapes(container: InputContainer, source: Source, takes: Sequence[Take]) -> dict[Take, tuple[Shape, ...]]:
    """The shapes within each piece, the first one from before its start; none for those that are all as at first."""
    video = source.video
    stream = container.streams[video.index]
    first = (video.width, video.height, video.sample_aspect_ratio)
    found = {}
    aspect = video.sample_aspect_ratio if _tells_aspect(container, stream) else None
    for take in takes:
        with reached(container, source, take.reach) as (part, same):
            keyframes = [
                (shown, packet)
                for shown, packet in packets_until(part, same, take.reach, take.stop)
                if packet.is_keyframe and not packet.is_discard and shown < take.stop
            ]
            if all(_is_unchanged(packet, stream.codec_context) for _, packet in keyframes):
                continue
            shapes = tuple(_changes(keyframes, aspect))
        if any(shape.size != first or shape.samples != shapes[0].samples for shape in shapes):
            found[take] = shapes
    return found


def _tells_aspect(container: InputContainer, stream: Any) -> bool:
    """Whether the container's word on the aspect counts, and not that of each picture: AVI and ASF may have one, too.

    It is then another one than that of the first pictures, or the same.
    """
    told = believable_aspect(stream.sample_aspect_ratio) != believable_aspect(stream.codec_context.sample_aspect_ratio)
    return told or any(name in container.format.name for name in ("mov", "matroska", "nut", "mxf"))


def canvas(video: VideoStream, shapes: Sequence[Shape], shift: Fraction) -> str:
    """Filters that put every picture of a piece on a canvas of the first size.

    `shift` is what the filters' time of a picture is beside its time in the source, in seconds.
    """
    turned = video.rotation_degrees % 180 != 0
    width, height = (video.height, video.width) if turned else (video.width, video.height)
    aspect = 1 / video.sample_aspect_ratio if turned else video.sample_aspect_ratio
    sizes = [_fitted(shape, width, height, aspect, turned=turned) for shape in shapes]
    conditions = _conditions(shapes, shift, turned=turned)
    across = _chosen(conditions, [size[0] for size in sizes])
    down = _chosen(conditions, [size[1] for size in sizes])
    # Dates that go back (joined recordings) would be refused by the encoder.
    forward = "select='eq(n,0)+gt(pts,prev_selected_pts)'"
    scaled = f"scale=w='{across}':h='{down}':eval=frame:flags=bicubic"
    return f"{forward},{scaled},pad={width}:{height}:(ow-iw)/2:(oh-ih)/2:eval=frame,{pixel_aspect(video)}"


def pixel_aspect(video: VideoStream) -> str:
    """A filter that states the shape of upright pixels: pictures of which one has none told cannot be put together."""
    aspect = 1 / video.sample_aspect_ratio if video.rotation_degrees % 180 else video.sample_aspect_ratio
    return f"setsar={aspect.numerator}/{aspect.denominator}"


def even(width: int, height: int) -> tuple[int, int]:
    """The size that is written, whose colour is halved: a line or column is cropped, or a single one doubled."""
    added = min(width, height) < 2
    return width + width % 2 if added else width // 2 * 2, height + height % 2 if added else height // 2 * 2


def _fitted(shape: Shape, width: int, height: int, aspect: Fraction, *, turned: bool) -> tuple[int, int]:
    """Size in stored pixels of the canvas, even because colour is halved."""
    own = Fraction(shape.width, shape.height) * shape.aspect
    ratio = (1 / own if turned else own) / aspect
    across, down = min(Fraction(width), height * ratio), min(Fraction(height), width / ratio)
    return max(2, min(width, 2 * round(across / 2))), max(2, min(height, 2 * round(down / 2)))


def _conditions(shapes: Sequence[Shape], shift: Fraction, *, turned: bool) -> list[str]:
    """When each shape holds: for pictures of its size, or (the filters do not see aspects) from its time on."""
    sizes = {(shape.width, shape.height) for shape in shapes}
    if len(sizes) < len({shape.size for shape in shapes}):
        return [f"gte(t,{float(shape.start + shift) - 0.0005:.6f})" for shape in shapes]
    return [
        f"eq(iw,{shape.height if turned else shape.width})*eq(ih,{shape.width if turned else shape.height})"
        for shape in shapes
    ]


def _chosen(conditions: Sequence[str], values: Sequence[int]) -> str:
    """An expression: the value of the last condition that holds, otherwise the first."""
    text = str(values[0])
    for condition, value in zip(conditions[1:], values[1:], strict=True):
        text = f"if({condition},{value},{text})"
    return text


def _is_unchanged(packet: Packet, context: Any) -> bool:
    """Whether a keyframe's header, if it has one, is that of the file; `False` also where that is not known."""
    if packet.has_sidedata("new_extradata"):
        return False
    codec, header = context.codec.canonical_name, bytes(context.extradata or b"")
    if codec in ("h264", "hevc"):
        return all(each in header for each in NalReader(codec, header).sequence_sets(packet))
    if codec in ("mpeg1video", "mpeg2video"):
        return _sequence_header(bytes(packet)) in (None, _sequence_header(header))
    return False


def _sequence_header(data: bytes) -> bytes | None:
    begin = data.find(_SEQUENCE_HEADER) + len(_SEQUENCE_HEADER)
    header = data[begin : begin + _SEQUENCE_BYTES]
    if begin < len(_SEQUENCE_HEADER) or len(header) < _SEQUENCE_BYTES:
        return None
    return header[:3] + bytes([header[3] & 0xF0])


def _changes(keyframes: Sequence[tuple[Fraction, Packet]], aspect: Fraction | None) -> Iterator[Shape]:
    """The shape at the first keyframe, and each that differs from the one before; `aspect`: of all of them."""
    last: Shape | None = None
    for shown, packet in keyframes:
        decoder: Any = packet.stream.codec_context
        frame = next(iter(decoded_alone(decoder, packet)), None)
        if frame is None:
            continue
        samples = (frame.format.name, int(frame.color_range), int(frame.colorspace))
        shape = Shape(
            shown, frame.width, frame.height, aspect or believable_aspect(decoder.sample_aspect_ratio), samples
        )
        if last is None or (shape.size, samples) != (last.size, last.samples):
            last = shape
            yield shape
