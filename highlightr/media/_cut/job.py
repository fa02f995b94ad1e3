"""What is to be cut, with what is said as a track, as part of the picture, or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from highlightr.core.errors import CutError
from highlightr.core.progress import Advance
from highlightr.core.source import Source
from highlightr.media._container.contents import Track
from highlightr.media._cut.output_plan import OutputPlan
from highlightr.media.choices import CutOptions
from highlightr.media.ffmpeg import has_filter

_ALPHA3 = (
    "ar:ara bg:bul bn:ben ca:cat cs:ces da:dan de:deu el:ell en:eng es:spa et:est fa:fas fi:fin fr:fra he:heb hi:hin "
    "hr:hrv hu:hun id:ind it:ita ja:jpn ko:kor lt:lit lv:lav ms:msa nl:nld no:nor pl:pol pt:por ro:ron ru:rus sk:slk "
    "sl:slv sr:srp sv:swe ta:tam te:tel th:tha tl:tgl tr:tur uk:ukr ur:urd vi:vie zh:zho"
)
_CODES = dict(pair.split(":") for pair in _ALPHA3.split())
"""Codes of two letters to the codes of three that containers hold."""

_LEAD_SECONDS = 0.001
"""By which burned subtitles come early, because libass rounds the times of pictures down."""


def with_texts(plan: OutputPlan, options: CutOptions) -> OutputPlan:
    """The plan with its subtitles; a `CutError` where this ffmpeg cannot draw."""
    if options.subtitles == "none":
        return replace(plan, subtitles=())
    if options.said is None:
        return plan
    code = (options.language or "").lower().replace("_", "-").split("-")[0]
    language = _CODES.get(code, code if len(code) == 3 else "")
    if options.subtitles == "burn":
        if not has_filter("subtitles"):
            raise CutError("this ffmpeg cannot draw subtitles (no libass): choose --subtitles soft, or another ffmpeg")
        return replace(plan, subtitles=(), burned=options.said, notes=(*plan.notes, *_not_burned(plan, language)))
    track = Track(-1, "subrip", tags={"language": language} if language else {})
    return replace(plan, subtitles=(*plan.subtitles, (track, options.said)))


def _not_burned(plan: OutputPlan, language: str) -> tuple[str, ...]:
    """A note about tracks in other languages than that which is drawn."""
    others = [track for track, _ in plan.subtitles if track.tags.get("language", language) != language]
    names = "; ".join(", ".join([track.codec, *track.tags.values()]) for track in others)
    return (f"Left out beside burned subtitles: {names}.",) if others else ()


def burning(plan: OutputPlan, span: tuple[float, float], path: Path) -> str:
    """Write what is drawn during a span of the output, and return the filter that draws it, with a leading comma."""
    if plan.burned is None:
        return ""
    began, ended = span[0] + _LEAD_SECONDS, span[1]
    spans = (piece.span for piece in plan.pieces)
    plan.burned.cut([(start, stop, at - began) for start, stop, at in spans if at < ended]).save(path)
    return f",subtitles=filename={_escaped(str(path))}"


def _escaped(text: str) -> str:
    """A value of a filter in a graph: escaped as an option first, then as a part of the graph."""
    for special in ("\\':", "\\'[],;"):
        text = "".join(f"\\{letter}" if letter in special else letter for letter in text)
    return text


@dataclass(frozen=True)
class CutJob:
    """One file that is to be written."""

    source: Source
    spans: Sequence[tuple[float, float]]
    """Of the source, in seconds from time zero, half-open, in the order of the output."""
    output: Path
    options: CutOptions
    progress: Advance | None = None
