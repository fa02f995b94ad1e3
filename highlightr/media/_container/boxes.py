"""How many samples an MP4 or QuickTime header promises, counted before FFmpeg sets memory aside for each.

In: a file. Out: nothing, or the `MediaError`; in passing, where another was appended. FFmpeg makes an index of some
30 bytes per sample of every track while it opens such a file; sizes that are all the same need no table, so a few bytes
can promise billions. Files in other formats pass: read as boxes they make no sense, and end at once.

Source: ISO 14496-12, 4.2 (boxes), 8.7.3 (stsz, stz2), 8.8.8 (trun), 8.6.6 (elst); QuickTime file format (cmov).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO

from highlightr.core.errors import MediaError
from highlightr.core.hashing import FileIdentity

ALWAYS_FINE = 1 << 22
"""Entries that any file may promise: 130 MB of index. A day of 30 pictures and 47 blocks of sound a second has 6.7 M,
and far more bytes than that."""

MOST_BOXES = 1 << 22
"""In one file; a recording in fragments of a single picture has some ten per picture."""

_DEEPEST = 12
_HEADER_BYTES = 8
_LARGE_HEADER_BYTES = 16
_LEAVES = frozenset({b"mdat", b"free", b"skip", b"wide", b"ftyp"})
"""Boxes that hold no others; every other one is looked into, because FFmpeg is not strict about where it finds them."""

_COUNT_AT = {b"stsz": 8, b"stz2": 8, b"trun": 4, b"elst": 4}
"""Where the number of entries stands behind a box's header."""


def check_tables(path: Path) -> None:
    """Refuse a file whose header promises far more samples than the file has bytes.

    Raises:
        MediaError: that, too many boxes, or a header that is itself compressed; the file cannot be read.
    """
    try:
        reason, *_ = _walked(path, FileIdentity.of(path))
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); give a complete video file") from error
    if reason is not None:
        raise MediaError(f"{path}: {reason}; remux it (ffmpeg -i IN -c copy OUT) if it comes from a source you trust")


@lru_cache(maxsize=64)
def _walked(path: Path, identity: FileIdentity) -> tuple[str | None, int | None, int]:
    """Why a file is refused, where an appended one begins, and how many edits its longest list has.

    A video is opened several times and walked once.
    """
    samples, edits, boxes, headers, size_bytes = 0, 1, 0, 0, identity.size_bytes
    appended: int | None = None
    with path.open("rb") as file:
        for kind, begin, _ in _boxes(file, 0, size_bytes, 0):
            boxes += 1
            if boxes > MOST_BOXES:
                return f"its header has more than {MOST_BOXES} boxes", None, 1
            if kind == b"cmov":
                return "its header is compressed, which is not read", None, 1
            headers += kind == b"moov"
            if kind == b"ftyp" and headers == 1:
                appended = begin - _HEADER_BYTES
            if kind in _COUNT_AT:
                file.seek(begin + _COUNT_AT[kind])
                count = int.from_bytes(file.read(4), "big")
                # An edit may repeat every sample of its track.
                samples, edits = (samples, max(edits, count)) if kind == b"elst" else (samples + count, edits)
    if samples * edits > max(ALWAYS_FINE, size_bytes):
        return f"its header promises {samples * edits} samples, more than {size_bytes} bytes can hold", None, 1
    return None, appended if headers > 1 else None, edits


def appended_file(path: Path) -> int | None:
    """The byte at which another MP4 file begins that was appended byte by byte; FFmpeg reads the first alone."""
    return _walked(path, FileIdentity.of(path))[1]


def num_edits(path: Path) -> int:
    """How many spans of a track are shown one after the other, at most, where a file has edit lists; 1 of any other."""
    return _walked(path, FileIdentity.of(path))[2]


def _boxes(file: IO[bytes], start: int, stop: int, depth: int) -> Iterator[tuple[bytes, int, int]]:
    """Every box of a span at any depth: (type, first byte behind its header, byte after the last)."""
    while start + _HEADER_BYTES <= stop:
        file.seek(start)
        header = file.read(_LARGE_HEADER_BYTES)
        if len(header) < _HEADER_BYTES:
            return
        size, kind = struct.unpack_from(">I4s", header)
        behind = _HEADER_BYTES
        if size == 1 and len(header) == _LARGE_HEADER_BYTES:
            size, behind = int.from_bytes(header[8:], "big"), _LARGE_HEADER_BYTES
        size = size or stop - start  # Zero: to the end.
        if size < behind:
            return
        end = min(start + size, stop)
        yield kind, start + behind, end
        if kind not in _LEAVES and kind not in _COUNT_AT and depth < _DEEPEST:
            yield from _boxes(file, start + behind, end, depth + 1)
        start += size
