"""What H.264 and HEVC packets say about themselves, without decoding them.

A packet comes in; whether it is an IDR keyframe or may be left out, and the parameter sets that it brings along go
out. Every other codec gets the safe answer.

Source: ITU-T H.264, 7.4.1 (nal_ref_idc, nal_unit_type), D.2.8 (recovery point); ITU-T H.265, 7.4.2.2 (nal_unit_type,
TemporalId).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

_H264_PICTURES = frozenset({1, 2, 3, 4, 5})
_H264_IDR = 5
_HEVC_PICTURES = range(32)
_H264_PARAMETER_SETS = frozenset({7, 8, 13, 15})
_HEVC_IDR = (19, 20)
_HEVC_CRA, _HEVC_BLA_N_LP = 21, 18
_HEVC_RANDOM_ACCESS = range(16, 22)
"""BLA, IDR and CRA pictures."""
_H264_SEI = 6
_RECOVERY_POINT = 6
_SEI_BYTES = 64
"""A recovery point has a few bytes and stands among the first messages of its unit."""
_HEVC_PARAMETER_SETS = frozenset({32, 33, 34})
_SEQUENCE_SETS = {"h264": 7, "hevc": 33}
_HEVC_UNREFERENCED = frozenset(range(0, 15, 2))
"""TRAIL_N, TSA_N, STSA_N, RADL_N, RASL_N and reserved: not referred to by pictures of their own temporal layer."""

_LENGTH_SIZE_BYTE = {"h264": 4, "hevc": 21}
"""Where avcC and hvcC keep lengthSizeMinusOne in the lowest two bits."""


class NalReader:
    """Reads the NAL unit headers of one stream's packets."""

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        described = extradata is not None and len(extradata) > 22 - 17 * (codec == "h264") and extradata[0] == 1
        self._codec = codec if codec in _LENGTH_SIZE_BYTE else None
        self._length_size = 0
        self._layers = 0
        if self._codec and described:
            assert extradata is not None
            fields = extradata[_LENGTH_SIZE_BYTE[codec]]
            self._length_size = (fields & 3) + 1
            self._layers = fields >> 3 & 7

    @classmethod
    def of(cls, context: Any) -> NalReader:
        """That of a stream, given its codec context."""
        return cls(context.codec.canonical_name, context.extradata)

    @property
    def is_described(self) -> bool:
        """Whether the file's header holds the parameter sets, and packets give the lengths of their units."""
        return self._length_size > 0

    def units(self, data: bytes) -> list[bytes]:
        """The units of a packet, whole."""
        if self.is_described:
            return [data[start:stop] for start, stop in self._units(memoryview(data)) if start < stop]
        return units_between_start_codes(data)

    def parameter_sets(self, packet: Any) -> frozenset[bytes]:
        """Those that the packet brings along, whole; empty where they are in the header alone, or not described."""
        if not self.is_described:
            return frozenset()
        data = memoryview(packet)
        return frozenset(bytes(data[start:stop]) for start, stop in self._units(data) if self._is_set(data[start]))

    def sequence_sets(self, packet: Any) -> frozenset[bytes]:
        """Sequence parameter sets, whole, that a packet of a stream without description brings along."""
        wanted = _SEQUENCE_SETS.get(self._codec or "")
        units = units_between_start_codes(bytes(packet))
        return frozenset(unit for unit in units if self._unit_type(unit[0]) == wanted)

    def _unit_type(self, header: int) -> int:
        return header & 31 if self._codec == "h264" else header >> 1 & 63

    def _is_set(self, header: int) -> bool:
        if self._codec == "h264":
            return header & 31 in _H264_PARAMETER_SETS
        return header >> 1 & 63 in _HEVC_PARAMETER_SETS

    def begins_afresh(self, packet: Any) -> bool:
        """Whether nothing after this keyframe refers to anything before it."""
        if self._codec is None or not packet.is_keyframe:
            return bool(packet.is_keyframe)
        if self._codec == "h264":
            return any(header[0] & 31 == _H264_IDR for header in self._headers(packet))
        return any(header[0] >> 1 & 63 in _HEVC_IDR for header in self._headers(packet))

    def frames_to_recover(self, packet: Any) -> int | None:
        """How many pictures after this one are to be decoded before all that are shown later come out right.

        0 for IDR pictures, CRA pictures and plain recovery points, more where a stream is refreshed bit by bit; `None`
        where decoding cannot begin. In other codecs every keyframe counts as 0.
        """
        if not packet.is_keyframe:
            return None
        if self._codec == "hevc":
            return 0 if any(header[0] >> 1 & 63 in _HEVC_RANDOM_ACCESS for header in self._headers(packet)) else None
        if self._codec != "h264" or self.begins_afresh(packet):
            return 0
        counts = [self._recovery_count(unit) for unit in self._messages(packet)]
        return next((count for count in counts if count is not None), None)

    def broken_link(self, packet: Any) -> bytes | None:
        """An HEVC packet of a CRA picture as that of a BLA picture without leading ones; `None` for any other.

        A decoder then takes nothing from before it. Source: ITU-T H.265, 7.4.2.2; the headers of both are alike.
        """
        if self._codec != "hevc":
            return None
        data = bytearray(bytes(packet))
        if self.is_described:
            starts = [start for start, _ in self._units(memoryview(bytes(data)))]
        else:
            starts = [position + 3 for position in _start_codes(bytes(data))]
        found = [start for start in starts if start < len(data) and data[start] >> 1 & 63 == _HEVC_CRA]
        for start in found:
            data[start] = data[start] & 0x81 | _HEVC_BLA_N_LP << 1
        return bytes(data) if found else None

    def _messages(self, packet: Any) -> Iterator[bytes]:
        """The first bytes of every unit of supplemental messages, behind its header."""
        data = memoryview(packet)
        if self.is_described:
            starts = [start for start, _ in self._units(data)]
        else:
            starts = [match.end() for match in re.finditer(b"\0\0\1", data)]
        for start in starts:
            if start < len(data) and data[start] & 31 == _H264_SEI:
                yield unescaped(bytes(data[start + 1 : start + 1 + _SEI_BYTES]))

    @staticmethod
    def _recovery_count(messages: bytes) -> int | None:
        """recovery_frame_cnt of the recovery point among these messages, if there is one."""
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

    def can_be_left_out(self, packet: Any) -> bool:
        """Whether no other picture needs this one to be decoded (FFmpeg's own mark of it is not reliable)."""
        if self._codec is None or packet.is_keyframe:
            return False
        if self._codec == "h264":
            pictures = [h[0] for h in self._headers(packet) if h[0] & 31 in _H264_PICTURES]
            return bool(pictures) and all(first >> 5 & 3 == 0 for first in pictures)
        units = [(h[0] >> 1 & 63, (h[1] & 7) - 1) for h in self._headers(packet)]
        pictures_of_layers = [unit for unit in units if unit[0] in _HEVC_PICTURES]
        # A picture of a lower temporal layer may be referred to from a higher one whatever its type.
        return bool(pictures_of_layers) and all(
            kind in _HEVC_UNREFERENCED and layer == self._layers - 1 for kind, layer in pictures_of_layers
        )

    def _headers(self, packet: Any) -> Iterator[bytes]:
        """The first two bytes of every unit."""
        data = memoryview(packet)
        if not self.is_described:
            return self._by_start_code(bytes(data))
        return (bytes(data[start : start + 2]) for start, _ in self._units(data))

    def _units(self, data: memoryview) -> Iterator[tuple[int, int]]:
        """Where each unit starts and stops."""
        position = 0
        while position + self._length_size + 2 <= len(data):
            start = position + self._length_size
            position = start + int.from_bytes(data[position:start], "big")
            yield start, position

    @staticmethod
    def _by_start_code(data: bytes) -> Iterator[bytes]:
        return (data[position + 3 : position + 5] for position in _start_codes(data) if position < len(data) - 4)


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
