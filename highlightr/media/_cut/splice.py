"""Pictures that are encoded anew beside copied ones in one stream: what every codec has to do for it.

In: the video stream of an open source. Out: a `Splice`, which tells how to encode, and turns packets of both kinds into
those of the output.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

SPLICE_CRF = "18"
"""Finer than where all is encoded: these pictures stand beside those that they were made from."""


_MOST = 65_535
"""Of the two numbers of an aspect."""


class NotSmartError(Exception):
    """Why a source cannot be cut smart, as the rest of a sentence about it."""


@dataclass(frozen=True)
class Pictures:
    """What must be alike in both kinds; numbers as the headers have them."""

    shape: tuple[int, ...]
    """Format of colour, bits per sample, size, crop."""
    is_progressive: bool = True
    aspect: Fraction = Fraction(0)
    """Width of a pixel over its height; 0: not told."""
    colour: tuple[int, ...] = (0, 2, 2, 2)
    """Full range, primaries, transfer, matrix; 2: not told."""

    @property
    def pixels(self) -> str:
        """FFmpeg's name of the pixel format, of 8 bits with halved colour."""
        return "yuvj420p" if self.colour[0] else "yuv420p"

    def check(self, *, of_known_profile: bool, profiles: str) -> None:
        """Refuse what is not proven to splice.

        Raises:
            NotSmartError: another profile than these, other bits or colour, or interlaced.
        """
        if not of_known_profile or self.shape[:2] != (1, 8):
            raise NotSmartError(f"its pictures are not of 8 bits with halved colour ({profiles} profile)")
        if not self.is_progressive:
            raise NotSmartError("its pictures may be interlaced")

    def filters(self) -> list[str]:
        """Filters that give pictures these labels."""
        full, primaries, transfer, matrix = self.colour
        labels = f"range={1 + full}:color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}"
        return [f"setsar={self.aspect.numerator}/{self.aspect.denominator}:max={_MOST}", f"setparams={labels}"]


class Splice(Protocol):
    """How one source is spliced."""

    def is_fresh(self, packet: Any) -> bool:
        """Whether it holds a picture from which on nothing refers to anything before it."""

    def is_leading(self, packet: Any) -> bool:
        """Whether its picture is shown before the keyframe that it follows in decode order, and no other needs it."""

    def filters(self) -> list[str]:
        """Filters that label pictures as the source's are."""

    def encoder(self, reorder: int) -> list[str]:
        """Arguments of the encoder, for pictures among which as many are out of order as among the copied ones."""

    def description(self, encoded: bytes, reorder: int) -> bytes:
        """The header of the output, of that of the encoder's pictures and of the farthest that any is out of order."""

    def beginning(self, packet: Any) -> bytes:
        """The first packet of a copy, so that it takes nothing from before it; for `copied`."""

    def copied(self, packet: bytes) -> bytes:
        """A packet of the source as it stands in the output."""

    def encoded(self, packet: Any) -> bytes:
        """A packet of the encoder as it stands in the output."""


def free_number(numbers: Iterable[int], used: Collection[int]) -> int:
    """One for a parameter set.

    Raises:
        NotSmartError: all are in use.
    """
    for number in numbers:
        if number not in used:
            return number
    raise NotSmartError("its parameters leave no number for others")


def with_lengths(units: Iterable[bytes]) -> bytes:
    """Units as a container with a description has them: each with its length before it."""
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def by_lengths(data: bytes) -> Iterator[bytes]:
    """The units of a packet that `with_lengths` or FFmpeg made."""
    position = 0
    while position + 4 < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        yield data[position + 4 : position + 4 + size]
        position += 4 + size
