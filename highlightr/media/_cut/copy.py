"""Cutting by copying packets: fast and without loss, at keyframes.

A piece begins at the last keyframe at or before its start and ends before the first keyframe at or after its
stop: always whole groups of pictures, so that nothing is left that cannot be decoded. Only keyframes that begin
afresh count (IDR pictures): behind any other one, a decoder would look for pictures of the piece before.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from highlightr.core.errors import CutError
from highlightr.core.types import Source
from highlightr.media._container.opening import file_url, packets, reading, start_seconds
from highlightr.media._cut.codecs import HVC1, container, frame_rate
from highlightr.media._cut.extras import extras_folder, make_extras
from highlightr.media._cut.output_plan import OutputPlan
from highlightr.media._cut.result import Piece
from highlightr.media._decode.nal import NalReader
from highlightr.media._decode.timestamps import Stamps
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.media.outputs import MUXERS, check_suffix

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

__all__ = ["copy_pieces", "plan_copy"]

_EARLY_SECONDS = 1
"""Reading begins this much before a piece, for sound that lies before its picture in the file."""

_INTERLEAVING_SECONDS = 5
"""Reading goes on this much after a piece, for sound that lies after its picture in the file."""


def plan_copy(source: Source, spans: Sequence[tuple[float, float]]) -> tuple[Piece, ...]:
    """Move each boundary outwards to a keyframe; where pieces meet, the later one gives way.

    Raises:
        CutError: there is no keyframe to begin at.
    """
    pieces: list[Piece] = []
    offset = 0.0
    with reading(source.path) as container:
        stamps = Stamps(container, container.streams[source.video.index])
        for wanted_start, wanted_stop in spans:
            start = stamps.keyframe_before(Fraction(wanted_start)) or stamps.keyframe_after(Fraction(0))
            if start is None:
                raise CutError(f"{source.path}: no keyframes to cut at; leave out --copy")
            stop = stamps.keyframe_after(Fraction(wanted_stop))
            begin, end = float(start), source.duration_seconds if stop is None else float(stop)
            if pieces and pieces[-1].wanted_stop_seconds <= wanted_start:
                begin = max(begin, pieces[-1].stop_seconds)
            piece = Piece(wanted_start, wanted_stop, begin, max(begin, end), offset, "copied")
            offset += piece.seconds
            pieces.append(piece)
    return tuple(pieces)


def copy_pieces(
    source: Source,
    plan: OutputPlan,
    pieces: Sequence[Piece],
    output: Path,
    progress: Callable[[float, float], None] | None,
) -> None:
    """Copy the packets of every piece, then add tags, chapters and subtitles.

    Raises:
        CutError: the container cannot hold this codec, or writing failed.
    """
    with extras_folder(output) as folder:
        packets_file = folder / f"packets{output.suffix}"
        _copy_packets(source, pieces, packets_file, output, progress)
        extras = make_extras(source, plan, pieces, output, folder, 1)
        reading = ["-protocol_whitelist", "file", "-i", file_url(packets_file), *extras.inputs]
        mapped = ["-map", "0:v", *(["-map", "0:a"] if source.audio_tracks else []), "-c", "copy", *frame_rate(source)]
        is_tagged = source.video.codec == "hevc" and check_suffix(output) != MUXERS[".mkv"]
        run_ffmpeg([*reading, *mapped, *(HVC1 if is_tagged else ()), *extras.outputs, *container(output)])


def _copy_packets(
    source: Source,
    pieces: Sequence[Piece],
    packets_file: Path,
    output: Path,
    progress: Callable[[float, float], None] | None,
) -> None:
    """Pictures and sound alone."""
    import av

    muxer = check_suffix(output)
    total = sum(piece.seconds for piece in pieces)
    with reading(source.path) as container:
        try:
            with av.open(file_url(packets_file), "w", format=muxer, options={"strict": "unofficial"}) as writing:
                copier = _Copier(source, container, writing)
                for run in _runs(pieces):
                    copier.copy(run)
                    if progress is not None:
                        progress(run.output_start_seconds + run.seconds, total)
        except (av.FFmpegError, ValueError) as error:
            raise _failed(source, output, error) from error


def _failed(source: Source, output: Path, error: Exception) -> CutError:
    words = getattr(error, "strerror", None) or error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        return CutError(f"{output.name}: cannot be written ({words}); free some space or choose another place")
    return CutError(
        f"{source.path}: its {source.video.codec} stream cannot be copied into {output.suffix} ({words}); "
        f"use .mkv or leave out --copy"
    )


def _runs(pieces: Sequence[Piece]) -> list[Piece]:
    """Pieces that follow each other in the source without a gap become one, so that no frame is lost between."""
    runs: list[Piece] = []
    for piece in pieces:
        if runs and runs[-1].stop_seconds == piece.start_seconds:
            runs[-1] = replace(runs[-1], stop_seconds=piece.stop_seconds)
        else:
            runs.append(piece)
    return runs


class _Copier:
    """Copies spans of one open file to another and keeps decode times in order."""

    def __init__(self, source: Source, container: InputContainer, writing: Any) -> None:
        indices = [source.video.index, *(track.index for track in source.audio_tracks)]
        self._container = container
        self._streams = [container.streams[index] for index in indices]
        self._outlets = {
            stream.index: writing.add_stream_from_template(stream, opaque=True) for stream in self._streams
        }
        self._writing = writing
        self._video = self._streams[0]
        self._start = start_seconds(container)
        self._latest: dict[int, int] = {}
        context = self._video.codec_context
        self._nal = NalReader(context.codec.canonical_name, context.extradata)

    def copy(self, piece: Piece) -> None:
        """Write the packets of a piece, dated as in the output."""
        if piece.seconds <= 0:
            return
        stamps = Stamps(self._container, self._video)
        start, stop = Fraction(piece.start_seconds), Fraction(piece.stop_seconds)
        shift = Fraction(piece.output_start_seconds) - start - self._start
        stamps.seek(start - _EARLY_SECONDS)
        for packet, pts in self._span(start, stop):
            index = packet.stream.index
            moved = round(shift / packet.time_base)
            dts = (pts if packet.dts is None else packet.dts) + moved
            dts = max(dts, self._latest.get(index, dts - 1) + 1)
            if dts > pts + moved:
                continue
            packet.pts, packet.dts, self._latest[index] = pts + moved, dts, dts
            packet.stream = self._outlets[index]
            self._writing.mux(packet)

    def _span(self, start: Fraction, stop: Fraction) -> Iterator[tuple[av.Packet[Any], int]]:
        """Whole groups of pictures from `start`, and the sound beside them."""
        inside, ended = False, False
        slack = Fraction(1, 100_000)
        for packet in packets(self._container, *self._streams):
            if packet.pts is None or packet.is_discard:
                continue
            shown = packet.pts * packet.time_base - self._start
            if packet.stream is not self._video:
                if start - slack <= shown < stop - slack:
                    yield packet, packet.pts
            elif packet.is_keyframe and shown >= stop - slack and self._nal.begins_afresh(packet):
                ended = True
            elif not ended and shown >= start - slack:
                inside = inside or packet.is_keyframe
                if inside:
                    yield packet, packet.pts
            if shown > stop + _INTERLEAVING_SECONDS or (ended and len(self._streams) == 1):
                return
