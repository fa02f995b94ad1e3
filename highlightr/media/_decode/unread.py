"""How much of a file lies behind the last packet that FFmpeg read: another recording that was appended, or damage."""

from __future__ import annotations

from highlightr.core.source import Source
from highlightr.media._container.boxes import appended_file

_INTERLEAVED = ("flv", "ogg", "asf")
"""Containers that end in packets, or in an index that is small beside them."""

_LEAST_SHARE, _LEAST_BYTES = 0.05, 1 << 16
"""Of a file; an index, or a page of Ogg that is not complete, is less."""


def unread_percent(source: Source, end: int, *, broken_off: bool) -> int:
    """The share of a file's bytes that was not read; 0 where an index or the like may be all that is left.

    Args:
        end: the byte behind the last packet.
        broken_off: reading ended with an error.
    """
    kind, size = source.container.split(",")[0], source.size_bytes
    begin = appended_file(source.path) if kind == "mov" and not broken_off else None
    if begin is not None:
        end = begin
    elif not broken_off and kind not in _INTERLEAVED:
        return 0
    unread = size - end
    return round(100 * unread / size) if unread >= max(_LEAST_BYTES, _LEAST_SHARE * size) else 0
