"""How the samples of a picture are to be understood: colour, range, scan, high dynamic range.

In: a video stream of an open file. Out: a `PictureFormat`; numbers that mean "unspecified" become `None`, all others
FFmpeg's own names.

Source: ITU-T H.273 for matrices, primaries and transfers, as numbered by AVColorSpace, AVColorPrimaries and
AVColorTransferCharacteristic.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Any

from highlightr.media._container.av_types import VideoFrame
from highlightr.media._container.description import StreamText


def _numbered(words: str) -> dict[int, str]:
    """The names behind the numbers of some words such as ``1:bt709``."""
    return {int(number): name for number, _, name in (word.partition(":") for word in words.split())}


MATRICES = _numbered(
    "1:bt709 4:fcc 5:bt470bg 6:smpte170m 7:smpte240m 8:ycgco 9:bt2020nc 10:bt2020c 11:smpte2085 "
    "12:chroma-derived-nc 13:chroma-derived-c 14:ictcp"
)
PRIMARIES = _numbered(
    "1:bt709 4:bt470m 5:bt470bg 6:smpte170m 7:smpte240m 8:film 9:bt2020 10:smpte428 11:smpte431 12:smpte432 "
    "22:jedec-p22"
)
TRANSFERS = _numbered(
    "1:bt709 4:bt470m 5:bt470bg 6:smpte170m 7:smpte240m 8:linear 13:iec61966-2-1 14:bt2020-10 15:bt2020-12 "
    "16:smpte2084 17:smpte428 18:arib-std-b67"
)
HDR_TRANSFERS = {"smpte2084": "HDR10 (PQ)", "arib-std-b67": "HLG"}
"""Transfers of high dynamic range, and what a viewer calls them."""

REFERENCE_WHITE = 203
"""Candela per square metre of paper in a picture of high dynamic range."""

HIGH_DEFINITION_LINES = 720
"""From so many lines on, an unlabelled picture is BT.709; below, it is BT.601."""

INTERLACED_ORDERS = frozenset({2, 3, 4, 5})
"""AVFieldOrder: TT, BB, TB, BT."""

_DOLBY_VISION = re.compile(r".*\bprofile: (\d+)")
_MASTERING = struct.Struct("=20i2i")
"""AVMasteringDisplayMetadata: ten fractions (three primaries, the white point, both luminances), then two flags."""


@dataclass(frozen=True)
class HdrMetadata:
    """The display that a picture was graded on, and its brightest parts, as x265 takes them."""

    master_display: str | None = None
    """Chromaticities in units of 0.00002, luminances in units of 0.0001 candela per square metre."""
    max_cll: str | None = None
    """Brightest sample and brightest mean of a frame, in candela per square metre."""


@dataclass(frozen=True)
class PictureFormat:
    """What is known of a stream's pictures; `None`: not told."""

    pixels: str = "yuv420p"
    """FFmpeg's name of the pixel format."""
    bits: int = 8
    is_rgb: bool = False
    has_alpha: bool = False
    sampling: str | None = None
    """Of the colour, such as ``4:2:2``, where it is finer than 4:2:0 in one direction."""
    full_range: bool | None = None
    matrix: str | None = None
    primaries: str | None = None
    transfer: str | None = None
    chroma_location: str | None = None
    dolby_vision: int | None = None
    """The profile."""

    @property
    def hdr(self) -> str | None:
        """What kind of high dynamic range, for a sentence; `None` if it has none."""
        return None if self.transfer is None else HDR_TRANSFERS.get(self.transfer)


def picture_format(stream: Any, text: StreamText | None) -> PictureFormat:
    """What the header says, and FFmpeg's listing of the stream (`text`)."""
    context = stream.codec_context
    pixels = context.format
    # WebM has it as pictures of their own, which FFmpeg's decoders of VP8 and VP9 leave out.
    has_alpha_beside = stream.metadata.get("alpha_mode") == "1"
    components = () if pixels is None else pixels.components
    return PictureFormat(
        pixels="yuv420p" if pixels is None else pixels.name,
        bits=max((part.bits for part in components), default=8),
        is_rgb=pixels is not None and bool(pixels.is_rgb or pixels.has_palette),
        has_alpha=any(part.is_alpha for part in components) or has_alpha_beside,
        sampling=_sampling(pixels),
        full_range={1: False, 2: True}.get(int(context.color_range)),
        matrix=MATRICES.get(int(context.colorspace)),
        primaries=PRIMARIES.get(int(context.color_primaries)),
        transfer=TRANSFERS.get(int(context.color_trc)),
        chroma_location=None if text is None else text.chroma_location,
        dolby_vision=None if text is None else _dolby_vision(text),
    )


_SAMPLINGS = {(4, 4): "4:4:4", (2, 4): "4:2:2", (1, 4): "4:1:1", (4, 2): "4:4:0"}
"""Width and height of the colour of 4 x 4 pixels."""


def _sampling(pixels: Any) -> str | None:
    if pixels is None or len(pixels.components) < 3:  # Grey.
        return None
    return _SAMPLINGS.get((pixels.chroma_width(4), pixels.chroma_height(4)))


UNMARKED = frozenset({"rawvideo", "v210", "v410", "mjpeg", "huffyuv", "ffvhuff", "ffv1", "utvideo", "magicyuv"})
"""Codecs that leave it to the container to tell which pictures are interlaced."""


def assumed_matrix(height: int) -> str:
    """The matrix that players assume of an unlabelled picture, in FFmpeg's word."""
    return "bt709" if height >= HIGH_DEFINITION_LINES else "smpte170m"


def hdr_metadata(frame: VideoFrame) -> HdrMetadata:
    """What a frame says of the display it was graded on.

    Source: libavutil/mastering_display_metadata.h; the text is x265's.
    """
    side_data: Any = frame.side_data
    held = {one.type.name: bytes(one) for one in side_data}
    mastering = held.get("MASTERING_DISPLAY_METADATA", b"")
    light = held.get("CONTENT_LIGHT_LEVEL", b"")
    return HdrMetadata(
        _master_display(mastering) if len(mastering) >= _MASTERING.size else None,
        "{},{}".format(*struct.unpack_from("=2I", light)) if len(light) >= struct.calcsize("=2I") else None,
    )


def _master_display(data: bytes) -> str | None:
    *numbers, has_primaries, has_luminance = _MASTERING.unpack_from(data)
    if not (has_primaries and has_luminance) or 0 in numbers[1::2]:
        return None
    ratios = [number / divisor for number, divisor in zip(numbers[::2], numbers[1::2], strict=True)]
    red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y = (round(value * 50_000) for value in ratios[:8])
    darkest, brightest = (round(value * 10_000) for value in ratios[8:])
    return (
        f"G({green_x},{green_y})B({blue_x},{blue_y})R({red_x},{red_y})WP({white_x},{white_y})L({brightest},{darkest})"
    )


def _dolby_vision(text: StreamText) -> int | None:
    record = text.side_data.get("DOVI configuration record")
    match = None if record is None else _DOLBY_VISION.match(record)
    return None if match is None else int(match[1])
