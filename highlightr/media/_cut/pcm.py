"""Uncompressed sound that is copied: cut to the sample, gaps filled, because QuickTime knows no times of its packets.

In: the packets of a piece, each with its time in the output. Out: bytes that follow each other without a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from highlightr.core.source import AudioStream

_CODEC = re.compile(r"pcm_(?:[sf](8|16|24|32|64)(?:le|be)?|(?:u8|alaw|mulaw))")
"""FFmpeg's names, and the bits of a sample; eight where they are not told."""

_SILENCE = {"pcm_u8": b"\x80", "pcm_alaw": b"\xd5", "pcm_mulaw": b"\xff"}
"""A sample of it, where that is not zero."""

_SAME_SECONDS = Fraction(1, 100)
"""Packets of one piece that are this near to each other follow without a gap: containers round their times."""


@dataclass
class Pcm:
    """One track of the output, up to what is written of it; positions are counted in samples."""

    rate: int
    silence: bytes
    """Of all channels, one sample each."""
    written: int = 0
    _start: int = 0
    _stop: int = 0
    _begins: bool = True

    @classmethod
    def of(cls, track: AudioStream) -> Pcm | None:
        """That of a source's track; `None` if that is compressed."""
        match = _CODEC.fullmatch(track.codec)
        if match is None:
            return None
        sample = _SILENCE.get(track.codec, bytes(int(match[1] or 8) // 8))
        return cls(track.sample_rate, sample * track.channels)

    def seconds(self, size: int) -> Fraction:
        """How long so many bytes last."""
        return Fraction(size // len(self.silence), self.rate)

    def begin(self, start: Fraction, stop: Fraction) -> None:
        """Begin a piece, which lies there in the output."""
        self._start, self._stop, self._begins = round(start * self.rate), round(stop * self.rate), True

    def push(self, data: bytes, time: Fraction) -> Iterator[tuple[int, bytes]]:
        """Take the next packet; what is to be written comes out, and its position."""
        position = round(time * self.rate)
        if not self._begins and abs(position - self.written) <= _SAME_SECONDS * self.rate:
            position = self.written
        self._begins = False
        yield from self._filled(min(max(position, self._start), self._stop))
        size = len(self.silence)
        yield from self._put(data[max(0, self.written - position) * size : max(0, self._stop - position) * size])

    def _filled(self, position: int) -> Iterator[tuple[int, bytes]]:
        while self.written < position:  # A second at a time: gaps may be long.
            yield from self._put(self.silence * min(self.rate, position - self.written))

    def _put(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        count = len(data) // len(self.silence)
        if count:
            yield self.written, data[: count * len(self.silence)]
            self.written += count
