"""Where a video stream may be taken apart, so that each part decodes on its own.

In: packets in file order. Out: whether nothing from this packet on refers to anything before it, and whether a decoder
that has not seen what came before knows all that it has to. Only H.264 and HEVC are taken apart, and only where the
file's header describes the stream; anything else is one piece.
"""

from __future__ import annotations

from typing import Any

from highlightr.media._container.av_types import Packet
from highlightr.media._decode.nal import NalReader

LEAST_PACKETS = 32
"""A shorter group goes on into the next one: to begin costs the time of a few frames."""


class GopBoundaries:
    """Looks at every packet of one stream, in order."""

    def __init__(self, context: Any) -> None:
        self._nal = NalReader.of(context)
        self.is_one_piece = not self._nal.is_described
        """Whether no group begins any more."""
        self._parameter_sets: set[bytes] = set()
        """All that packets have brought along so far, beside those of the header."""
        self._length = 0
        self.latest_pts: int | None = None
        """Of the packets that were looked at."""

    def lies_before(self, packet: Packet) -> bool:
        """Look at the next packet: whether a group of pictures begins with it."""
        brought = self._nal.parameter_sets(packet)
        self._parameter_sets |= brought
        # Another header in mid-stream is told to the decoder of the packet that it comes with, and to no other.
        self.is_one_piece |= packet.has_sidedata("new_extradata")
        latest = self.latest_pts
        begins = (
            not self.is_one_piece
            and self._length >= LEAST_PACKETS
            # One without a date, or dated back, is damage.
            and packet.pts is not None
            and latest is not None
            and packet.pts > latest
            and brought == self._parameter_sets
            and self._nal.begins_afresh(packet)
        )
        self._length = 1 if begins else self._length + 1
        if packet.pts is not None:
            self.latest_pts = packet.pts if latest is None else max(latest, packet.pts)
        return begins
