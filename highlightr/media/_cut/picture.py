"""The filters of the picture: each piece's frames are kept by time, dated on the output's own time line, and merged.

In: pieces as planned. Out: the text of a filter graph for one ffmpeg run. Frames are merged by date, because the concat
filter would guess where a piece ends from its mean frame rate, which is wrong for variable rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from highlightr.core.types import Source
from highlightr.media._cut.fades import fade_filters
from highlightr.media._cut.output_plan import OutputPlan
from highlightr.media._cut.plan import Take
from highlightr.media._cut.shapes import canvas, even
from highlightr.media._cut.stills import STILLS, Stills
from highlightr.media._cut.ticks import GUARD_SECONDS, TICKS, ticks


def middles(takes: Sequence[Take]) -> list[int]:
    """Just before the frame in the middle of each piece, in ticks of one run."""
    return [ticks(take.middle - takes[0].offset - GUARD_SECONDS) for take in takes]


def picture_graph(
    source: Source, plan: OutputPlan, takes: Sequence[Take], stills: Stills | None, burn: str = ""
) -> str:
    """All pieces of a run, merged as ``[v]``; where stills are asked for, those too.

    Args:
        takes: the pieces of the run, each an input of its own.
        burn: the filter that draws subtitles, with a leading comma.
    """
    began = takes[0].offset
    filters = [_picture_filter(source, plan, take, number, take.offset - began) for number, take in enumerate(takes)]
    inputs = "".join(f"[v{k}]" for k in range(len(takes)))
    together = f"{inputs}interleave=nb_inputs={len(takes)}" if len(takes) > 1 else "[v0]null"
    together += burn
    if stills is None:
        return ";".join([*filters, f"{together}[v]"])
    return ";".join(
        [*filters, f"{together},split[v][p]", f"[p]{stills.filters(middles(takes), plan.colour.viewing)}[{STILLS}]"]
    )


def _picture_filter(source: Source, plan: OutputPlan, take: Take, number: int, start: Fraction) -> str:
    """Date the frames on the run's time line, from `start` on; the first is on screen from the piece's very start."""
    lead, offset = ticks(take.raw_start), ticks(start)
    appeared = take.frames[0] if take.frames else take.start
    first = ticks(take.reach.clock + appeared - GUARD_SECONDS)
    end = ticks(take.reach.clock + take.stop - GUARD_SECONDS)
    whole = f"{plan.colour.deinterlace}," if plan.colour.deinterlace else ""
    shapes = plan.shapes.get(take, ())
    framed = f",{canvas(source.video, shapes, start - take.start)}" if shapes else ""
    converted = "".join([framed, _even(source), *(f",{each}" for each in plan.colour.filters)])
    kept = f"{whole}settb=1/{TICKS},trim=start_pts={first}:end_pts={end}"
    # A frame that cannot be decoded leaves its time to the next one, not to the piece before.
    relative = f"if(eq(N,0),0,PTS-{lead})" if take.frames and appeared <= take.start else f"PTS-{lead}"
    dated = f"setpts='{relative}+{offset}'"
    if take.smallest_step is not None:
        dated += f",setpts='if(eq(N,0),PTS,max(PTS,PREV_OUTPTS+{ticks(take.smallest_step / 2)}))'"
    return f"{take.input(number, source.video.index)}{kept},{dated}{converted}{fade_filters(take, start)}[v{number}]"


def _even(source: Source) -> str:
    size = source.video.width, source.video.height
    if even(*size) == size:
        return ""
    if min(size) < 2:
        return ",scale=ceil(iw/2)*2:ceil(ih/2)*2:flags=neighbor"
    return ",crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0:exact=1"
