"""Where to cut by copying: each boundary moved outwards to where decoding can begin and end.

In: spans in seconds from time zero. Out: `Piece`s, of the groups of pictures that the source's packets form, each from
one keyframe up to the next in decode order. A piece begins at the last keyframe at or before its start from which
decoding is clean, and ends before the first picture that needs a keyframe at or after its stop, so that nothing is left
that cannot be decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from highlightr.core.errors import CutError
from highlightr.core.source import Source
from highlightr.media._container.av_types import InputContainer, Packet
from highlightr.media._container.opening import packets, reading, start_seconds
from highlightr.media._cut.result import Piece
from highlightr.media._decode.frame_index import BY_BYTES, on_one_time_line
from highlightr.media._decode.frame_scan import frame_index
from highlightr.media._decode.nal import NalReader
from highlightr.media._decode.timestamps import STEPS_BACK_SECONDS, seek, timed

SLACK = Fraction(1, 100_000)
"""Times of pieces are floats; a frame due at a boundary falls on its right side."""

_APART_SECONDS = 5
"""Sound and picture of the same time lie no further apart in a file that is read from any byte on."""


def bounds(start: float, stop: float) -> tuple[Fraction, Fraction]:
    """Between which times pictures belong to a piece that begins and ends at frames."""
    return Fraction(start) - SLACK, Fraction(stop) - SLACK


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


class PacketReader:
    """Reads one open file from a time on, as often as needed; a `CutError` where pictures have no display times."""

    def __init__(self, container: InputContainer, source: Source) -> None:
        self._container, self._source = container, source
        self._zero = start_seconds(container)
        self.video: Any = container.streams[source.video.index]
        self.nal = NalReader.of(self.video.codec_context)
        self._index = frame_index(source.path, source.container)
        if self._index is not None and self._index.delay:
            raise CutError(f"{source.path}: does not say when its pictures are shown; leave out --copy, or remux it")
        self._is_dated_by_decoding = self._index is not None and self._index.delay is not None
        self.undated: set[Fraction] = set()
        """When those pictures are shown behind which others were read last that have no timestamp."""

    def packets_from(self, seconds: Fraction, indices: Sequence[int]) -> Iterator[tuple[Fraction, Packet]]:
        """Packets of some streams with their times, from a keyframe at or before a time on.

        From the beginning where there is no index, and reading cannot begin at any byte.
        """
        self.undated.clear()  # Of the first that are read from a byte on, some often have none.
        if self._index is None:
            seek(self._container, seconds)
            yield from self._timed(packets(self._container, *(self._container.streams[index] for index in indices)))
            return
        by_bytes = self._source.container in BY_BYTES
        first = self._index.position_before(seconds - _APART_SECONDS) if by_bytes else 0
        with reading(self._source.path) as again:
            if first:
                again.seek(first, unsupported_byte_offset=True)
            read = packets(again, *(again.streams[index] for index in indices))
            yield from self._timed(on_one_time_line(self._index, again, read))

    def _timed(self, read: Iterable[Packet]) -> Iterator[tuple[Fraction, Packet]]:
        latest = Fraction(-1)
        for packet in read:
            if not packet.size or packet.is_discard:
                continue
            packet.pts = packet.dts if packet.pts is None or self._is_dated_by_decoding else packet.pts
            is_picture = packet.stream.index == self.video.index
            if packet.pts is not None:
                shown = packet.pts * packet.time_base - self._zero
                latest = shown if is_picture else latest
                yield shown, packet
            elif is_picture:
                self.undated.add(latest)

    def whole(self, start: float, stop: float) -> tuple[float, int]:
        """Where a copy of a span ends, and how many pictures it holds: none that needs one which an edit list hides.

        Hidden are pictures that are decoded alone: in front of an edit that begins inside a group, and behind its end.
        Read from a second before, which is earlier than the copy itself is.

        Raises:
            CutError: the span goes on behind such a picture.
        """
        begin, end = bounds(start, stop)
        if self._index is not None:
            return stop, sum(begin <= time < end for time in self._index.shown(begin, end))
        seek(self._container, begin - STEPS_BACK_SECONDS[0])
        is_hidden, whole, latest_key, times = False, end, begin, list[Fraction]()
        for shown, packet in timed(packets(self._container, self.video), self._zero):
            is_hidden = packet.is_discard or (is_hidden and not packet.is_keyframe)
            if packet.is_discard:
                continue
            if packet.is_keyframe and shown >= end:
                break
            if begin <= shown < whole and is_hidden:
                whole, stop = shown, max(start, float(shown))
            elif begin <= shown < end:
                times.append(shown)
                latest_key = max(latest_key, shown) if packet.is_keyframe else latest_key
        if latest_key > whole:
            raise CutError(
                f"{self._source.path}: an edit inside it, near {float(whole):.1f} s, needs pictures that a copy would "
                f"show; leave out --copy, or choose other moments"
            )
        return stop, sum(time < whole for time in times)

    def groups_from(self, seconds: Fraction) -> Iterator[Gop]:
        """The groups of the video, from one at or before a time on; all where the file is read from its beginning."""
        return self._read_groups(seconds) if self._index is None else iter(self._groups)

    @cached_property
    def _groups(self) -> list[Gop]:
        return list(self._read_groups(Fraction(0)))

    def _read_groups(self, seconds: Fraction) -> Iterator[Gop]:
        group: Gop | None = None
        for shown, packet in self.packets_from(seconds, [self.video.index]):
            if packet.is_keyframe:
                if group is not None:
                    yield group
                is_clean = self.nal.frames_to_recover(packet) == 0
                group = Gop(shown, shown, self.nal.begins_afresh(packet), is_clean)
            elif group is not None and shown < group.lead:
                group = replace(group, lead=shown)
        if group is not None:
            yield group


def plan_copy(source: Source, spans: Sequence[tuple[float, float]]) -> tuple[Piece, ...]:
    """Move each boundary outwards to where decoding can begin and end; where pieces meet, the later one gives way.

    Raises:
        CutError: there is no keyframe to begin at.
    """
    pieces: list[Piece] = []
    offset = 0.0
    with reading(source.path) as container:
        reader = PacketReader(container, source)
        for wanted_start, wanted_stop in spans:
            is_first = not pieces
            begin = _begin(reader, Fraction(wanted_start), is_first=is_first)
            if begin is None:
                raise CutError(f"{source.path}: no keyframes to cut at; leave out --copy")
            stop = next(
                (one.lead for one in reader.groups_from(Fraction(wanted_stop)) if one.lead >= wanted_stop), None
            )
            start, end = float(begin), source.duration_seconds if stop is None else float(stop)
            if pieces and pieces[-1].wanted_stop_seconds <= wanted_start:
                start = max(start, pieces[-1].stop_seconds)
            end, count = reader.whole(start, end) if start < end else (start, 0)
            piece = Piece(wanted_start, wanted_stop, start, end, offset, "copied", copied_pictures=count)
            offset += piece.seconds
            pieces.append(piece)
    return tuple(pieces)


def _begin(reader: PacketReader, wanted: Fraction, *, is_first: bool) -> Fraction | None:
    """The last keyframe at or before a time at which a piece can begin, or else the first one after it."""
    for back in (0, *STEPS_BACK_SECONDS):
        before: Fraction | None = None
        for group in reader.groups_from(wanted - back):
            if not _can_begin(group, reader, is_first=is_first):
                continue
            if group.start > wanted:
                if before is None and wanted <= back:
                    return group.start
                break
            before = group.start
        if before is not None:
            return before
        if wanted <= back:
            break
    return next((one.start for one in reader.groups_from(Fraction(0)) if one.is_clean), None)


def _can_begin(group: Gop, reader: PacketReader, *, is_first: bool) -> bool:
    """Whether a piece can begin with a group: CRA pictures are told apart for decoders, recovery points cannot be.

    An H.264 decoder that comes from another piece still holds pictures of it, which change what later ones refer to.
    """
    return group.is_fresh or (group.is_clean and (is_first or reader.video.codec_context.name == "hevc"))
