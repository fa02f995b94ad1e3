"""Bits of H.264 and HEVC headers, read and written.

A NAL unit comes in as it is stored; fields come out in the order in which the standards list them.

Source: ITU-T H.264, 7.2 and 9.1 (u, ue, se), 7.4.1 (emulation prevention); the same in ITU-T H.265.
"""

from __future__ import annotations

import re

from highlightr.media._decode.nal import unescaped

_EMULATED = re.compile(rb"\0\0(?=[\0-\3])")


class BitReader:
    """Reads the fields of one NAL unit, without start code or length, behind its header of 1 or, in HEVC, 2 bytes.

    Raises:
        ValueError: from every method, where the unit ends too early.
    """

    def __init__(self, unit: bytes, header_bytes: int) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in unescaped(unit[header_bytes:]))
        self.position = 0
        """How many bits were read."""

    def u(self, count: int) -> int:
        """An unsigned number of so many bits."""
        text = self._bits[self.position : self.position + count]
        if len(text) < count:
            raise ValueError("a header ends too early")
        self.position += count
        return int(text, 2) if count else 0

    def flag(self) -> bool:
        """One bit."""
        return self.u(1) == 1

    def ue(self) -> int:
        """An unsigned number of variable length."""
        end = self._bits.find("1", self.position)
        zeros = end - self.position
        if end < 0 or zeros > 32:
            raise ValueError("a header ends too early")
        self.position = end
        return self.u(zeros + 1) - 1

    def se(self) -> int:
        """A signed number of variable length."""
        number = self.ue()
        return (number + 1) // 2 if number % 2 else -(number // 2)

    def before(self, position: int) -> str:
        """The bits up to a position, as digits."""
        return self._bits[:position]

    def content(self) -> str:
        """All bits but those that bring the unit to an end, as digits."""
        return self._bits[: self._bits.rindex("1")]


def ue(number: int) -> str:
    """An unsigned number of variable length, as digits."""
    digits = f"{number + 1:b}"
    return "0" * (len(digits) - 1) + digits


def unit_of(header: bytes, bits: str) -> bytes:
    """A whole unit of its header and the digits of its fields, which are brought to an end."""
    closed = bits + "1"
    closed += "0" * (-len(closed) % 8)
    return header + escaped(int(closed, 2).to_bytes(len(closed) // 8, "big"))


def escaped(data: bytes) -> bytes:
    """With the bytes that keep start codes out."""
    return _EMULATED.sub(b"\0\0\3", data)
