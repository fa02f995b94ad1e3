"""A cut by copying packets: fast and without loss, at keyframes (`copy_plan`), compared with its plan.

Pictures that are shown before the first keyframe of a piece belong to the group before it, and stay out. What copying
does to the boundaries is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from highlightr.core.errors import CutError, not_written
from highlightr.core.progress import Advance
from highlightr.core.source import Source
from highlightr.media._container.av_types import InputContainer, Packet
from highlightr.media._container.opening import best_video, file_url, moving_pictures, reading
from highlightr.media._cut.codecs import last_durations
from highlightr.media._cut.copied_sound import Pcm, SoundHeaders
from highlightr.media._cut.copy_plan import PacketReader, bounds, plan_copy
from highlightr.media._cut.extras import extras_folder, join
from highlightr.media._cut.not_kept import not_kept
from highlightr.media._cut.output_plan import CutJob, OutputPlan, plan_copied
from highlightr.media._cut.result import CutResult, Piece
from highlightr.media.suffixes import MUXERS, check_suffix
from highlightr.media.verify import Planned, check_video

_NOTICED_SECONDS = 0.05

_UNHEARD_SECONDS = 0.15
"""Of the block of sound that a piece begins inside of, more is told; most codecs' blocks are shorter."""

_EARLY_SECONDS = 1
"""Reading begins this much before a piece, for sound that lies before its picture in the file."""

_TICKS_SECONDS = Fraction(1, 100)
"""More than the ticks by which decode times grow while pictures are reordered."""

_INTERLEAVING_SECONDS = 5
"""Reading goes on this much after a piece, for sound that lies after its picture in the file."""


def write_copied(job: CutJob) -> CutResult:
    """Copy the packets of the spans into a file and make sure that it holds them.

    Raises:
        CutError: the container cannot hold this codec, writing failed, or the file does not hold the pieces.
    """
    source, output = job.source, job.output
    pieces = plan_copy(source, job.spans)
    plan = copy_pieces(plan_copied(job, pieces), output, job.progress)
    starts = [piece.output_start_seconds for piece in pieces if piece.seconds > 0]
    num_pictures = sum(piece.copied_pictures for piece in pieces)
    planned = Planned(sum(piece.seconds for piece in pieces), starts, len(plan.sound), num_pictures=num_pictures)
    if fault := check_video(output, planned).fault:
        raise CutError(f"{source.path}: cannot be copied, {fault}; leave out --copy")
    _check_raw(source, output)
    notes = (*_moved(pieces), *plan.notes, *not_kept(plan, output))
    return CutResult(output, pieces, notes=notes)


def _check_raw(source: Source, output: Path) -> None:
    """Make sure that raw pictures are what they were: nothing but the container says what their bytes mean."""
    if source.video.codec != "rawvideo":
        return
    with reading(source.path) as container, reading(output) as written:
        was = best_video(container, source.path).codec_context.pix_fmt
        now = moving_pictures(written)[0].codec_context.pix_fmt
    if was != now:
        raise CutError(
            f"{source.path}: {output.suffix} cannot hold raw pictures of {was}; use .mkv or leave out --copy"
        )


def _moved(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """How far the boundaries of copied pieces moved, where a viewer would notice."""
    moved = [
        f"{number}. begins {_shift(piece.start_moved_seconds)}, ends {_shift(piece.stop_moved_seconds)}"
        for number, piece in enumerate(pieces, start=1)
        if max(abs(piece.start_moved_seconds), abs(piece.stop_moved_seconds)) >= _NOTICED_SECONDS
    ]
    total = sum(piece.seconds for piece in pieces)
    return (f"Copied at keyframes, {total:.1f} s in all: {'; '.join(moved)}.",) if moved else ()


def _shift(seconds: float) -> str:
    if abs(seconds) < _NOTICED_SECONDS:
        return "as chosen"
    return f"{abs(seconds):.1f} s {'later' if seconds > 0 else 'earlier'}"


def copy_pieces(plan: OutputPlan, output: Path, progress: Advance | None) -> OutputPlan:
    """Copy the packets of every piece, then add tags, chapters and subtitles.

    The plan comes back without audio tracks of which nothing lies in the pieces. A `CutError` where the container
    cannot hold this codec, or writing failed.
    """
    video = plan.source.video
    with extras_folder(output) as folder:
        packets_file = folder / f"packets{output.suffix}"
        copier, silent = _copy_packets(plan, packets_file, output, progress)
        places = [place for place, sound in enumerate(plan.sound) if sound.inputs[0].index in copier.met]
        is_matroska = check_suffix(output) == MUXERS[".mkv"]
        if not is_matroska:
            places = list(range(len(places)))  # A track without packets is not there at all.
        # Where positions are not told, ffmpeg would state some, and players leave out what it takes for bass.
        reading = ["-protocol_whitelist", "file", "-guess_layout_max", "2", "-i", file_url(packets_file)]
        mapped = [*(word for place in places for word in ("-map", f"0:a:{place}")), "-c:a", "copy"]
        decoded = _early_enough(copier.reordering) if is_matroska else "DTS"
        mapped += last_durations(copier.last_shown, sum(piece.seconds for piece in plan.pieces), decoded)
        if is_matroska:  # Its writer does not take the aspect from what its pictures are told to be.
            aspect = Fraction(video.width, video.height) * video.sample_aspect_ratio
            mapped += ["-aspect:v:0", f"{aspect.numerator}:{aspect.denominator}"]
        plan = _without(plan, silent)
        if copier.unheard > _UNHEARD_SECONDS:
            seconds = f"{float(copier.unheard):.1f} s"
            late = f"Copied sound may begin up to {seconds} behind its pictures: its blocks are long."
            plan = replace(plan, notes=(*plan.notes, late))
        join(plan, output, folder, reading, mapped, is_hevc=video.codec == "hevc")
    return plan


def _early_enough(reordering: Fraction) -> str:
    """Decode times for Matroska, which keeps none: as they grow, and none after it is shown.

    ffmpeg guesses them from the order of pictures, and where these have no steady rate moves pictures to fit its guess.
    """
    early = f"PTS-{float(reordering + _TICKS_SECONDS):.6f}/TB"
    return f"if(eq(N,0),{early},max(PREV_OUTDTS+1,{early}))"


def _without(plan: OutputPlan, silent: Set[int]) -> OutputPlan:
    """The plan without audio tracks, and a note for each."""
    numbers = [number for number, sound in enumerate(plan.sound, start=1) if sound.inputs[0].index in silent]
    notes = (f"Audio track {number} has no sound in the chosen moments and is left out." for number in numbers)
    kept = tuple(sound for sound in plan.sound if sound.inputs[0].index not in silent)
    return replace(plan, sound=kept, notes=(*plan.notes, *notes))


def _copy_packets(
    plan: OutputPlan, packets_file: Path, output: Path, progress: Advance | None
) -> tuple[_Copier, Set[int]]:
    """Write pictures and sound alone; what was written, and the indices of the streams that have nothing there."""
    import av

    source, pieces, muxer = plan.source, plan.pieces, check_suffix(output)
    total = sum(piece.seconds for piece in pieces)
    with reading(source.path) as container:
        try:
            with av.open(file_url(packets_file), "w", format=muxer, options={"strict": "unofficial"}) as writing:
                copier = _Copier(source, container, writing)
                runs = _runs([piece for piece in pieces if piece.seconds > 0])
                # The first picture waits to be shown for as long as the last one decoded, or longer: in MP4, where
                # lengths are counted in decode times, the last picture shown would otherwise end early.
                last = copier.display_times(runs[-1]) if runs else []
                wait = last[-1] - decode_times(last)[-1] if last else 0
                for run in runs:
                    shown = last if run is runs[-1] else copier.display_times(run)
                    copier.copy(run, decode_times(shown, wait if run is runs[0] else 0))
                    if progress is not None:
                        progress(run.output_start_seconds + run.seconds, total)
                if source.video.index not in copier.met:
                    raise CutError(f"{source.path}: no picture of the moments can be copied; leave out --copy")
                return copier, copier.silent(runs)
        except (av.FFmpegError, ValueError) as error:
            raise _failed(source, output, error) from error


def _failed(source: Source, output: Path, error: Exception) -> CutError:
    if isinstance(error, OSError):  # Not what a container does not hold, which is an invalid argument.
        return CutError(f"{output}: {not_written(error)}")
    words = getattr(error, "strerror", None) or error
    codecs = list(dict.fromkeys([source.video.codec, *(track.codec for track in source.audio_tracks)]))
    streams = f"{' and '.join(codecs)} stream{'s' if len(codecs) > 1 else ''}"
    remedy = "leave out --copy" if check_suffix(output) == MUXERS[".mkv"] else "use .mkv or leave out --copy"
    return CutError(f"{source.path}: its {streams} cannot be copied into {output.suffix} ({words}); {remedy}")


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
    """Copies spans of one open file to another, each packet with a decode time of its own."""

    def __init__(self, source: Source, container: InputContainer, writing: Any) -> None:
        self._reader, self._writing = PacketReader(container, source), writing
        self._indices = [source.video.index, *(track.index for track in source.audio_tracks)]
        self._outlets = {
            index: writing.add_stream_from_template(container.streams[index], opaque=True) for index in self._indices
        }
        # A container's word on the aspect counts before that of its pictures.
        self._outlets[source.video.index].codec_context.sample_aspect_ratio = source.video.sample_aspect_ratio
        self._latest: dict[int, int] = {}
        self._headers = {track.index: SoundHeaders(track.codec) for track in source.audio_tracks}
        self._pcm = {track.index: pcm for track in source.audio_tracks if (pcm := Pcm.of(track)) is not None}
        self._path = source.path
        self.last_shown = Fraction(0)
        """When the last picture so far is shown in the output."""
        self.reordering = Fraction(0)
        """Seconds by which a picture is shown before one that is decoded earlier, at most."""
        self.unheard = Fraction(0)
        """Seconds of sound at the beginning of a piece whose packet begins before it, at most."""

    @property
    def met(self) -> Set[int]:
        """Indices of the source's streams of which something was written."""
        return self._latest.keys()

    def silent(self, runs: Sequence[Piece]) -> set[int]:
        """Those of which nothing is heard in the pieces, however far from the pictures it may lie in the file."""
        missing = [index for index in self._indices if index not in self._latest]
        spans = [bounds(run.start_seconds, run.stop_seconds) for run in runs]
        found = self._reader.packets_from(Fraction(0), missing) if missing else ()
        return set(missing) - {packet.stream.index for time, packet in found if any(a <= time < b for a, b in spans)}

    def copy(self, piece: Piece, decoded_at: Sequence[int]) -> None:
        """Write the packets of a piece, dated as in the output; its pictures are decoded at the times given."""
        start, stop = bounds(piece.start_seconds, piece.stop_seconds)
        video = self._indices[0]
        decoded = iter(decoded_at)
        output_start = Fraction(piece.output_start_seconds)
        joins = output_start > 0
        for pcm in self._pcm.values():
            pcm.begin(output_start, output_start + Fraction(piece.seconds))
        for time, packet in self._span(self._indices, start - _EARLY_SECONDS, start, stop):
            index = packet.stream.index
            shown = time - Fraction(piece.start_seconds) + output_start
            if index in self._pcm:
                self._write_pcm(index, bytes(packet), shown)
                continue
            pts = dts = round(shown / packet.time_base)
            if index == video:
                dts += next(decoded, packet.pts or 0) - (packet.pts or 0)
                self.last_shown = max(self.last_shown, shown)
                self.reordering = max(self.reordering, self.last_shown - shown)
                packet, joins = (self._spliced(packet) if joins else packet), False
            elif self._headers[index].has_changed(packet):
                raise CutError(
                    f"{self._path}: its sound changes its codec, rate or channels at {float(shown):.1f} s of the "
                    f"summary, which copied packets cannot; leave out --copy"
                )
            self._write(packet, index, pts, dts)
        if any(start <= time < stop for time in self._reader.undated):
            raise CutError(
                f"{self._path}: pictures without timestamps lie between {piece.start_seconds:.1f} and "
                f"{piece.stop_seconds:.1f} s, which cannot be copied; convert the video, or choose other moments"
            )

    def display_times(self, piece: Piece) -> list[int]:
        """The display times of its pictures, in decode order."""
        start, stop = bounds(piece.start_seconds, piece.stop_seconds)
        return [packet.pts or 0 for _, packet in self._span(self._indices[:1], start, start, stop)]

    def _spliced(self, packet: Packet) -> Packet:
        """The first picture behind a join: a CRA picture is told to be a BLA, which nothing before it belongs to."""
        import av

        data = self._reader.nal.broken_link(packet)
        if data is None:
            return packet
        other: Packet = av.Packet(data)
        other.time_base, other.duration, other.is_keyframe = packet.time_base, packet.duration, True
        return other

    def _write(self, packet: Packet, index: int, pts: int, dts: int) -> None:
        dts = min(max(dts, self._latest.get(index, dts - 1) + 1), pts)
        packet.pts, packet.dts, self._latest[index] = pts, dts, dts
        packet.stream = self._outlets[index]
        self._writing.mux(packet)

    def _write_pcm(self, index: int, data: bytes, shown: Fraction) -> None:
        import av

        pcm = self._pcm[index]
        for position, part in pcm.push(data, shown):
            packet: Packet = av.Packet(part)
            packet.time_base = Fraction(1, pcm.rate)
            packet.duration = round(pcm.seconds(len(part)) * pcm.rate)
            self._write(packet, index, position, position)

    def _span(
        self, indices: Sequence[int], early: Fraction, start: Fraction, stop: Fraction
    ) -> Iterator[tuple[Fraction, Packet]]:
        """Packets that are shown or heard between two times, in file order."""
        for time, packet in self._reader.packets_from(early, indices):
            pcm = self._pcm.get(packet.stream.index)
            lasts = Fraction(0) if pcm is None else pcm.seconds(packet.size)
            if start <= time + lasts and time < stop:
                yield time, packet
            elif time < start and packet.stream.index != self._indices[0]:
                block = (packet.duration or 0) * packet.time_base
                self.unheard = max(self.unheard, time + block - start)
            elif time > stop + _INTERLEAVING_SECONDS and packet.stream.index == self._indices[0]:
                # Sound alone does not end it: the last picture of a transport stream is read at the file's end.
                return


def decode_times(shown: Sequence[int], first_wait: int = 0) -> list[int]:
    """When pictures (display times in decode order) are decoded, none after it is shown: sorted, and as late as can be.

    `first_wait`: how long before it is shown the first one is decoded, at least.
    """
    order = sorted(shown)
    ranks = {time: rank for rank, time in enumerate(order)}
    delay = max([0, *(place - ranks[time] for place, time in enumerate(shown))])
    steps = [later - earlier for earlier, later in pairwise(order) if later > earlier]
    step = min(steps, default=1)
    before = [order[0] - step * (delay - place) for place in range(min(delay, len(order)))]
    decoded = [*before, *order[: len(order) - len(before)]]
    if decoded:
        decoded[0] = min(decoded[0], shown[0] - first_wait)
    return decoded
