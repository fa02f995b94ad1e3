"""How pictures are to be shown, as the headers of H.264 and HEVC say it in the same words.

Source: ITU-T H.264, E.1.1, and H.265, E.2.1: video usability information, up to chroma_sample_loc_type.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from highlightr.media._cut.bits import BitReader

_EXTENDED_ASPECT = 255
_ASPECTS = (
    *((0, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11), (80, 33)),
    *((18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1)),
)

_MOST = 65_535
"""Of the two numbers of an aspect."""


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

    def filters(self) -> list[str]:
        """Filters that give pictures these labels."""
        full, primaries, transfer, matrix = self.colour
        labels = f"range={1 + full}:color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}"
        return [f"setsar={self.aspect.numerator}/{self.aspect.denominator}:max={_MOST}", f"setparams={labels}"]


def read_labels(bits: BitReader) -> tuple[Fraction, tuple[int, ...]]:
    """Width of a pixel over its height, and full range, primaries, transfer and matrix, as `Pictures` has them."""
    aspect = Fraction(0)
    if bits.flag():
        kind = bits.u(8)
        known = _ASPECTS[kind] if kind < len(_ASPECTS) else (0, 1)
        width, height = (bits.u(16), bits.u(16)) if kind == _EXTENDED_ASPECT else known
        aspect = Fraction(width, height) if height else aspect
    if bits.flag():
        bits.flag()  # overscan_appropriate_flag
    colour: tuple[int, ...] = (0, 2, 2, 2)
    if bits.flag():
        bits.u(3)  # video_format
        full = bits.u(1)
        colour = (full, *((bits.u(8), bits.u(8), bits.u(8)) if bits.flag() else (2, 2, 2)))
    if bits.flag():
        bits.ue()  # chroma_sample_loc_type_top_field
        bits.ue()  # chroma_sample_loc_type_bottom_field
    return aspect, colour
