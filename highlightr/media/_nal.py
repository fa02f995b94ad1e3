"""What H.264 and HEVC packets say about themselves, without decoding them.

A packet comes in; whether it begins afresh (an IDR picture) or may be left out goes out. Every other codec gets
the safe answer.

Source: ITU-T H.264, 7.4.1 (nal_ref_idc, nal_unit_type); ITU-T H.265, 7.4.2.2 (nal_unit_type, TemporalId).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["NalReader"]

_H264_PICTURES = frozenset({1, 2, 3, 4, 5})
_H264_IDR = 5
_HEVC_PICTURES = range(32)
_HEVC_IDR = (19, 20)
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

    def begins_afresh(self, packet: Any) -> bool:
        """Whether nothing after this keyframe refers to anything before it."""
        if self._codec is None or not packet.is_keyframe:
            return bool(packet.is_keyframe)
        if self._codec == "h264":
            return any(header[0] & 31 == _H264_IDR for header in self._headers(packet))
        return any(header[0] >> 1 & 63 in _HEVC_IDR for header in self._headers(packet))

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
        return self._by_length(data) if self._length_size else self._by_start_code(bytes(data))

    def _by_length(self, data: memoryview) -> Iterator[bytes]:
        position = 0
        while position + self._length_size + 2 <= len(data):
            header = position + self._length_size
            size = int.from_bytes(data[position:header], "big")
            yield bytes(data[header : header + 2])
            position = header + size

    @staticmethod
    def _by_start_code(data: bytes) -> Iterator[bytes]:
        position = data.find(b"\0\0\1")
        while 0 <= position < len(data) - 4:
            yield data[position + 3 : position + 5]
            position = data.find(b"\0\0\1", position + 3)
