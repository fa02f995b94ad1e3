"""What H.264 and HEVC packets say about themselves, without decoding them.

A packet comes in; whether it is an IDR keyframe or may be left out, and the parameter sets that it brings along go
out. Every other codec gets the safe answer.

Source: ITU-T H.264, 7.4.1 (nal_ref_idc, nal_unit_type), D.2.8 (recovery point); ITU-T H.265, 7.4.2.2 (nal_unit_type,
TemporalId).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_H264_SEI = 6
_RECOVERY_POINT = 6
_SEI_BYTES = 64
"""A recovery point has a few bytes and stands among the first messages of its unit."""
_HEVC_CRA, _HEVC_BLA_N_LP = 21, 18
_HEVC_UNREFERENCED = frozenset(range(0, 15, 2))
"""TRAIL_N, TSA_N, STSA_N, RADL_N, RASL_N and reserved: not referred to by pictures of their own temporal layer."""


@dataclass(frozen=True)
class _Types:
    """What a codec calls its units."""

    pictures: Collection[int]
    idr: Collection[int]
    parameter_sets: Collection[int]
    sequence_set: int
    description_bytes: int
    """Of avcC or hvcC without parameter sets."""
    length_size_at: int
    """Where it keeps lengthSizeMinusOne in the lowest two bits."""


_CODECS = {
    "h264": _Types(range(1, 6), (5,), (7, 8, 13, 15), 7, 6, 4),
    "hevc": _Types(range(32), (19, 20), (32, 33, 34), 33, 23, 21),
}
_HEVC_RANDOM_ACCESS = range(16, 22)
"""BLA, IDR and CRA pictures."""


class NalReader:
    """Reads the NAL unit headers of one stream's packets."""

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        self._codec, self._types = codec, _CODECS.get(codec)
        self._length_size = 0
        self._num_layers = 0
        if self._types and extradata and len(extradata) >= self._types.description_bytes and extradata[0] == 1:
            fields = extradata[self._types.length_size_at]
            self._length_size = (fields & 3) + 1
            self._num_layers = fields >> 3 & 7

    @classmethod
    def of(cls, context: Any) -> NalReader:
        """That of a stream, given its codec context."""
        return cls(context.codec.canonical_name, context.extradata)

    @property
    def is_described(self) -> bool:
        """Whether the file's header holds the parameter sets, and packets give the lengths of their units."""
        return self._length_size > 0

    def kind(self, unit: bytes | memoryview) -> int:
        """nal_unit_type."""
        return unit[0] & 31 if self._codec == "h264" else unit[0] >> 1 & 63

    def units(self, packet: Any) -> list[bytes]:
        """The units of a packet, whole."""
        if not self.is_described:
            return units_between_start_codes(bytes(packet))
        return [bytes(unit) for unit in self._views(packet)]

    def is_parameter_set(self, unit: bytes | memoryview) -> bool:
        """Whether it is one of those that decoders need before pictures."""
        return self._types is not None and self.kind(unit) in self._types.parameter_sets

    def parameter_sets(self, packet: Any) -> frozenset[bytes]:
        """Those that the packet brings along, whole; empty where they are in the header alone, or not described."""
        views = self._views(packet) if self.is_described else ()
        return frozenset(bytes(unit) for unit in views if self.is_parameter_set(unit))

    def sequence_sets(self, packet: Any) -> list[bytes]:
        """Sequence parameter sets, whole, that a packet brings along: what its pictures are like."""
        return [unit for unit in self.units(packet) if self._types and self.kind(unit) == self._types.sequence_set]

    def begins_afresh(self, packet: Any) -> bool:
        """Whether nothing after this keyframe refers to anything before it."""
        if self._types is None or not packet.is_keyframe:
            return bool(packet.is_keyframe)
        return any(self.kind(unit) in self._types.idr for unit in self._views(packet))

    def frames_to_recover(self, packet: Any) -> int | None:
        """How many pictures after this one are to be decoded before all that are shown later come out right.

        0 for IDR pictures, CRA pictures and plain recovery points, more where a stream is refreshed bit by bit; `None`
        where decoding cannot begin. In other codecs every keyframe counts as 0.
        """
        if not packet.is_keyframe:
            return None
        if self._codec == "hevc":
            return 0 if any(self.kind(unit) in _HEVC_RANDOM_ACCESS for unit in self._views(packet)) else None
        if self._codec != "h264" or self.begins_afresh(packet):
            return 0
        messages = (unit[1 : 1 + _SEI_BYTES] for unit in self._views(packet) if self.kind(unit) == _H264_SEI)
        counts = (_recovery_count(unescaped(bytes(message))) for message in messages)
        return next((count for count in counts if count is not None), None)

    def broken_link(self, packet: Any) -> bytes | None:
        """An HEVC packet of a CRA picture as that of a BLA picture without leading ones; `None` for any other.

        A decoder then takes nothing from before it. Source: ITU-T H.265, 7.4.2.2; the headers of both are alike.
        """
        data = bytearray(bytes(packet))
        starts = [start for start, _ in self._spans(memoryview(bytes(data)))] if self._codec == "hevc" else []
        found = [start for start in starts if data[start] >> 1 & 63 == _HEVC_CRA]
        for start in found:
            data[start] = data[start] & 0x81 | _HEVC_BLA_N_LP << 1
        return bytes(data) if found else None

    def can_be_left_out(self, packet: Any) -> bool:
        """Whether no other picture needs this one to be decoded (FFmpeg's own mark of it is not reliable)."""
        if self._types is None or packet.is_keyframe:
            return False
        units = (unit for unit in self._views(packet) if len(unit) > 1)
        pictures = [unit for unit in units if self.kind(unit) in self._types.pictures]
        if self._codec == "h264":
            return bool(pictures) and all(unit[0] >> 5 & 3 == 0 for unit in pictures)
        # A picture of a lower temporal layer may be referred to from a higher one whatever its type.
        return bool(pictures) and all(
            self.kind(unit) in _HEVC_UNREFERENCED and unit[1] & 7 == self._num_layers for unit in pictures
        )

    def _views(self, packet: Any) -> Iterator[memoryview]:
        """Every unit of a packet, not copied."""
        data = memoryview(packet)
        return (data[start:stop] for start, stop in self._spans(data))

    def _spans(self, data: memoryview) -> Iterator[tuple[int, int]]:
        """Where each unit starts and stops, of those that have a whole header."""
        if not self.is_described:
            begins = [*_start_codes(bytes(data)), len(data)]
            yield from ((begin + 3, end) for begin, end in pairwise(begins) if begin + 5 <= end)
            return
        position = 0
        while position + self._length_size + 2 <= len(data):
            start = position + self._length_size
            position = start + int.from_bytes(data[position:start], "big")
            if start < position:
                yield start, position


def _recovery_count(messages: bytes) -> int | None:
    """recovery_frame_cnt of the recovery point among the supplemental messages of a unit, if there is one."""
    position = 0
    while position + 2 < len(messages):
        kind, size = messages[position], messages[position + 1]
        if kind == _RECOVERY_POINT:
            bits = int.from_bytes(messages[position + 2 : position + 10].ljust(8, b"\0"), "big")
            zeros = 64 - bits.bit_length()
            return (bits >> (63 - 2 * zeros)) - 1 if zeros < 32 else None
        if 255 in (kind, size):
            return None
        position += 2 + size
    return None


def units_between_start_codes(data: bytes) -> list[bytes]:
    """The units of a packet or header that gives no lengths, whole."""
    begins = [*_start_codes(data), len(data)]
    units = (data[begin + 3 : end].rstrip(b"\0") for begin, end in pairwise(begins))
    return [unit for unit in units if unit]


def unescaped(data: bytes) -> bytes:
    """Without the bytes that keep start codes out."""
    return data.replace(b"\0\0\3", b"\0\0")


def _start_codes(data: bytes) -> Iterator[int]:
    """Where each begins."""
    position = data.find(b"\0\0\1")
    while position >= 0:
        yield position
        position = data.find(b"\0\0\1", position + 3)
