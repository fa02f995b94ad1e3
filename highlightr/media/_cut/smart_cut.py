"""A smart cut: exact to the frame, and most pictures copied as they are.

What lies before the first usable keyframe of a piece is encoded anew, and what lies behind the last picture that can be
copied; the sound as in an exact cut. In: a probed source and spans. Out: what an exact cut would be but for the
pictures' bytes, or a `NotSmartError` that says why not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from highlightr.core.errors import CutError, not_written
from highlightr.core.progress import Advance
from highlightr.media._container.av_types import InputContainer, Packet
from highlightr.media._container.opening import file_url, reading
from highlightr.media._cut.codecs import container, last_durations, sound_codec
from highlightr.media._cut.colour import ColourPlan
from highlightr.media._cut.copy_cut import decode_times
from highlightr.media._cut.exact_cut import expected
from highlightr.media._cut.extras import extras_folder, join
from highlightr.media._cut.h264 import H264Splice
from highlightr.media._cut.hevc import HevcSplice
from highlightr.media._cut.inputs import batches, concat_input, take_input
from highlightr.media._cut.not_kept import not_kept
from highlightr.media._cut.output_plan import CutJob, OutputPlan, plan_encoded
from highlightr.media._cut.picture import picture_graph
from highlightr.media._cut.plan import GUARD_SECONDS, Take, decimal
from highlightr.media._cut.result import CutResult, Method, Piece
from highlightr.media._cut.smart_plan import Stretch, copyable, plan_stretches
from highlightr.media._cut.sound import sound_arguments
from highlightr.media._cut.splice import NotSmartError, Splice
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.media.verify import check_video

_SPLICES: dict[str, Callable[[Any], Splice]] = {"h264": H264Splice, "hevc": HevcSplice}
"""Codec to what splices it."""

_TIME_BASE = Fraction(1, 90_000)
_SAME_SECONDS = Fraction(2, 1000)
"""Matroska rounds to a millisecond."""


def write_smart(job: CutJob) -> CutResult:
    """Copy what can be, encode the rest, and make sure that the file holds all of it.

    Raises:
        NotSmartError: this source or these choices ask for pictures that are all encoded anew, or a check failed.
        CutError: ffmpeg failed, or no span has a picture.
    """
    source, output = job.source, job.output
    if source.video.codec not in _SPLICES:
        raise NotSmartError(f"only H.264 and HEVC are, not {source.video.codec}")
    plan = plan_encoded(job)
    if job.options.fade or plan.burned is not None:
        raise NotSmartError("its pictures are to fade, or to be drawn on")
    _check(plan)
    with reading(source.path) as container:
        splice = _SPLICES[source.video.codec](container.streams[source.video.index])
        stretches = plan_stretches(container, source, plan.takes, splice)
    if not any(stretch.is_copied for stretch in stretches):
        raise NotSmartError("no chosen span holds a keyframe with enough pictures behind it")
    _Writer(plan, splice).write(stretches, output, job.progress)
    starts = [float(stretch.take.offset) for stretch in stretches]
    verdict = check_video(output, replace(expected(plan), starts=starts))
    if not verdict.is_as_planned:
        raise NotSmartError(verdict.fault or f"{len(verdict.missing)} pictures are missing in what was written")
    notes = (*plan.time_notes, *plan.notes, *not_kept(plan, output))
    return CutResult(output, tuple(_counted(plan.pieces, stretches)), notes=notes)


def _check(plan: OutputPlan) -> None:
    """Refuse what filters would change, and what is not proven, with a `NotSmartError` that says what it is."""
    picture = plan.contents.picture
    if plan.colour.deinterlace:
        raise NotSmartError("its pictures are interlaced")
    if picture.hdr is not None or picture.dolby_vision is not None:
        raise NotSmartError("its pictures have high dynamic range")
    if plan.shapes:
        raise NotSmartError("its pictures change their size or colours")
    if plan.source.video.dated_when_decoded:
        raise NotSmartError("it does not say when its pictures are shown")
    if len(plan.takes) > len(plan.pieces):
        raise NotSmartError("its clock jumps within a chosen span")


def _counted(pieces: Sequence[Piece], stretches: Sequence[Stretch]) -> Iterator[Piece]:
    """The pieces, with how many pictures of each were written in which way."""
    for number, piece in enumerate(pieces):
        copied = sum(len(one.order) for one in stretches if one.is_copied and one.take.piece == number)
        encoded = piece.encoded_pictures - copied
        method: Method = "encoded" if not copied else "smart" if encoded else "copied"
        yield replace(piece, method=method, copied_pictures=copied, encoded_pictures=encoded)


@dataclass(frozen=True)
class _Writer:
    """Encodes what has to be, puts all pictures one after the other, and adds the sound and what comes along."""

    plan: OutputPlan
    splice: Splice

    def write(self, stretches: Sequence[Stretch], output: Path, progress: Advance | None) -> None:
        """Write the file.

        Raises:
            NotSmartError: the source, or what the encoder makes of it, is not as planned.
            CutError: ffmpeg failed, or there is no room.
        """
        plan, seconds = self.plan, float(self.plan.seconds)
        with extras_folder(output) as folder:
            encoded = self._encode(stretches, folder, progress)
            pictures = folder / "pictures.mp4"
            self._write_pictures(list(_ordered(stretches, encoded)), encoded, pictures)
            sounds = self._sounds(folder)
            inputs = ["-protocol_whitelist", "file", "-i", file_url(pictures), *sounds]
            mapped = [*(["-map", "1:a"] if sounds else []), *last_durations(max(plan.shown), seconds)]
            mapped += sound_codec(plan.sound)
            join(plan, output, folder, inputs, mapped, is_hevc=plan.source.video.codec == "hevc")
            if progress is not None:
                progress(seconds, seconds)

    def _encode(self, stretches: Sequence[Stretch], folder: Path, progress: Advance | None) -> list[Path]:
        """Files that hold the pictures which are encoded anew, in order; all that follows takes little time."""
        takes = [stretch.take for stretch in stretches if not stretch.is_copied]
        total, seconds = sum(len(take.frames) for take in takes), float(self.plan.seconds)
        coded = self.splice.encoder(_reordering(stretches))
        labelled = replace(self.plan, colour=ColourPlan(filters=tuple(self.splice.pictures.filters())))
        parts: list[Path] = []
        done = 0
        for run in batches(self.plan, takes):
            # The lengths of MP4, counted in decode times, would hide the last picture where some are out of order.
            parts.append(folder / f"part{len(parts):05d}.mkv")
            arguments = [*_encode_arguments(labelled, run, coded), *container(parts[-1])]
            run_ffmpeg(arguments, progress=progress and partial(_tell, progress, seconds, total, done))
            done += sum(len(take.frames) for take in run)
        return parts

    def _write_pictures(self, stretches: Sequence[Stretch], parts: Sequence[Path], path: Path) -> None:
        """All pictures in one file, dated as in the output."""
        import av

        video = self.plan.source.video
        shown = [round(time / _TIME_BASE) for stretch in stretches for time in stretch.shown]
        decoded = decode_times(shown)
        # The lengths of MP4 are counted in decode times: the first waits as long as the last one was.
        decoded = decode_times(shown, shown[-1] - decoded[-1])
        ends = dict(pairwise([*sorted(shown), round(self.plan.seconds / _TIME_BASE)]))
        with reading(self.plan.source.path) as container:
            try:
                with av.open(file_url(path), "w", format="mp4", options={"strict": "unofficial"}) as writing:
                    outlet: Any = writing.add_stream_from_template(container.streams[video.index], opaque=True)
                    outlet.codec_context.sample_aspect_ratio = video.sample_aspect_ratio
                    header = self.splice.description(_description(parts), _reordering(stretches))
                    outlet.codec_context.extradata = header
                    outlet.time_base = _TIME_BASE
                    packets = self._packets(container, stretches, parts)
                    for (data, is_keyframe), pts, dts in zip(packets, shown, decoded, strict=True):
                        packet: Packet = av.Packet(data)
                        packet.stream, packet.time_base, packet.is_keyframe = outlet, _TIME_BASE, is_keyframe
                        packet.pts, packet.dts, packet.duration = pts, dts, ends[pts] - pts
                        writing.mux(packet)
            except av.FFmpegError as error:
                raise CutError(f"{path.parent}: {not_written(error)}") from error

    def _packets(
        self, container: InputContainer, stretches: Sequence[Stretch], parts: Sequence[Path]
    ) -> Iterator[tuple[bytes, bool]]:
        """Every picture of the output, and whether it is a keyframe."""
        encoded = _encoded(parts)
        for stretch in stretches:
            if stretch.is_copied:
                yield from self._copied(container, stretch)
                continue
            for packet in islice(encoded, len(stretch.order)):
                yield self.splice.encoded(packet), packet.is_keyframe

    def _copied(self, container: InputContainer, stretch: Stretch) -> Iterator[tuple[bytes, bool]]:
        wanted = [stretch.take.frames[place] for place in stretch.order]
        read = copyable(container, self.plan.source, stretch.take, self.splice)
        for number, time in enumerate(wanted):
            shown, packet = next(read, (None, None))
            if packet is None or shown != time:
                raise NotSmartError("it does not read the same twice")
            # The first one takes nothing from before it.
            link = None if number else self.splice.nal.broken_link(packet)
            yield self.splice.copied(link or bytes(packet)), packet.is_keyframe

    def _sounds(self, folder: Path) -> list[str]:
        """The sound of all pieces, an input of ffmpeg; PCM, because AAC gains its encoder's padding at every join."""
        if not self.plan.sound:
            return []
        parts = []
        for number, run in enumerate(batches(self.plan, self.plan.takes)):
            began, part = run[0].offset, folder / f"sound{number:05d}.mov"
            arguments = ["-copyts", *(word for take in run for word in take_input(self.plan.source, take, sound=True))]
            arguments += sound_arguments(self.plan.sound, run, range(len(run)))
            run_ffmpeg([*arguments, "-map_chapters", "-1", "-c:a", "pcm_s16le", *container(part)])
            parts.append((part, run[-1].output_stop - began))
        return concat_input(folder, parts)


def _reordering(stretches: Sequence[Stretch]) -> int:
    """How many pictures are decoded before one that is shown before them, at most."""
    return max(number - place for stretch in stretches for number, place in enumerate(stretch.order))


def _tell(progress: Advance, seconds: float, total: int, done: int, frame: int) -> None:
    """Told as the share of the summary's seconds that is the share of pictures to encode."""
    progress(seconds * min((done + frame) / total, 1.0), seconds)


def _encode_arguments(plan: OutputPlan, run: Sequence[Take], coded: list[str]) -> list[str]:
    """Of one run, up to the file that it writes."""
    began = run[0].offset
    arguments = ["-copyts"]
    # A rotation stays what the container says of all pictures, and so does what it crops.
    uncropped = ["-apply_cropping", "codec"] if any(plan.source.video.crop) else []
    for take in run:
        arguments += ["-noautorotate", *uncropped, *take_input(plan.source, take)]
    arguments += ["-filter_complex", picture_graph(plan, run), "-map", "[v]"]
    keyframes = [take.shown[0] - began - GUARD_SECONDS for take in run]
    arguments += ["-force_key_frames:v:0", ",".join(map(decimal, keyframes)), *coded]
    return [*arguments, "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-map_chapters", "-1"]


def _ordered(stretches: Sequence[Stretch], parts: Sequence[Path]) -> Iterator[Stretch]:
    """The stretches in the encoder's order of pictures; a `NotSmartError` where these are not as planned."""
    encoded = (((packet.pts or 0) * packet.time_base, packet.is_keyframe) for packet in _encoded(parts))
    for stretch in stretches:
        if stretch.is_copied:
            yield stretch
            continue
        packets = list(islice(encoded, len(stretch.order)))
        times = sorted(time for time, _ in packets)
        planned = [time - stretch.take.offset for time in stretch.take.shown]
        if len(set(times)) < len(planned) or packets[0] != (times[0], True):
            raise NotSmartError("some of its pictures cannot be decoded")
        if any(abs(time - times[0] - due) > _SAME_SECONDS for time, due in zip(times, planned, strict=True)):
            raise NotSmartError("some of its pictures decode to another time")
        yield replace(stretch, order=tuple(times.index(time) for time, _ in packets))
    if next(encoded, None) is not None:
        raise NotSmartError("it decodes to other pictures than planned")


def _encoded(parts: Sequence[Path]) -> Iterator[Packet]:
    for part in parts:
        with reading(part) as container:
            yield from (packet for packet in container.demux(container.streams.video[0]) if packet.size)


def _description(parts: Sequence[Path]) -> bytes:
    """The header of what was encoded; empty where nothing was."""
    headers = set()
    for part in parts:
        with reading(part) as container:
            headers.add(bytes(container.streams.video[0].codec_context.extradata or b""))
    if len(headers) > 1:
        raise NotSmartError("what the encoder writes differs")
    return headers.pop() if headers else b""
