"""Splicing H.264: pictures that are encoded anew beside copied ones, in one stream with one description.

The encoder's parameter sets have a number that the source's do not use, so that both stand in the description, and
players need nothing in between.
"""

from __future__ import annotations

from typing import Any

from highlightr.media._cut.codecs import PRESET
from highlightr.media._cut.parameter_sets import ParameterSet, annex_b, ue, unit_of
from highlightr.media._cut.splice import SPLICE_CRF, NotSmartError, Splice, free_number
from highlightr.media._decode.nal import NalReader

_SPS, _PPS = 7, 8
_PICTURES = frozenset({1, 5})
_CAPTIONS = b"\x06\x04"
"""What a unit begins with that holds closed captions: a message (SEI) of the kind that ITU-T T.35 registers."""
_PROFILES = {66: "baseline", 77: "main", 100: "high"}
_MOST_SPS = 32
_LEVEL_1B = 9
_NUMBER, _PROFILE, _REFERENCES = "seq_parameter_set_id", "profile_idc", "max_num_ref_frames"
_REORDER, _HELD = "max_num_reorder_frames", "max_dec_frame_buffering"


class H264Splice(Splice):
    """Of one source."""

    codec = "h264"

    def check_sets(self) -> None:
        """One sequence set, and picture sets."""
        sequences, pictures = self.of(_SPS, self.sets), self.of(_PPS, self.sets)
        if len(sequences) != 1 or not pictures or len(self.sets) > 1 + len(pictures):
            raise NotSmartError("its header does not describe one kind of pictures")
        self._source, self.pictures = sequences[0], sequences[0].pictures
        self._profile, self._references = (self._source.value(name) for name in (_PROFILE, _REFERENCES))
        used = {self._source.value(_NUMBER), *(each.value("pic_parameter_set_id") for each in pictures)}
        self._number = free_number(range(_MOST_SPS), used)
        self.check_pictures(of_known_profile=self._profile in _PROFILES, profiles="baseline, main or high")

    def is_fresh(self, packet: Any) -> bool:
        """Whether it holds an IDR picture."""
        return self.nal.begins_afresh(packet)

    def encoder(self, reorder: int) -> list[str]:
        """Arguments of the encoder, for pictures among which as many are out of order as among the copied ones.

        Those of x264 say nothing of their order where none is out of it, which not every decoder takes beside others.
        """
        number = self._source.value("level_idc")
        level = "1b" if number == _LEVEL_1B else str(number)
        pyramid = _pyramid(reorder, self._references)
        # Decoders that hold as many pictures for either kind need not be set up anew between them.
        held = self._references + (pyramid == "strict")  # Which takes one off.
        parameters = f"sps-id={self._number}:stitchable=1:level={level}:dpb-size={held}:b-pyramid={pyramid}"
        coded = ["-c:v:0", "libx264", "-preset", PRESET, "-crf", SPLICE_CRF, "-forced-idr", "1"]
        coded += ["-bf:v:0", str(3 if reorder else 0)]
        profile = ["-profile:v:0", _PROFILES[self._profile], "-pix_fmt:v:0", self.pictures.pixels]
        return [*coded, *profile, "-x264-params", parameters]

    def description(self, encoded: bytes, reorder: int) -> bytes:
        """The header of the output, with the parameter sets of both."""
        added = self.sets_of(encoded)
        own = [self._ordered(each, reorder) for each in self.of(_SPS, added)]
        return annex_b([*(each.unit for each in self.sets), *own, *(each.unit for each in self.of(_PPS, added))])

    def _ordered(self, sequence: ParameterSet, reorder: int) -> bytes:
        """The encoder's sequence set, which promises as many pictures out of order as the source has.

        A decoder that has been promised fewer drops the first picture that is out of order.
        """
        number, profile = sequence.value(_NUMBER), sequence.value(_PROFILE)
        if sequence.pictures != self.pictures or profile > self._profile or number != self._number:
            raise NotSmartError("what the encoder writes is not like it")
        if _REORDER not in sequence.fields:
            raise NotSmartError("the encoder does not say in which order its pictures are")
        order = max(reorder, self._source.value(_REORDER))
        held = max(order, self._source.value(_HELD, self._references), sequence.value(_HELD))
        # These are its last fields.
        return unit_of(sequence.bits[: sequence.fields[_REORDER].place] + ue(order) + ue(held))

    def encoded(self, packet: Any) -> bytes:
        """A packet of the encoder: the picture and its captions; other messages would be taken for the source's."""
        units = NalReader.of(packet.stream.codec_context).units(packet)
        return annex_b(unit for unit in units if self.nal.kind(unit) in _PICTURES or unit[:2] == _CAPTIONS)


def _pyramid(reorder: int, references: int) -> str:
    """Of B-frames, so that no more pictures are held than in the source."""
    if reorder < 2 or references < 3:
        return "none"
    return "strict" if references == 3 else "normal"
