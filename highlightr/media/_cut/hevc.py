"""Splicing HEVC: pictures that are encoded anew beside copied ones, in one stream with one description.

x265 numbers its parameter sets 0 and cannot be told otherwise, so they are renumbered, and its pictures with them. A
copy may begin with a CRA picture, which is then told to be a BLA picture; those that lead it are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from highlightr.media._cut.codecs import PRESET
from highlightr.media._cut.parameter_sets import ParameterSet, annex_b, escaped, ue
from highlightr.media._cut.splice import SPLICE_CRF, NotSmartError, Splice, free_number
from highlightr.media._decode.nal import NalReader, unescaped

_VPS, _SPS, _PPS = 32, 33, 34
_SLICES = range(32)
_RANDOM_ACCESS = range(16, 24)
_LEADING = range(6, 10)
"""RADL and RASL pictures."""
_CAPTIONS = 39, b"\x04"
"""Kinds of unit and of its first message: a prefix SEI message that ITU-T T.35 registers, closed captions."""
_MAIN = 1
_BLOCKS = (8, 16, 32)
_MOST_SETS = 16
_VIDEO_NUMBER, _NUMBER = "vps_video_parameter_set_id", "sps_seq_parameter_set_id"
_PICTURE_NUMBER, _PROFILE = "pps_pic_parameter_set_id", "general_profile_idc"
_PPS_NUMBERS = range(15, 31)
"""Those whose code has nine bits: eight more than that of 0, so that all behind it stays where it is in its byte."""


class HevcSplice(Splice):
    """Of one source."""

    codec = "hevc"

    def check_sets(self) -> None:
        """One sequence set, one video set, and picture sets."""
        sequences, pictures = self.of(_SPS, self.sets), self.of(_PPS, self.sets)
        videos = {each.value(_VIDEO_NUMBER) for each in self.of(_VPS, self.sets)}
        if len(sequences) != 1 or len(videos) != 1 or not pictures:
            raise NotSmartError("its header does not describe one kind of pictures")
        source, self.pictures = sequences[0], sequences[0].pictures
        self.check_pictures(of_known_profile=source.value(_PROFILE) == _MAIN, profiles="main")
        self._video = f"{free_number(range(_MOST_SETS), videos):04b}"
        self._number = ue(free_number(range(_MOST_SETS), {source.value(_NUMBER)}))
        self._picture = ue(free_number(_PPS_NUMBERS, {each.value(_PICTURE_NUMBER) for each in pictures}))

    def is_fresh(self, packet: Any) -> bool:
        """Whether it holds an IDR, CRA or BLA picture."""
        return self.nal.frames_to_recover(packet) == 0

    def is_leading(self, packet: Any) -> bool:
        """Whether its picture is shown before the keyframe that it follows in decode order."""
        return any(self.nal.kind(unit) in _LEADING for unit in self.nal.units(packet))

    def encoder(self, reorder: int) -> list[str]:
        """Arguments of the encoder, for pictures among which as many are out of order as among the copied ones."""
        frames = f"bframes={3 if reorder else 0}:b-pyramid={int(reorder > 1)}:open-gop=0"
        parameters = f"log-level=error:info=0:wpp=0:{frames}:min-cu-size={_block(self.pictures.shape)}"
        coded = ["-c:v:0", "libx265", "-preset", PRESET, "-crf", SPLICE_CRF, "-forced-idr", "1", "-a53cc", "1"]
        pixels = ["-profile:v:0", "main", "-pix_fmt:v:0", self.pictures.pixels]
        return [*coded, *pixels, "-x265-params", parameters]

    def description(self, encoded: bytes, _: int) -> bytes:
        """The header of the output, with the parameter sets of both."""
        own = (self._renumbered(each) for each in self.sets_of(encoded))
        return annex_b([*(each.unit for each in self.sets), *own])

    def encoded(self, packet: Any) -> bytes:
        """A packet of the encoder: the picture, of the encoder's new parameter sets, and its captions."""
        units = NalReader.of(packet.stream.codec_context).units(packet)
        kinds = ((unit, self.nal.kind(unit)) for unit in units)
        kept = ((unit, kind) for unit, kind in kinds if kind in _SLICES or (kind, unit[2:3]) == _CAPTIONS)
        return annex_b(self._of_its_set(unit) if kind in _SLICES else unit for unit, kind in kept)

    def _renumbered(self, own: ParameterSet) -> bytes:
        """A parameter set of the encoder."""
        kind = self.nal.kind(own.unit)
        if kind == _VPS:
            return own.renumbered({_VIDEO_NUMBER: self._video})
        if kind == _SPS:
            if own.pictures != self.pictures or own.value(_PROFILE) != _MAIN:
                raise NotSmartError("what the encoder writes is not like it")
            return own.renumbered({"sps_video_parameter_set_id": self._video, _NUMBER: self._number})
        if own.value(_PICTURE_NUMBER):
            raise NotSmartError("what the encoder writes is not like it")
        return own.renumbered({_PICTURE_NUMBER: self._picture, "pps_seq_parameter_set_id": self._number})

    def _of_its_set(self, unit: bytes) -> bytes:
        """A slice of the encoder, which names picture parameter set 0 by a bit behind one flag or two."""
        data = unescaped(unit[2:])
        first, flags = f"{data[0]:08b}", 2 if self.nal.kind(unit) in _RANDOM_ACCESS else 1
        if first[flags] != "1":
            raise NotSmartError("what the encoder writes is not like it")
        named = int(first[:flags] + self._picture + first[flags + 1 :], 2).to_bytes(2, "big")
        return unit[:2] + escaped(named + data[1:])


def _block(shape: Sequence[int]) -> int:
    """The size of the encoder's smallest blocks, of which its pictures are made as the source's are."""
    _, _, width, height, left, right, top, bottom = shape
    shown = (width - 2 * (left + right), height - 2 * (top + bottom))
    filled = (size for size in _BLOCKS if (-shown[0] % size, -shown[1] % size) == (width - shown[0], height - shown[1]))
    return next(filled, _BLOCKS[0])
