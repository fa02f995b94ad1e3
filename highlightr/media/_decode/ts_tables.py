"""Where the tables of a transport stream begin that come before a recording's first packets.

In: a file and a byte at which a packet begins. Out: the byte at which the packets before it begin that carry no sound
or picture, such as PAT and PMT.
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

_SYNC = 0x47
_PACKET_BYTES = (188, 192, 204)
"""Plain, with a time stamp (.m2ts), with error correction."""
_MOST_PACKETS = 64


def before_tables(path: Path, position: int, pids: Set[int]) -> int:
    """Go back over packets that belong to none of the streams with these PIDs."""
    read_from = max(0, position - _MOST_PACKETS * _PACKET_BYTES[-1])
    with path.open("rb") as file:
        file.seek(read_from)
        data = file.read(position - read_from + 1)
    if len(data) <= position - read_from or data[-1] != _SYNC:
        return position
    size = next((size for size in _PACKET_BYTES if _all_begin(data, size)), None)
    at = len(data) - 1
    while size is not None and at >= size and data[at - size] == _SYNC and _pid(data, at - size) not in pids:
        at -= size
    return read_from + at


def _all_begin(data: bytes, size: int) -> bool:
    """Whether packets of this size lie before the last byte."""
    return len(data) > size and all(data[at] == _SYNC for at in range(len(data) - 1, -1, -size))


def _pid(data: bytes, at: int) -> int:
    return (data[at + 1] & 0x1F) << 8 | data[at + 2]
