"""Packets of a source on its time line, from wherever copying needs them.

In: an open file. Out: packets with their display times in exact seconds (`Fraction`) from zero; and the groups that
they form, each from one keyframe up to the next in decode order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from highlightr.core.errors import CutError
from highlightr.core.types import Source
from highlightr.media._container.opening import packets, reading, start_seconds
from highlightr.media._decode.frame_index import has_own_index, on_one_time_line
from highlightr.media._decode.frame_scan import read_frame_index
from highlightr.media._decode.nal import NalReader
from highlightr.media._decode.timestamps import Stamps

if TYPE_CHECKING:
    import av
    from av.container import InputContainer


@dataclass(frozen=True)
class Gop:
    """A keyframe and all that follows it in decode order, up to the next one."""

    start: Fraction
    """When the keyframe is shown."""
    lead: Fraction
    """When the first of its pictures is shown: those that lead an open group come before the keyframe."""
    is_fresh: bool
    """Whether nothing from the keyframe on refers to anything before it."""
    is_clean: bool
    """Whether the pictures from the keyframe on come out right where decoding begins with it."""


@dataclass(frozen=True)
class Read:
    """A packet and when it is shown or heard."""

    packet: av.Packet[Any]
    shown: Fraction


class PacketReader:
    """Reads one open file from a time on, as often as needed.

    Raises:
        CutError: the container does not say when pictures are shown.
    """

    def __init__(self, container: InputContainer, source: Source) -> None:
        self._container, self._source = container, source
        self._zero = start_seconds(container)
        self.video: Any = container.streams[source.video.index]
        self._nal = NalReader.of(self.video.codec_context)
        self._index = None if has_own_index(source.container) else read_frame_index(source.path)
        if self._index is not None and self._index.delay:
            raise CutError(f"{source.path}: does not say when its pictures are shown; leave out --copy, or remux it")

    def packets_from(self, seconds: Fraction, indices: Sequence[int]) -> Iterator[Read]:
        """Packets of some streams, from a keyframe at or before a time on; from the beginning if there is no index."""
        if self._index is None:
            Stamps(self._container, self.video).seek(seconds)
            yield from self._timed(packets(self._container, *(self._container.streams[index] for index in indices)))
            return
        with reading(self._source.path) as again:
            read = packets(again, *(again.streams[index] for index in indices))
            yield from self._timed(on_one_time_line(self._index, again, read))

    def groups_from(self, seconds: Fraction) -> Iterator[Gop]:
        """The groups of the video, from one at or before a time on."""
        keyframe: Read | None = None
        lead = Fraction(0)
        for read in self.packets_from(seconds, [self.video.index]):
            if read.packet.is_keyframe:
                if keyframe is not None:
                    yield self._group(keyframe, lead)
                keyframe, lead = read, read.shown
            lead = min(lead, read.shown)
        if keyframe is not None:
            yield self._group(keyframe, lead)

    def _group(self, keyframe: Read, lead: Fraction) -> Gop:
        is_fresh = self._nal.begins_afresh(keyframe.packet)
        return Gop(keyframe.shown, lead, is_fresh, is_fresh or self._nal.frames_to_recover(keyframe.packet) == 0)

    def _timed(self, read: Iterator[av.Packet[Any]]) -> Iterator[Read]:
        for packet in read:
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None and packet.size and not packet.is_discard:
                packet.pts = stamp
                yield Read(packet, stamp * packet.time_base - self._zero)
