"""Ways to damage a file, each from a seeded generator: the same seed gives the same bytes.

In: the bytes of a good file. Out: other bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import numpy as np

from tests.fuzz.fields import ISO_PARENTS, box_spans, fields
from tests.fuzz.structures import STRUCTURES

Generator = np.random.Generator

ABSURD = (0, 1, 2, 0x7F, 0xFF, 0xFFFF, 0x7FFF, 10_000, 100_000_000, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 2, 2**24)

ENDS_BYTES = 2048
"""Headers lie in the first or last stretch of a file."""


def _flip(data: bytes, positions: np.ndarray, rng: Generator) -> bytes:
    changed = bytearray(data)
    for position in positions:
        changed[position] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def flip_bits(data: bytes, rng: Generator) -> bytes:
    """One to a hundred bits anywhere."""
    return _flip(data, rng.integers(len(data), size=int(2 ** rng.uniform(0, 6.7))), rng)


def flip_header(data: bytes, rng: Generator) -> bytes:
    """One to thirty bits where headers are."""
    near = rng.integers(min(ENDS_BYTES, len(data)), size=int(2 ** rng.uniform(0, 5)))
    return _flip(data, near if rng.random() < 0.5 else len(data) - 1 - near, rng)


def truncate(data: bytes, rng: Generator) -> bytes:
    """The beginning only."""
    return data[: int(rng.integers(1, len(data)))]


def lose_stretch(data: bytes, rng: Generator) -> bytes:
    """A stretch is cut out, doubled or zeroed."""
    start = int(rng.integers(len(data)))
    stop = min(len(data), start + int(2 ** rng.uniform(0, 14)))
    middle = (b"", data[start:stop] * 2, bytes(stop - start))[int(rng.integers(3))]
    return data[:start] + middle + data[stop:]


def swap_boxes(data: bytes, rng: Generator) -> bytes:
    """Boxes of one level change places or are lost; blocks do where there are no boxes."""
    spans = _levels(data)
    if not spans:
        size = int(2 ** rng.uniform(3, 11))
        parts = [data[k : k + size] for k in range(0, len(data), size)]
        one, other = rng.integers(len(parts), size=2)
        parts[one], parts[other] = parts[other], parts[one]
        return b"".join(parts)
    level = spans[int(rng.integers(len(spans)))]
    parts = [data[begin:end] for _, begin, end in level]
    if rng.random() < 0.3:
        del parts[int(rng.integers(len(parts)))]
    else:
        one, other = rng.integers(len(parts), size=2)
        parts[one], parts[other] = parts[other], parts[one]
    return data[: level[0][1]] + b"".join(parts) + data[level[-1][2] :]


def _levels(data: bytes, start: int = 0, stop: int | None = None) -> list[list[tuple[bytes, int, int]]]:
    if start == 0 and data[4:8] not in (b"ftyp", b"moov"):
        return []
    here = box_spans(data, start, stop)
    inner = [_levels(data, begin + 8, end) for kind, begin, end in here if kind in ISO_PARENTS]
    return [here, *(level for levels in inner for level in levels)] if here else []


def absurd_numbers(data: bytes, rng: Generator) -> bytes:
    """One to four numbers of the headers become extreme."""
    changed, known = bytearray(data), fields(data)
    names = sorted({field.name for field in known})
    for _ in range(int(rng.integers(1, 5))):
        name = names[int(rng.integers(len(names)))]
        same = [field for field in known if field.name == name]
        field = same[int(rng.integers(len(same)))]
        value = ABSURD[int(rng.integers(len(ABSURD)))] if rng.random() < 0.8 else int(rng.integers(2**32))
        packed = struct.pack(">Q", value if field.size > 2 else value & 0xFFFF)[-field.size :]
        if data[:4] == b"RIFF":
            packed = packed[::-1]
        changed[field.offset : field.offset + field.size] = packed.rjust(field.size, b"\0")
    return bytes(changed)


MUTATIONS: Mapping[str, Callable[[bytes, Generator], bytes]] = {
    "bit flips": flip_bits,
    "header flips": flip_header,
    "truncation": truncate,
    "lost stretch": lose_stretch,
    "swapped boxes": swap_boxes,
    "absurd numbers": absurd_numbers,
    **STRUCTURES,
}

_ORDER = (*MUTATIONS, "absurd numbers", "absurd numbers", "header flips")
"""The more telling kinds come more often."""


def mutate(data: bytes, rng: Generator) -> tuple[str, bytes]:
    """Name of the kind, and the damaged bytes."""
    kind = _ORDER[int(rng.integers(len(_ORDER)))]
    return kind, MUTATIONS[kind](data, rng)
