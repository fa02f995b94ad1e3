"""What the header of a sound packet says of its format, for codecs that repeat it in every packet.

In: a packet's first bytes. Out: a mark that is equal where codec, rate and channels are: copied packets cannot change.
"""

from __future__ import annotations

_CODECS = {"aac": "aac", "mp1": "mpeg", "mp2": "mpeg", "mp3": "mpeg", "ac3": "ac3"}
"""What the header looks like, by FFmpeg's name of the codec."""
_LEAST_BYTES = 7

_ADTS_MASKS = (0xFF, 0xF6, 0xFD, 0xC0)
"""Sync word and layer; profile, rate and channels."""
_MPEG_MASKS = (0xFF, 0xFE, 0x0C, 0xC0)
"""Sync word, version and layer; rate; channels."""
_JOINT_STEREO = 0x40

Format = tuple[str, bytes]
"""What the header looks like, and what of it says codec, rate and channels."""


def is_other_codec(codec: str, found: Format) -> bool:
    """Whether a packet is not of the codec that the container names."""
    return _CODECS[codec] != found[0]


def sound_format(codec: str, data: bytes) -> Format | None:
    """The mark of AAC in ADTS, MPEG audio or AC-3; `None` for what has no such header.

    `codec` is the container's word: packets of another recording may be of another one.
    """
    if codec not in _CODECS or len(data) < _LEAST_BYTES:
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
