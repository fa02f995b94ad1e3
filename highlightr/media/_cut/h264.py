"""Splicing H.264: pictures that are encoded anew beside copied ones, in one stream with one description.

The encoder's parameter sets have a number that the source's do not use, so that both stand in the description, and
players need nothing in between.
"""

from __future__ import annotations

from typing import Any

from highlightr.media._cut.bits import BitReader, ue, unit_of
from highlightr.media._cut.codecs import PRESET
from highlightr.media._cut.descriptions import avcc, described_units
from highlightr.media._cut.h264_set import read_sequence_set
from highlightr.media._cut.splice import SPLICE_CRF, NotSmartError, by_lengths, free_number, with_lengths
from highlightr.media._decode.nal import NalReader

_SPS, _PPS = 7, 8
_SETS = frozenset({_SPS, _PPS, 13, 15})
_PICTURES = frozenset({1, 5})
_PROFILES = {66: "baseline", 77: "main", 100: "high"}
_MOST_SPS = 32
_LEVEL_1B = 9


class H264Splice:
    """Of one source.

    Args:
        stream: its video.

    Raises:
        NotSmartError: its description is missing, or says what is not proven to splice.
    """

    def __init__(self, stream: Any) -> None:
        context = stream.codec_context
        self._nal = NalReader("h264", context.extradata)
        try:
            described = described_units("h264", bytes(context.extradata or b""))
            units = [unit for unit in described if unit[0] & 31 in _SETS]
            sequences, self._pps = _of(_SPS, units), _of(_PPS, units)
            read = [read_sequence_set(unit) for unit in sequences]
            used = {each.number for each in read} | {BitReader(unit, 1).ue() for unit in self._pps}
        except (ValueError, IndexError) as error:
            raise NotSmartError("its header cannot be read") from error
        if len(sequences) != 1 or not self._pps or len(units) > 1 + len(self._pps):
            raise NotSmartError("its header does not describe one kind of pictures")
        self._sps, self._source = sequences[0], read[0]
        self._number = free_number(range(_MOST_SPS), used)
        known = self._source.profile in _PROFILES
        self._source.pictures.check(of_known_profile=known, profiles="baseline, main or high")

    def is_fresh(self, packet: Any) -> bool:
        """Whether it holds an IDR picture."""
        return bool(packet.is_keyframe) and self._nal.begins_afresh(packet)

    def is_leading(self, _: Any) -> bool:
        """No picture that is shown before an IDR picture follows it in decode order."""
        return False

    def filters(self) -> list[str]:
        """Filters that label pictures as the source's are."""
        return self._source.pictures.filters()

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
        profile = ["-profile:v:0", _PROFILES[self._source.profile], "-pix_fmt:v:0", self._source.pictures.pixels]
        return [*coded, *profile, "-x264-params", parameters]

    def description(self, encoded: bytes, reorder: int) -> bytes:
        """The header of the output, with the parameter sets of both.

        Raises:
            NotSmartError: the encoder's pictures are not like the source's.
        """
        added = described_units("h264", encoded)
        own = [self._ordered(unit, reorder) for unit in _of(_SPS, added)]
        return avcc([self._sps, *own], [*self._pps, *_of(_PPS, added)], self._source.pictures.shape)

    def _ordered(self, unit: bytes, reorder: int) -> bytes:
        """The encoder's sequence set, which promises as many pictures out of order as the source has.

        A decoder that has been promised fewer drops the first picture that is out of order.
        """
        read, source = read_sequence_set(unit), self._source
        if read.pictures != source.pictures or read.profile > source.profile or read.number != self._number:
            raise NotSmartError("what the encoder writes is not like it")
        if read.order_position is None:
            raise NotSmartError("the encoder does not say in which order its pictures are")
        order = max(reorder, source.reorder or 0)
        held = max(order, source.buffering, read.buffering)
        return unit_of(unit[:1], BitReader(unit, 1).before(read.order_position) + ue(order) + ue(held))

    def beginning(self, packet: Any) -> bytes:
        """As it is: that of an IDR picture."""
        return bytes(packet)

    def copied(self, packet: bytes) -> bytes:
        """A packet of the source, without parameter sets.

        Raises:
            NotSmartError: it brings along other ones than the file's header.
        """
        units = self._nal.units(packet)
        if any(unit[0] & 31 in _SETS and unit not in (self._sps, *self._pps) for unit in units):
            raise NotSmartError("its parameters change within the file")
        return with_lengths(unit for unit in units if unit[0] & 31 not in _SETS)

    def encoded(self, packet: Any) -> bytes:
        """A packet of the encoder: the picture alone, for its messages would be taken for ones about the source's."""
        return with_lengths(unit for unit in by_lengths(bytes(packet)) if unit[0] & 31 in _PICTURES)


def _pyramid(reorder: int, references: int) -> str:
    """Of B-frames, so that no more pictures are held than in the source."""
    if reorder < 2 or references < 3:
        return "none"
    return "strict" if references == 3 else "normal"


def _of(kind: int, units: list[bytes]) -> list[bytes]:
    return [unit for unit in units if unit[0] & 31 == kind]
