"""What a file may ask of the machine, checked before it is believed.

A header is a few bytes of untrusted input, and may promise pictures, hours and samples that the file does not hold.
In: what a file claims. Out: nothing, or the `MediaError` that names the claim. The work that passes is in proportion to
the file's size.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from highlightr.core.device import core_count
from highlightr.core.errors import MediaError

LARGEST_PIXELS = 8192 * 8192
"""The largest pictures in use are 8192 x 4320 (8K) and, seldom, 8192 x 8192 (for headsets)."""

DECODER_OPTIONS = {"max_pixels": str(LARGEST_PIXELS), "flags": "+unaligned"}
"""For every decoder: a size that comes in mid-stream is refused like one in the header, and all that a header crops of
the left and the top is cropped; for the sake of speed FFmpeg's libraries would crop less than players and ffmpeg do."""

LONGEST_SIDE_RATIO = 64
"""A strip thinner than this is damage: scaled to a usable short side, its long side would take gigabytes."""

_WIDEST_PIXEL = 10
"""A sample aspect ratio beyond this (or below its inverse) is damage, not anamorphic video."""

LONGEST_SECONDS = 48 * 3600.0

TRUSTED_SECONDS = 600.0
"""This much is cheap enough to be believed of any file."""

LEAST_BYTES_PER_SECOND = 16
"""Beyond that, of the file: one empty H.264 picture a second with its entry in an index takes twice as much."""

SAMPLE_RATES = range(1_000, 768_001)
"""Rates of sound; the lowest in use is 8 kHz, the highest 768 kHz."""

_MOST_THREADS = 8
"""Every thread of a frame-parallel decoder holds a frame of its own."""

_HELD_BYTES_PER_PIXEL = 16
"""Of a decoder: about ten pictures of 1.5 bytes a pixel; at the sizes where it matters, standards allow fewer."""

_FRAMES_BYTES = 1 << 29
"""All of them together, at most."""


def check_picture(path: Path, width: int, height: int, aspect: Fraction = Fraction(1)) -> None:
    """Refuse a picture that cannot be held in memory, as stored or as shown.

    Raises:
        MediaError: too many pixels, or one side very much longer than the other.
    """
    if width * height > LARGEST_PIXELS:
        raise MediaError(
            f"{path}: its picture is {width} x {height}, more than {LARGEST_PIXELS / 1e6:.0f} megapixels; "
            f"scale it down, or convert it if that is not its size"
        )
    short, long = sorted((float(width * aspect), float(height)))
    if short > 0 and long > LONGEST_SIDE_RATIO * short:
        raise MediaError(
            f"{path}: its picture is {width} x {height}, a strip more than {LONGEST_SIDE_RATIO} times as long as it is "
            f"wide; crop it, or convert it if that is not its size"
        )


def believable_aspect(ratio: Fraction | None) -> Fraction:
    """Width of a pixel over its height; 1 where that is not told, or damage."""
    told = Fraction(ratio or 1)
    return told if 1 / Fraction(_WIDEST_PIXEL) <= told <= _WIDEST_PIXEL else Fraction(1)


def check_length(path: Path, seconds: float, size_bytes: int) -> None:
    """Refuse a length that is not handled, or that so few bytes cannot hold.

    Raises:
        MediaError: longer than `LONGEST_SECONDS`; more than `TRUSTED_SECONDS` with too few bytes for them.
    """
    if seconds > LONGEST_SECONDS:
        raise MediaError(
            f"{path}: lasts {seconds / 3600:.1f} hours by its timestamps, more than {LONGEST_SECONDS / 3600:.0f}; "
            f"split it, or remux it if that is not its length"
        )
    if seconds > TRUSTED_SECONDS and size_bytes < seconds * LEAST_BYTES_PER_SECOND:
        raise MediaError(
            f"{path}: lasts {seconds / 60:.0f} minutes by its timestamps, which {size_bytes} bytes cannot hold; "
            f"they are damaged: remux or convert it"
        )


def frame_threads(width: int, height: int, wanted: int = 0) -> int:
    """How many threads decode: `wanted`, or one per core; fewer where each holds a large picture (4 bytes a pixel)."""
    chosen = wanted or min(_MOST_THREADS, core_count())
    return max(1, min(chosen, _FRAMES_BYTES // max(1, width * height * 4)))


def decoders(width: int, height: int, threads: int) -> int:
    """How many decoders of one thread may work side by side instead: each holds the pictures that others refer to."""
    return max(1, min(threads, _FRAMES_BYTES // max(1, width * height * _HELD_BYTES_PER_PIXEL)))
