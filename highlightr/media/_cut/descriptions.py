"""The header that describes a stream in MP4 and Matroska: parameter sets in, and out.

Source: ISO/IEC 14496-15, 5.3.3.1 (avcC) and 8.3.3.1 (hvcC).
"""

from __future__ import annotations

from collections.abc import Sequence

from highlightr.media._cut.hevc_set import read_sequence_set
from highlightr.media._decode.nal import unescaped, units_between_start_codes

_HIGH = 100
_HEVC_HEADER = 22
_HEVC_SETS = (32, 33, 34)


def described_units(codec: str, extradata: bytes) -> list[bytes]:
    """The parameter sets of a stream's header, whole.

    Raises:
        ValueError: it breaks off.
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
    count = extradata[5] & 31
    position = _read(extradata, 6, count, units)
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


def avcc(sequences: Sequence[bytes], pictures: Sequence[bytes], shape: Sequence[int]) -> bytes:
    """The header of an H.264 stream, the sequence set with the widest profile first; its lengths have four bytes.

    `shape` begins with the format of colour and the bits per sample.
    """
    profile = sequences[0][1]
    constraints, level = 255, 0
    for unit in sequences:
        constraints, level = constraints & unit[2], max(level, unit[3])
    data = bytes([1, profile, constraints, level, 0xFF, 0xE0 | len(sequences)]) + _sized(sequences)
    data += bytes([len(pictures)]) + _sized(pictures)
    chroma, depth = shape[:2]
    return data + (bytes([0xFC | chroma, 0xF8 | depth - 8, 0xF8 | depth - 8, 0]) if profile == _HIGH else b"")


def hvcc(units: Sequence[bytes]) -> bytes:
    """The header of an HEVC stream, whose first sequence set tells the profile; its lengths have four bytes."""
    sequences = [unit for unit in units if unit[0] >> 1 & 63 == _HEVC_SETS[1]]
    read = read_sequence_set(sequences[0])
    general = bytearray(unescaped(sequences[0][2:])[1:13])
    general[-1] = max(read_sequence_set(unit).level for unit in sequences)
    chroma, depth = read.pictures.shape[:2]
    data = bytes([1, *general, 0xF0, 0, 0xFC, 0xFC | chroma, 0xF8 | depth - 8, 0xF8 | depth - 8, 0, 0])
    data += bytes([read.num_layers << 3 | read.is_nested << 2 | 3, len(_HEVC_SETS)])
    for kind in _HEVC_SETS:
        own = [unit for unit in units if unit[0] >> 1 & 63 == kind]
        data += bytes([0x80 | kind]) + len(own).to_bytes(2, "big") + _sized(own)
    return data


def _sized(units: Sequence[bytes]) -> bytes:
    return b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
