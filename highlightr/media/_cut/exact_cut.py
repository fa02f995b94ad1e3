"""An exact cut, compared with its plan: every picture encoded, or only those that have to be (a smart cut).

In: a probed source and spans. Out: a file that is as planned, or a `CutError`; a smart cut is what the other would be,
or a `NotSmartError` says why not. Encoding is done again by a safer way where it differs. Pictures that no way can
decode are missing; then the one before stays on screen, and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from highlightr.core.errors import CutError
from highlightr.core.source import Source, VideoStream
from highlightr.media._container.contents import CROP, read_contents
from highlightr.media._container.opening import reading
from highlightr.media._cut.encode import encode_pieces
from highlightr.media._cut.encoders import SOFTWARE, find_encoder
from highlightr.media._cut.h264 import H264Splice
from highlightr.media._cut.hevc import HevcSplice
from highlightr.media._cut.job import CutJob, with_texts
from highlightr.media._cut.not_kept import not_kept
from highlightr.media._cut.output_plan import OutputPlan, plan_output, with_encoder
from highlightr.media._cut.picture import Stills, with_fades
from highlightr.media._cut.plan import CutPlan, plan_encode
from highlightr.media._cut.result import CutResult, Method, Piece
from highlightr.media._cut.smart import SmartWriter
from highlightr.media._cut.splice import NotSmartError, Splice
from highlightr.media._cut.stretches import Stretch, plan_stretches
from highlightr.media._cut.time_notes import time_notes
from highlightr.media._decode.frame_converter import size_of_width
from highlightr.media.verify import Planned, Verdict, check_video

_SPLICES: dict[str, Callable[[Any], Splice]] = {"h264": H264Splice, "hevc": HevcSplice}
"""Codec to what splices it."""

_MOST_MISSING = 0.5
"""Share of the planned pictures that may be missing."""


def write_encoded(job: CutJob) -> CutResult:
    """Encode the spans into a file and make sure that it holds them.

    Raises:
        CutError: ffmpeg failed, or what it wrote is not what was planned whatever the way.
    """
    try:
        return _encoded(job)
    except CutError as error:
        video = job.source.video
        if job.options.encoder != "auto" or find_encoder("auto", video.width, video.height, hdr=False)[0].is_software:
            raise
        written = _encoded(replace(job, options=replace(job.options, encoder=SOFTWARE)))
        note = f"Encoded by software, because hardware failed: {str(error).partition(';')[0]}."
        return replace(written, notes=(*written.notes, note))


def _encoded(job: CutJob) -> CutResult:
    source, output, width = job.source, job.output, job.options.still_width
    before: tuple[CutPlan, Verdict] | None = None
    for careful in (False, True):
        cut, plan, notes = planned_cut(job, careful=careful)
        if before is not None and before[0] == cut:
            break
        plan = with_encoder(plan, job.options.encoder)
        size = None if width is None else Stills(*size_of_width(_visible(plan), width))
        stills = encode_pieces(plan, cut.takes, output, job.progress, size)
        verdict = check_video(output, expected(cut, plan))
        if verdict.is_as_planned or (before is not None and before[1] == verdict):
            break
        before = cut, verdict
    if verdict.fault:
        raise CutError(
            f"{source.path}: what was cut is not what was planned: {verdict.fault}; remux or convert the video"
        )
    missing = (_missing_pictures(source, cut, verdict),) if verdict.missing else ()
    notes = (*notes, *missing, *plan.notes, *not_kept(plan, output))
    # One for each piece, without bytes for one that is empty; none at all if some could not be had.
    shown = () if stills is None else tuple(b"" if at is None else stills[at] for at in cut.main_takes)
    pieces = (replace(piece, encoded_pictures=count) for piece, count in zip(cut.pieces, cut.num_frames, strict=True))
    return CutResult(output, tuple(pieces), shown, notes)


def _visible(plan: OutputPlan) -> VideoStream:
    """The picture without what the container crops, which ffmpeg decodes; left, right, top and bottom in its words."""
    video = plan.source.video
    left, right, top, bottom = map(int, plan.contents.side_data.get(CROP, "0/0/0/0").split("/"))
    return replace(video, width=video.width - left - right, height=video.height - top - bottom)


def planned_cut(job: CutJob, *, careful: bool = False) -> tuple[CutPlan, OutputPlan, tuple[str, ...]]:
    """What an exact cut is to hold, how it is made, and notes; `careful` as for `plan_encode`."""
    source = job.source
    with reading(source.path) as container:
        contents = read_contents(container, source.video.index, is_marked=source.video.interlaced)
        cut = plan_encode(container, source, job.spans, careful=careful)
        if job.options.fade:
            cut = replace(cut, takes=with_fades(cut.takes))
        plan = plan_output(container, source, contents, cut, job.options.hdr, mix=job.options.mix_audio)
        return cut, with_texts(plan, job.options), time_notes(container, source)


def expected(cut: CutPlan, plan: OutputPlan) -> Planned:
    """What the file should hold."""
    starts = [float(take.offset) for take in cut.takes if take.frames]
    loose = max((take.loose_seconds for take in cut.takes), default=Fraction(0))
    return Planned(float(cut.seconds), starts, len(plan.sound), [float(time) for time in cut.shown], float(loose))


def _missing_pictures(source: Source, plan: CutPlan, verdict: Verdict) -> str:
    """The note about them; a `CutError` where they are too many."""
    total, missing = len(plan.shown), len(verdict.missing)
    if missing > _MOST_MISSING * total:
        raise CutError(
            f"{source.path}: {missing} of {total} pictures in the chosen spans cannot be decoded; choose other moments"
        )
    return (
        f"{missing} of {total} pictures cannot be decoded, the first one at {verdict.missing[0]:.1f} s of the output; "
        f"the one before stays on screen."
    )


def write_smart(job: CutJob) -> CutResult:
    """Copy what can be, encode the rest, and make sure that the file holds all of it.

    Raises:
        NotSmartError: this source or these choices ask for pictures that are all encoded anew, or a check failed.
        CutError: ffmpeg failed, or no span has a picture.
    """
    source, output = job.source, job.output
    if source.video.codec not in _SPLICES:
        raise NotSmartError(f"only H.264 and HEVC are, not {source.video.codec}")
    cut, plan, notes = planned_cut(job)
    if job.options.fade or plan.burned is not None:
        raise NotSmartError("its pictures are to fade, or to be drawn on")
    _check(cut, plan)
    with reading(source.path) as container:
        splice = _SPLICES[source.video.codec](container.streams[source.video.index])
        stretches = plan_stretches(container, source, cut, splice)
    if not any(stretch.is_copied for stretch in stretches):
        raise NotSmartError("no chosen span holds a keyframe with enough pictures behind it")
    SmartWriter(plan, cut, stretches, splice).write(output, job.progress)
    starts = [float(stretch.take.offset) for stretch in stretches]
    verdict = check_video(output, replace(expected(cut, plan), starts=starts))
    if not verdict.is_as_planned:
        raise NotSmartError(verdict.fault or f"{len(verdict.missing)} pictures are missing in what was written")
    pieces = tuple(_counted(cut.pieces, stretches))
    return CutResult(output, pieces, notes=(*notes, *plan.notes, *not_kept(plan, output)))


def _check(cut: CutPlan, plan: OutputPlan) -> None:
    """Refuse what filters would change, and what is not proven, with a `NotSmartError` that says what it is."""
    picture = plan.contents.picture
    if picture.interlaced or plan.colour.deinterlace:
        raise NotSmartError("its pictures are interlaced")
    if picture.hdr is not None or picture.dolby_vision is not None:
        raise NotSmartError("its pictures have high dynamic range")
    if plan.shapes:
        raise NotSmartError("its pictures change their size or colours")
    if plan.source.video.dated_when_decoded:
        raise NotSmartError("it does not say when its pictures are shown")
    if len(cut.takes) > len(cut.pieces):
        raise NotSmartError("its clock jumps within a chosen span")


def _counted(pieces: Sequence[Piece], stretches: Sequence[Stretch]) -> Iterator[Piece]:
    """The pieces, with how many pictures of each were written in which way."""
    for number, piece in enumerate(pieces):
        own = [one for one in stretches if one.take.piece == number]
        copied = sum(len(stretch.order) for stretch in own if stretch.is_copied)
        total = sum(len(stretch.take.frames) for stretch in own)
        method: Method = "encoded" if not copied else "smart" if copied < total else "copied"
        yield replace(piece, method=method, copied_pictures=copied, encoded_pictures=total - copied)
