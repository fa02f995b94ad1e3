"""What an H.264 sequence parameter set says.

Source: ITU-T H.264, 7.3.2.1 and E.1.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from highlightr.media._cut.bits import BitReader
from highlightr.media._cut.labels import Pictures, read_labels

_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


@dataclass(frozen=True)
class SequenceSet:
    """What a sequence parameter set says."""

    number: int
    profile: int
    level: int
    pictures: Pictures
    reorder: int | None
    """How many pictures are decoded before one that is shown before them, at most; `None`: not told."""
    references: int
    """How many pictures others may refer to."""
    buffering: int
    """How many pictures a decoder holds."""
    order_position: int | None
    """The bit at which `reorder` and `buffering`, the last fields, begin."""


def read_sequence_set(unit: bytes) -> SequenceSet:
    """Read one.

    Raises:
        ValueError: it breaks off.
    """
    bits = BitReader(unit, 1)
    profile, _, level, number = bits.u(8), bits.u(8), bits.u(8), bits.ue()
    chroma, depth = _chroma(bits) if profile in _WITH_CHROMA else (1, 8)
    bits.ue()  # log2_max_frame_num_minus4
    _skip_order(bits)
    references = bits.ue()
    bits.flag()  # gaps_in_frame_num_value_allowed_flag
    size = (bits.ue(), bits.ue())
    is_progressive = bits.flag()
    if not is_progressive:
        bits.flag()  # mb_adaptive_frame_field_flag
    bits.flag()  # direct_8x8_inference_flag
    crop = (bits.ue(), bits.ue(), bits.ue(), bits.ue()) if bits.flag() else (0, 0, 0, 0)
    shape = (chroma, depth, *size, *crop)
    if not bits.flag():
        return SequenceSet(number, profile, level, Pictures(shape, is_progressive), None, references, references, None)
    aspect, colour, position, reorder, buffering = _usability(bits, references)
    pictures = Pictures(shape, is_progressive, aspect, colour)
    return SequenceSet(number, profile, level, pictures, reorder, references, buffering, position)


def _chroma(bits: BitReader) -> tuple[int, int]:
    """Format of colour and bits per sample; any scaling lists are passed over."""
    chroma = bits.ue()
    if chroma == 3:
        bits.flag()  # separate_colour_plane_flag
    depth = 8 + max(bits.ue(), bits.ue())
    bits.flag()  # qpprime_y_zero_transform_bypass_flag
    if bits.flag():
        for number in range(12 if chroma == 3 else 8):
            if bits.flag():
                _skip_scaling_list(bits, 16 if number < 6 else 64)
    return chroma, depth


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last, following = 8, 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _skip_order(bits: BitReader) -> None:
    """Picture order count."""
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.flag(), bits.se(), bits.se()
        for _ in range(bits.ue()):
            bits.se()


def _usability(bits: BitReader, references: int) -> tuple[Fraction, tuple[int, ...], int | None, int | None, int]:
    """Aspect, colour, and where and what is said of the order of pictures."""
    aspect, colour = read_labels(bits)
    if bits.flag():
        bits.u(32), bits.u(32), bits.flag()  # timing_info
    decoders = [_skip_hypothetical_decoder(bits), _skip_hypothetical_decoder(bits)]
    if any(decoders):
        bits.flag()  # low_delay_hrd_flag
    bits.flag()  # pic_struct_present_flag
    if not bits.flag():
        return aspect, colour, None, None, references
    bits.flag()  # motion_vectors_over_pic_boundaries_flag
    for _ in range(4):
        bits.ue()
    return aspect, colour, bits.position, bits.ue(), bits.ue()


def _skip_hypothetical_decoder(bits: BitReader) -> bool:
    """Whether there is one."""
    if not bits.flag():
        return False
    count = bits.ue() + 1
    bits.u(8)
    for _ in range(count):
        bits.ue(), bits.ue(), bits.flag()
    bits.u(20)
    return True
