"""What the parameter sets of H.264 and HEVC say, as FFmpeg reads them: its filter ``trace_headers`` lists every field.

In: NAL units as they are stored. Out: `ParameterSet`s, and units with other numbers in place of some fields.

Source: ITU-T H.264, 7.2 (ue), 7.4.1 (emulation prevention) and E.1.1; ITU-T H.265, E.2.1; ISO/IEC 14496-15, 5.3.3.1
(avcC) and 8.3.3.1 (hvcC).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from highlightr.media._container.description import ffmpeg_log
from highlightr.media._decode.nal import unescaped, units_between_start_codes

_FIELD = re.compile(r"(\d+) +(\S+) +([01]+) = (-?\d+)")
"""Where a field begins in its unit, its name, digits and value."""
_EMULATED = re.compile(rb"\0\0(?=[\0-\3])")
_HEVC_HEADER = 22

_EXTENDED_ASPECT = 255
_ASPECTS = (
    *((0, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11), (80, 33)),
    *((18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1)),
)

_MOST = 65_535
"""Of the two numbers of an aspect."""

_H264_SHAPE = (
    *("pic_width_in_mbs_minus1", "pic_height_in_map_units_minus1"),
    *(f"frame_crop_{side}_offset" for side in ("left", "right", "top", "bottom")),
)
_HEVC_SHAPE = (
    *("pic_width_in_luma_samples", "pic_height_in_luma_samples"),
    *(f"conf_win_{side}_offset" for side in ("left", "right", "top", "bottom")),
)
_COLOUR = ("colour_primaries", "transfer_characteristics", "matrix_coefficients")


@dataclass(frozen=True)
class Pictures:
    """What must be alike in pictures that stand beside each other; numbers as the headers have them."""

    shape: tuple[int, ...]
    """Format of colour, bits per sample, size, crop."""
    is_progressive: bool
    aspect: Fraction
    """Width of a pixel over its height; 0: not told."""
    colour: tuple[int, ...]
    """Full range, primaries, transfer, matrix; 2: not told."""

    @property
    def pixels(self) -> str:
        """FFmpeg's name of the pixel format, of 8 bits with halved colour."""
        return "yuvj420p" if self.colour[0] else "yuv420p"

    def filters(self) -> list[str]:
        """Filters that give pictures these labels."""
        full, primaries, transfer, matrix = self.colour
        labels = f"range={1 + full}:color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}"
        return [f"setsar={self.aspect.numerator}/{self.aspect.denominator}:max={_MOST}", f"setparams={labels}"]


class Field(NamedTuple):
    """A field of a unit."""

    place: int
    """The bit at which it begins."""
    digits: str
    value: int


@dataclass(frozen=True)
class ParameterSet:
    """One unit, and its fields by the standards' names."""

    unit: bytes
    fields: Mapping[str, Field]

    @property
    def bits(self) -> str:
        """All digits of the unit but those that bring it to an end."""
        digits = "".join(f"{byte:08b}" for byte in unescaped(self.unit))
        return digits[: digits.rindex("1")]

    def value(self, name: str, default: int = 0) -> int:
        """The number that a field holds; the default where the unit has no such field."""
        return self.fields[name].value if name in self.fields else default

    def renumbered(self, numbers: Mapping[str, str]) -> bytes:
        """The unit with other digits for some fields."""
        bits = self.bits
        for name in sorted(numbers, key=lambda name: self.fields[name].place, reverse=True):
            place, digits, _ = self.fields[name]
            bits = bits[:place] + numbers[name] + bits[place + len(digits) :]
        return unit_of(bits)

    @property
    def pictures(self) -> Pictures:
        """What a sequence set says of its pictures."""
        names = _HEVC_SHAPE if "conformance_window_flag" in self.fields else _H264_SHAPE
        depth = 8 + max(self.value("bit_depth_luma_minus8"), self.value("bit_depth_chroma_minus8"))
        colour = (self.value(name, 2) for name in _COLOUR)
        return Pictures(
            (self.value("chroma_format_idc", 1), depth, *map(self.value, names)),
            self._is_progressive,
            self._aspect,
            (self.value("video_full_range_flag"), *colour),
        )

    @property
    def _is_progressive(self) -> bool:
        if "frame_mbs_only_flag" in self.fields:  # H.264's.
            return self.value("frame_mbs_only_flag") == 1
        is_told = self.value("general_progressive_source_flag") or not self.value("general_interlaced_source_flag")
        return bool(is_told) and not self.value("field_seq_flag")

    @property
    def _aspect(self) -> Fraction:
        kind = self.value("aspect_ratio_idc")
        width, height = _ASPECTS[kind] if kind < len(_ASPECTS) else (0, 1)
        if kind == _EXTENDED_ASPECT:
            width, height = self.value("sar_width"), self.value("sar_height")
        return Fraction(width, height) if height else Fraction(0)


def read_sets(codec: str, units: Sequence[bytes]) -> list[ParameterSet]:
    """Read parameter sets, those that others refer to first; a `ValueError` where one breaks off, or is none."""
    import av
    from av.bitstream import BitStreamFilterContext

    with ffmpeg_log() as said:
        try:
            BitStreamFilterContext("trace_headers", codec).filter(av.Packet(annex_b(units)))
        except av.FFmpegError as error:
            raise ValueError("a parameter set cannot be read") from error
    fields: list[dict[str, Field]] = []
    for place, name, digits, value in (match.groups() for _, _, line in said if (match := _FIELD.match(line))):
        if name == "forbidden_zero_bit":  # Every unit begins with it.
            fields.append({})
        fields[-1][name] = Field(int(place), digits, int(value))
    return [ParameterSet(unit, own) for unit, own in zip(units, fields, strict=True)]


def described_units(codec: str, extradata: bytes) -> list[bytes]:
    """The parameter sets of a stream's header, whole.

    Raises:
        ValueError, IndexError: it breaks off.
    """
    if not extradata or extradata[0] != 1:
        return units_between_start_codes(extradata)
    units: list[bytes] = []
    if codec == "hevc":
        position = _HEVC_HEADER + 1
        for _ in range(extradata[_HEVC_HEADER]):
            count = int.from_bytes(extradata[position + 1 : position + 3], "big")
            position = _read(extradata, position + 3, count, units)
        return units
    position = _read(extradata, 6, extradata[5] & 31, units)
    _read(extradata, position + 1, extradata[position], units)
    return units


def _read(data: bytes, position: int, count: int, units: list[bytes]) -> int:
    """Append so many units that stand behind their sizes; where they end."""
    for _ in range(count):
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if position == start or position > len(data):
            raise ValueError("a header ends too early")
        units.append(data[start:position])
    return position


def annex_b(units: Iterable[bytes]) -> bytes:
    """Units behind start codes, as FFmpeg takes headers and packets of both codecs."""
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def ue(number: int) -> str:
    """An unsigned number of variable length, as digits."""
    digits = f"{number + 1:b}"
    return "0" * (len(digits) - 1) + digits


def unit_of(bits: str) -> bytes:
    """A whole unit of the digits of its header and fields, which are brought to an end."""
    closed = bits + "1"
    closed += "0" * (-len(closed) % 8)
    return escaped(int(closed, 2).to_bytes(len(closed) // 8, "big"))


def escaped(data: bytes) -> bytes:
    """With the bytes that keep start codes out."""
    return _EMULATED.sub(b"\0\0\3", data)
