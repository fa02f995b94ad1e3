"""A smart cut: decided, written, verified.

In: a probed source and spans. Out: a file that is as an exact cut would be, or a `NotSmartError` that says why not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from highlightr.media._container.opening import reading
from highlightr.media._cut.exact_cut import expected, planned_cut
from highlightr.media._cut.h264 import H264Splice
from highlightr.media._cut.hevc import HevcSplice
from highlightr.media._cut.job import CutJob
from highlightr.media._cut.not_kept import not_kept
from highlightr.media._cut.output_plan import OutputPlan
from highlightr.media._cut.plan import CutPlan
from highlightr.media._cut.result import CutResult, Method, Piece
from highlightr.media._cut.smart import SmartWriter
from highlightr.media._cut.splice import NotSmartError, Splice
from highlightr.media._cut.stretches import Stretch, plan_stretches
from highlightr.media.verify import check_video

_SPLICES: dict[str, Callable[[Any], Splice]] = {"h264": H264Splice, "hevc": HevcSplice}
"""Codec to what splices it."""


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
    if job.fade or plan.burned is not None:
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
    """Refuse what filters would change, and what is not proven.

    Raises:
        NotSmartError: what it is.
    """
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
