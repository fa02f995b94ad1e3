"""Pictures that are encoded anew beside copied ones in one stream: what every codec has to do for it.

In: the video stream of an open source. Out: a `Splice`, which tells how to encode, and turns packets of both kinds into
those of the output.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from highlightr.media._cut.parameter_sets import ParameterSet, Pictures, annex_b, described_units, read_sets
from highlightr.media._decode.nal import NalReader

SPLICE_CRF = "18"
"""Finer than where all is encoded: these pictures stand beside those that they were made from."""


class NotSmartError(Exception):
    """Why a source cannot be cut smart, as the rest of a sentence about it."""


class Splice(ABC):
    """How one source is spliced.

    Raises:
        NotSmartError: the description of its video is missing, or says what is not proven to splice.
    """

    codec: ClassVar[str]
    pictures: Pictures
    """What the source's are like."""

    def __init__(self, stream: Any) -> None:
        extradata = bytes(stream.codec_context.extradata or b"")
        self.nal = NalReader(self.codec, extradata)
        try:
            self.sets = self.sets_of(extradata)
        except (ValueError, IndexError) as error:
            raise NotSmartError("its header cannot be read") from error
        self.check_sets()

    @abstractmethod
    def check_sets(self) -> None:
        """Look at the source's parameter sets; a `NotSmartError` for several kinds, or one not proven to splice."""

    @abstractmethod
    def is_fresh(self, packet: Any) -> bool:
        """Whether it holds a picture from which on nothing refers to anything before it."""

    def is_leading(self, _: Any) -> bool:
        """Whether its picture is shown before the keyframe that it follows in decode order, and no other needs it."""
        return False

    def check_pictures(self, *, of_known_profile: bool, profiles: str) -> None:
        """Refuse, with a `NotSmartError`, another profile than these, other bits or colour, or interlaced pictures."""
        if not of_known_profile or self.pictures.shape[:2] != (1, 8):
            raise NotSmartError(f"its pictures are not of 8 bits with halved colour ({profiles} profile)")
        if not self.pictures.is_progressive:
            raise NotSmartError("its pictures may be interlaced")

    @abstractmethod
    def encoder(self, reorder: int) -> list[str]:
        """Arguments of the encoder, for pictures among which as many are out of order as among the copied ones."""

    @abstractmethod
    def description(self, encoded: bytes, reorder: int) -> bytes:
        """The header of the output, of that of the encoder's pictures and of the farthest that any is out of order.

        Behind start codes, as its packets are.

        Raises:
            NotSmartError: the encoder's pictures are not like the source's.
        """

    def copied(self, packet: bytes) -> bytes:
        """A packet of the source as it stands in the output, without parameter sets.

        Raises:
            NotSmartError: it brings along other ones than the file's header.
        """
        units, known = self.nal.units(packet), [each.unit for each in self.sets]
        if any(self.nal.is_parameter_set(unit) and unit not in known for unit in units):
            raise NotSmartError("its parameters change within the file")
        return annex_b(unit for unit in units if not self.nal.is_parameter_set(unit))

    def sets_of(self, extradata: bytes) -> list[ParameterSet]:
        """The parameter sets of a header.

        Raises:
            ValueError, IndexError: it cannot be read.
        """
        units = [unit for unit in described_units(self.codec, extradata) if self.nal.is_parameter_set(unit)]
        return read_sets(self.codec, units) if units else []

    def of(self, kind: int, sets: Iterable[ParameterSet]) -> list[ParameterSet]:
        """Those of one type."""
        return [each for each in sets if self.nal.kind(each.unit) == kind]

    @abstractmethod
    def encoded(self, packet: Any) -> bytes:
        """A packet of the encoder as it stands in the output."""


def free_number(numbers: Iterable[int], used: Collection[int]) -> int:
    """One for a parameter set; a `NotSmartError` where all are in use."""
    for number in numbers:
        if number not in used:
            return number
    raise NotSmartError("its parameters leave no number for others")
