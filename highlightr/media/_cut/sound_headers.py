"""What the header of a sound packet says of its format, for codecs that repeat it in every packet.

In: the packets of a track. Out: whether codec, rate or channels change, which those of copied packets cannot.
"""

from __future__ import annotations

from typing import Any

_CODECS = {"aac": "aac", "mp1": "mpeg", "mp2": "mpeg", "mp3": "mpeg", "ac3": "ac3"}
"""What the header looks like, by FFmpeg's name of the codec."""
_HEADER_BYTES = 8
_LEAST_BYTES = 7

_ADTS_MASKS = (0xFF, 0xF6, 0xFD, 0xC0)
"""Sync word and layer; profile, rate and channels."""
_MPEG_MASKS = (0xFF, 0xFE, 0x0C, 0xC0)
"""Sync word, version and layer; rate; channels."""
_JOINT_STEREO = 0x40


class SoundHeaders:
    """Compares the packets of one track with the first of them, and with the codec that the container names."""

    def __init__(self, codec: str) -> None:
        self._kind = _CODECS.get(codec)
        self._first: tuple[str, bytes] | None = None

    def has_changed(self, packet: Any) -> bool:
        """Whether this packet differs; those of another recording may be of another codec."""
        found = None if self._kind is None else _format(bytes(memoryview(packet)[:_HEADER_BYTES]))
        if found is None:
            return False
        self._first = self._first or found
        return found[0] != self._kind or found != self._first


def _format(data: bytes) -> tuple[str, bytes] | None:
    """Of AAC in ADTS, MPEG audio or AC-3: which of them, and what of the header says codec, rate and channels."""
    if len(data) < _LEAST_BYTES:
        return None
    if data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        return "aac", _masked(data, _ADTS_MASKS)
    if data[0] == 0xFF and data[1] & 0xE0 == 0xE0:
        # Stereo and joint stereo may take turns.
        mode = data[3] & ~_JOINT_STEREO & 0xFF if data[3] & 0xC0 == _JOINT_STEREO else data[3]
        return "mpeg", _masked(bytes([*data[:3], mode]), _MPEG_MASKS)
    if data[:2] == b"\x0b\x77" and data[5] >> 3 <= 10:
        return "ac3", bytes([data[4] & 0xC0, data[6] & 0xE0])
    return None


def _masked(data: bytes, masks: tuple[int, ...]) -> bytes:
    return bytes(byte & mask for byte, mask in zip(data, masks, strict=False))
