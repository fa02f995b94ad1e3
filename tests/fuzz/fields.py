"""Where the numbers stand that a media file's reader believes: sizes, durations, rates, counts.

In: the bytes of a file. Out: `Field`s, found by walking boxes (ISO 14496-12), elements (Matroska) and chunks (AVI);
for other formats, every aligned word of the beginning.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

ISO_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"edts", b"mvex", b"moof", b"traf"})

ISO_NUMBERS = frozenset(
    {b"mvhd", b"tkhd", b"mdhd", b"elst", b"stts", b"ctts", b"stsz", b"stsc", b"stco", b"co64", b"stss", b"stsd"}
    | {b"trun", b"tfhd", b"tfdt", b"trex", b"mehd", b"sidx", b"hdlr", b"dref", b"vmhd", b"smhd"}
)

MOST_WORDS = 40
"""Fields of one box: what follows are the rows of a table."""

MATROSKA = {
    b"\x44\x89": "duration",
    b"\x2a\xd7\xb1": "timestamp scale",
    b"\x23\xe3\x83": "default duration",
    b"\xb0": "width",
    b"\xba": "height",
    b"\x54\xb0": "shown width",
    b"\x54\xba": "shown height",
    b"\xb5": "sample rate",
    b"\x9f": "channels",
    b"\xe7": "cluster time",
    b"\xd7": "track number",
    b"\x83": "track type",
    b"\x9b": "block duration",
    b"\x56\xaa": "codec delay",
}

AVI_WORDS = {b"avih": 14, b"strh": 14, b"strf": 12, b"idx1": 8}
"""Chunk to how many 32-bit words of it are numbers."""

HEAD_BYTES = 512


@dataclass(frozen=True)
class Field:
    """A number in a file."""

    name: str
    offset: int
    size: int
    """Bytes."""


def fields(data: bytes) -> list[Field]:
    """Every number that is known to the format, else every word of the head."""
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        found = list(_iso(data))
    elif data[:4] == b"\x1a\x45\xdf\xa3":
        found = list(_matroska(data))
    elif data[:4] == b"RIFF":
        found = list(_avi(data))
    else:
        found = []
    return found or [Field("head", offset, 4) for offset in range(0, min(HEAD_BYTES, len(data) - 4), 2)]


def box_spans(data: bytes, start: int = 0, stop: int | None = None) -> list[tuple[bytes, int, int]]:
    """The boxes of a span: (type, first byte, byte after the last), headers included."""
    stop, found = len(data) if stop is None else stop, []
    while start + 8 <= stop:
        size, kind = struct.unpack_from(">I4s", data, start)
        end = min(start + size, stop) if size >= 8 else stop
        found.append((kind, start, end))
        start = end
    return found


def _iso(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[Field]:
    for kind, begin, end in box_spans(data, start, stop):
        if kind in ISO_PARENTS:
            yield from _iso(data, begin + 8, end)
        elif kind in ISO_NUMBERS:
            step = 2 if kind == b"stsd" else 4  # Width, height and the sample rate are 16-bit fields.
            for offset in range(begin + 8, min(end - 3, begin + 8 + MOST_WORDS * step), step):
                yield Field(kind.decode(), offset, step)
        if kind != b"mdat":
            yield Field(f"size of {kind.decode('latin-1')}", begin, 4)


def _matroska(data: bytes) -> Iterator[Field]:
    for code, name in MATROSKA.items():
        position = data.find(code)
        while 0 <= position < len(data) - len(code) - 9:
            size = data[position + len(code)]
            if 0x81 <= size <= 0x88:
                yield Field(name, position + len(code) + 1, size - 0x80)
            position = data.find(code, position + 1)


def _avi(data: bytes) -> Iterator[Field]:
    for kind, words in AVI_WORDS.items():
        position = data.find(kind)
        while position >= 0:
            for k in range(-1, words):  # -1 is the chunk's own size.
                if position + 8 + 4 * k + 4 <= len(data):
                    yield Field(kind.decode(), position + 8 + 4 * k, 4)
            position = data.find(kind, position + 4)
