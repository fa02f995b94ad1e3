"""The header that describes a stream in MP4 and Matroska: parameter sets in, and out.

Source: ISO/IEC 14496-15, 5.3.3.1 (avcC).
"""

from __future__ import annotations

from collections.abc import Sequence

from highlightr.media._decode.nal import units_between_start_codes

_HIGH = 100


def described_units(extradata: bytes) -> list[bytes]:
    """The parameter sets of a stream's header, whole.

    Raises:
        ValueError: it breaks off.
    """
    if not extradata or extradata[0] != 1:
        return units_between_start_codes(extradata)
    units, position = [], 5
    for mask in (31, 255):
        count, position = extradata[position] & mask, position + 1
        for _ in range(count):
            size = int.from_bytes(extradata[position : position + 2], "big")
            units.append(extradata[position + 2 : position + 2 + size])
            position += 2 + size
    if position > len(extradata) or not all(units):
        raise ValueError("a header ends too early")
    return units


def avcc(sequences: Sequence[bytes], pictures: Sequence[bytes], shape: Sequence[int]) -> bytes:
    """The header of an H.264 stream; its lengths have four bytes.

    Args:
        sequences: sequence parameter sets, the one with the widest profile first.
        pictures: picture parameter sets.
        shape: of its pictures: format of colour and bits per sample come first.
    """
    profile = sequences[0][1]
    constraints, level = 255, 0
    for unit in sequences:
        constraints, level = constraints & unit[2], max(level, unit[3])
    data = bytes([1, profile, constraints, level, 0xFF, 0xE0 | len(sequences)]) + _sized(sequences)
    data += bytes([len(pictures)]) + _sized(pictures)
    chroma, depth = shape[:2]
    return data + (bytes([0xFC | chroma, 0xF8 | depth - 8, 0xF8 | depth - 8, 0]) if profile == _HIGH else b"")


def _sized(units: Sequence[bytes]) -> bytes:
    return b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
