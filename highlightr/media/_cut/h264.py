"""Splicing H.264: pictures that are encoded anew beside copied ones, in one stream with one description.

The encoder's parameter sets have a number that the source's do not use, so that both stand in the description, and
players need nothing in between.
"""

from __future__ import annotations

from typing import Any

from highlightr.media._cut.bits import BitReader, ue, unit_of
from highlightr.media._cut.codecs import PRESET
from highlightr.media._cut.descriptions import avcc
from highlightr.media._cut.h264_set import read_sequence_set
from highlightr.media._cut.splice import SPLICE_CRF, NotSmartError, Splice, by_lengths, free_number, with_lengths

_SPS, _PPS = 7, 8
_PICTURES = frozenset({1, 5})
_PROFILES = {66: "baseline", 77: "main", 100: "high"}
_MOST_SPS = 32
_LEVEL_1B = 9


class H264Splice(Splice):
    """Of one source."""

    codec = "h264"
    parameter_sets = frozenset({_SPS, _PPS, 13, 15})

    def read_sets(self) -> None:
        """One sequence set, and picture sets."""
        sequences, self._pps = self._of(_SPS, self.sets), self._of(_PPS, self.sets)
        read = [read_sequence_set(unit) for unit in sequences]
        used = {each.number for each in read} | {BitReader(unit, 1).ue() for unit in self._pps}
        if len(sequences) != 1 or not self._pps or len(self.sets) > 1 + len(self._pps):
            raise NotSmartError("its header does not describe one kind of pictures")
        self._sps, self._source = sequences[0], read[0]
        self.pictures = self._source.pictures
        self._number = free_number(range(_MOST_SPS), used)
        self.check_pictures(of_known_profile=self._source.profile in _PROFILES, profiles="baseline, main or high")

    @staticmethod
    def kind(unit: bytes) -> int:
        """nal_unit_type."""
        return unit[0] & 31

    def _of(self, kind: int, units: list[bytes]) -> list[bytes]:
        return [unit for unit in units if self.kind(unit) == kind]

    def is_fresh(self, packet: Any) -> bool:
        """Whether it holds an IDR picture."""
        return bool(packet.is_keyframe) and self.nal.begins_afresh(packet)

    def is_leading(self, _: Any) -> bool:
        """No picture that is shown before an IDR picture follows it in decode order."""
        return False

    def encoder(self, reorder: int) -> list[str]:
        """Arguments of the encoder, for pictures among which as many are out of order as among the copied ones.

        Those of x264 say nothing of their order where none is out of it, which not every decoder takes beside others.
        """
        level = "1b" if self._source.level == _LEVEL_1B else str(self._source.level)
        pyramid = _pyramid(reorder, self._source.references)
        # Decoders that hold as many pictures for either kind need not be set up anew between them.
        held = self._source.references + (pyramid == "strict")  # Which takes one off.
        parameters = f"sps-id={self._number}:stitchable=1:level={level}:dpb-size={held}:b-pyramid={pyramid}"
        coded = ["-c:v:0", "libx264", "-preset", PRESET, "-crf", SPLICE_CRF, "-forced-idr", "1"]
        coded += ["-bf:v:0", str(3 if reorder else 0)]
        profile = ["-profile:v:0", _PROFILES[self._source.profile], "-pix_fmt:v:0", self.pictures.pixels]
        return [*coded, *profile, "-x264-params", parameters]

    def description(self, encoded: bytes, reorder: int) -> bytes:
        """The header of the output, with the parameter sets of both."""
        added = self.sets_of(encoded)
        own = [self._ordered(unit, reorder) for unit in self._of(_SPS, added)]
        return avcc([self._sps, *own], [*self._pps, *self._of(_PPS, added)], self.pictures.shape)

    def _ordered(self, unit: bytes, reorder: int) -> bytes:
        """The encoder's sequence set, which promises as many pictures out of order as the source has.

        A decoder that has been promised fewer drops the first picture that is out of order.
        """
        read, source = read_sequence_set(unit), self._source
        if read.pictures != self.pictures or read.profile > source.profile or read.number != self._number:
            raise NotSmartError("what the encoder writes is not like it")
        if read.order_position is None:
            raise NotSmartError("the encoder does not say in which order its pictures are")
        order = max(reorder, source.reorder or 0)
        held = max(order, source.buffering, read.buffering)
        return unit_of(unit[:1], BitReader(unit, 1).before(read.order_position) + ue(order) + ue(held))

    def encoded(self, packet: Any) -> bytes:
        """A packet of the encoder: the picture alone, for its messages would be taken for ones about the source's."""
        return with_lengths(unit for unit in by_lengths(bytes(packet)) if self.kind(unit) in _PICTURES)


def _pyramid(reorder: int, references: int) -> str:
    """Of B-frames, so that no more pictures are held than in the source."""
    if reorder < 2 or references < 3:
        return "none"
    return "strict" if references == 3 else "normal"
