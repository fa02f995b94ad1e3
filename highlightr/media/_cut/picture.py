"""The filters of the picture: each piece's frames are kept by time, dated on the output's own time line, and merged.

Pieces fade through black inside themselves, so that no frame's time changes; subtitles are drawn on what is merged.

In: pieces as planned. Out: the text of a filter graph for one ffmpeg run. Frames are merged by date, because the concat
filter would guess where a piece ends from its mean frame rate, which is wrong for variable rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from highlightr.core.source import VideoStream
from highlightr.media._cut.output_plan import OutputPlan
from highlightr.media._cut.plan import GUARD_SECONDS, Take, decimal
from highlightr.media._cut.shapes import canvas, even, pixel_aspect

_TICKS = 1_000_000
"""Ticks per second of the output's time line inside the filters."""

_LEAD_SECONDS = 0.001
"""By which burned subtitles come early, because libass rounds the times of pictures down."""


def ticks(seconds: Fraction) -> int:
    """The nearest whole number of ticks."""
    return round(seconds * _TICKS)


def picture_graph(plan: OutputPlan, takes: Sequence[Take], burn: str = "") -> str:
    """All pieces of a run, each an input of its own, merged as ``[v]``.

    `burn`: the filter that draws subtitles, with a leading comma.
    """
    began = takes[0].offset
    filters = [_picture_filter(plan, take, number, take.offset - began) for number, take in enumerate(takes)]
    inputs = "".join(f"[v{k}]" for k in range(len(takes)))
    together = f"{inputs}interleave=nb_inputs={len(takes)}" if len(takes) > 1 else "[v0]null"
    return ";".join([*filters, f"{together}{burn}[v]"])


def _picture_filter(plan: OutputPlan, take: Take, number: int, start: Fraction) -> str:
    """Date the frames on the run's time line, from `start` on; the first is on screen from the piece's very start."""
    video, lead, offset = plan.source.video, ticks(take.raw_start), ticks(start)
    appeared = take.frames[0] if take.frames else take.start
    first = ticks(take.reach.clock + appeared - GUARD_SECONDS)
    end = ticks(take.reach.clock + take.stop - GUARD_SECONDS)
    whole = f"{plan.colour.deinterlace}," if plan.colour.deinterlace else ""
    shapes = plan.shapes.get(take, ())
    framed = f",{canvas(video, shapes, start - take.start)}" if shapes else ""
    if plan.shapes and not shapes:
        framed = f",{pixel_aspect(video)}"
    converted = "".join([framed, _even(video), *(f",{each}" for each in plan.colour.filters)])
    kept = f"{whole}settb=1/{_TICKS},trim=start_pts={first}:end_pts={end}"
    # A frame that cannot be decoded leaves its time to the next one, not to the piece before.
    relative = f"if(eq(N,0),0,PTS-{lead})" if take.frames and appeared <= take.start else f"PTS-{lead}"
    dated = f"setpts='{relative}+{offset}'"
    if take.smallest_step is not None:
        dated += f",setpts='if(eq(N,0),PTS,max(PTS,PREV_OUTPTS+{ticks(take.smallest_step / 2)}))'"
    return f"{take.input(number, video.index)}{kept},{dated}{converted}{_fades(take, start)}[v{number}]"


def _even(video: VideoStream) -> str:
    size = video.width, video.height
    if even(*size) == size:
        return ""
    if min(size) < 2:
        return ",scale=ceil(iw/2)*2:ceil(ih/2)*2:flags=neighbor"
    return ",crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0:exact=1"


def _fades(take: Take, start: Fraction) -> str:
    """The filters of a take that is shown from `start` of the run's output on; empty where it does not fade."""
    filters, (rises, falls) = "", take.fades
    if rises:
        filters += f",fade=t=in:st={decimal(start)}:d={decimal(take.fade_in_seconds)}"
    if falls:
        begin = start + take.seconds - take.fade_out_seconds
        filters += f",fade=t=out:st={decimal(begin)}:d={decimal(take.fade_out_seconds)}"
    return filters


def burning(plan: OutputPlan, takes: Sequence[Take], path: Path) -> str:
    """Write what is drawn during a run, and return the filter that draws it, with a leading comma."""
    if plan.burned is None:
        return ""
    began, ended = float(takes[0].offset) + _LEAD_SECONDS, float(takes[-1].output_stop)
    spans = (piece.span for piece in plan.pieces)
    plan.burned.cut([(start, stop, at - began) for start, stop, at in spans if at < ended]).save(path)
    return f",subtitles=filename={_escaped(str(path))}"


def _escaped(text: str) -> str:
    """A value of a filter in a graph: escaped as an option first, then as a part of the graph."""
    for special in ("\\':", "\\'[],;"):
        text = "".join(f"\\{letter}" if letter in special else letter for letter in text)
    return text
