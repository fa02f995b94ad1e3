"""What an HEVC sequence parameter set says.

Source: ITU-T H.265, 7.3.2.2, 7.3.3 (profile_tier_level), 7.3.4 (scaling lists), 7.3.7 (st_ref_pic_set) and E.2.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from highlightr.media._cut.bits import BitReader
from highlightr.media._cut.labels import Pictures, read_labels

_PROFILE_BITS = 88
_MOST_SETS = 64


@dataclass(frozen=True)
class SequenceSet:
    """What a sequence parameter set says."""

    video_number: int
    number: int
    number_position: int
    """The bit at which its number begins."""
    profile: int
    level: int
    num_layers: int
    """Temporal ones."""
    is_nested: bool
    """Whether a decoder may change the temporal layer at any of their pictures."""
    pictures: Pictures


def read_sequence_set(unit: bytes) -> SequenceSet:
    """Read one.

    Raises:
        ValueError: it breaks off.
    """
    bits = BitReader(unit, 2)
    video_number, layers, is_nested = bits.u(4), bits.u(3) + 1, bits.flag()
    profile, is_progressive = bits.u(8) & 31, _general(bits)
    level = bits.u(8)
    _skip_layers(bits, layers)
    position, number = bits.position, bits.ue()
    chroma = bits.ue()
    if chroma == 3:
        bits.flag()  # separate_colour_plane_flag
    size = (bits.ue(), bits.ue())
    crop = (bits.ue(), bits.ue(), bits.ue(), bits.ue()) if bits.flag() else (0, 0, 0, 0)
    shape = (chroma, 8 + max(bits.ue(), bits.ue()), *size, *crop)
    _skip_coding(bits, layers, chroma)
    aspect, colour = Pictures(shape).aspect, Pictures(shape).colour
    if bits.flag():
        aspect, colour = read_labels(bits)
        bits.flag()  # neutral_chroma_indication_flag
        is_progressive = is_progressive and not bits.flag()  # field_seq_flag
    pictures = Pictures(shape, is_progressive, aspect, colour)
    return SequenceSet(video_number, number, position, profile, level, layers, is_nested, pictures)


def _general(bits: BitReader) -> bool:
    """Whether all pictures are progressive, or nothing is said of it; the rest of the general profile."""
    bits.u(32)
    progressive, interlaced = bits.flag(), bits.flag()
    bits.u(_PROFILE_BITS - 8 - 32 - 2)
    return progressive or not interlaced


def _skip_layers(bits: BitReader, layers: int) -> None:
    """What profile_tier_level says of lower temporal layers."""
    told = [(bits.flag(), bits.flag()) for _ in range(layers - 1)]
    if layers > 1:
        bits.u(2 * (8 - (layers - 1)))
    for has_profile, has_level in told:
        bits.u(_PROFILE_BITS * has_profile + 8 * has_level)


def _skip_coding(bits: BitReader, layers: int, chroma: int) -> None:
    """From log2_max_pic_order_cnt_lsb_minus4 up to the usability information."""
    order_bits = bits.ue() + 4
    for _ in range(layers if bits.flag() else 1):
        _skip_numbers(bits, 3)  # Buffering, reordering, latency.
    _skip_numbers(bits, 6)  # Sizes of blocks and transforms.
    if bits.flag() and bits.flag():
        _skip_scaling_lists(bits, chroma)
    bits.u(2)  # amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if bits.flag():
        bits.u(8)
        _skip_numbers(bits, 2)
        bits.flag()  # pcm_loop_filter_disabled_flag
    _skip_reference_sets(bits)
    if bits.flag():
        for _ in range(bits.ue()):
            bits.u(order_bits + 1)
    bits.u(2)  # sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag


def _skip_numbers(bits: BitReader, count: int) -> None:
    for _ in range(count):
        bits.ue()


def _skip_scaling_lists(bits: BitReader, chroma: int) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 and chroma != 3 else 1):
            if not bits.flag():
                bits.ue()
                continue
            if size > 1:
                bits.se()
            for _ in range(min(64, 1 << (4 + (size << 1)))):
                bits.se()


def _skip_reference_sets(bits: BitReader) -> None:
    count = bits.ue()
    if count > _MOST_SETS:
        raise ValueError("more reference picture sets than there may be")
    pictures = 0
    for number in range(count):
        if number and bits.flag():
            bits.flag()  # delta_rps_sign
            bits.ue()  # abs_delta_rps_minus1
            used = [bits.flag() or bits.flag() for _ in range(pictures + 1)]
            pictures = sum(used)
            continue
        pictures = bits.ue() + bits.ue()
        for _ in range(pictures):
            bits.ue()
            bits.flag()
