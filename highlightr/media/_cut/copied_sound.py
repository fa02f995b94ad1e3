"""Sound that is copied: uncompressed, it is cut to the sample; of other codecs it must not change within a track.

Gaps of uncompressed sound are filled, because QuickTime knows no times of its packets. In: packets, each with its time
in the output. Out: bytes that follow each other without a gap; whether codec, rate or channels change, by the headers
that some codecs repeat in every packet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from highlightr.core.source import AudioStream

_PCM = re.compile(r"pcm_(?:[sf](8|16|24|32|64)(?:le|be)?|(?:u8|alaw|mulaw))")
"""FFmpeg's names, and the bits of a sample; eight where they are not told."""

_SILENCE = {"pcm_u8": b"\x80", "pcm_alaw": b"\xd5", "pcm_mulaw": b"\xff"}
"""A sample of it, where that is not zero."""

_SAME_SECONDS = Fraction(1, 100)
"""Packets of one piece that are this near to each other follow without a gap: containers round their times."""

_HEADERS = {"aac": "aac", "mp1": "mpeg", "mp2": "mpeg", "mp3": "mpeg", "ac3": "ac3"}
"""What the header looks like, by FFmpeg's name of the codec."""
_HEADER_BYTES = 8
_LEAST_BYTES = 7

_ADTS_MASKS = (0xFF, 0xF6, 0xFD, 0xC0)
"""Sync word and layer; profile, rate and channels."""
_MPEG_MASKS = (0xFF, 0xFE, 0x0C, 0xC0)
"""Sync word, version and layer; rate; channels."""
_JOINT_STEREO = 0x40


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
        match = _PCM.fullmatch(track.codec)
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


class SoundHeaders:
    """Compares the packets of one track with the first of them, and with the codec that the container names."""

    def __init__(self, codec: str) -> None:
        self._kind = _HEADERS.get(codec)
        self._first: tuple[str, bytes] | None = None

    def has_changed(self, packet: Any) -> bool:
        """Whether this packet differs; those of another recording may be of another codec."""
        found = None if self._kind is None else _format(bytes(memoryview(packet)[:_HEADER_BYTES]))
        if found is None:
            return False
        self._first = self._first or found
        return found[0] != self._kind or found != self._first


def _format(data: bytes) -> tuple[str, bytes] | None:
    """Of AAC in ADTS, MPEG audio or AC-3: which of them, and what of the header says codec, rate and channels."""
    if len(data) < _LEAST_BYTES:
        return None
    if data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        return "aac", _masked(data, _ADTS_MASKS)
    if data[0] == 0xFF and data[1] & 0xE0 == 0xE0:
        # Stereo and joint stereo may take turns.
        mode = data[3] & ~_JOINT_STEREO & 0xFF if data[3] & 0xC0 == _JOINT_STEREO else data[3]
        return "mpeg", _masked(bytes([*data[:3], mode]), _MPEG_MASKS)
    if data[:2] == b"\x0b\x77" and data[5] >> 3 <= 10:
        return "ac3", bytes([data[4] & 0xC0, data[6] & 0xE0])
    return None


def _masked(data: bytes, masks: tuple[int, ...]) -> bytes:
    return bytes(byte & mask for byte, mask in zip(data, masks, strict=False))
