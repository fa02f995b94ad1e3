"""The index page: one self-contained HTML file that shows many summaries, each with a picture, its curve and links.

In: an `IndexEntry` per video. Out: the file. Like the report it makes no external request and runs no script; the
summaries and reports are referred to by relative URLs, and everything that comes from names or queries is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from highlightr import __version__
from highlightr.core.clock import clock
from highlightr.core.files import write_whole
from highlightr.core.types import Match
from highlightr.export.report import packaged, policy_hash, template
from highlightr.export.words import verdict_words

__all__ = ["IndexEntry", "render_index", "write_index"]

CURVE_WIDTH = 300
CURVE_HEIGHT = 40

LINKS = {"video": "Summary", "report": "Report", "receipt": "Receipt"}
"""Output to the word that leads to it."""


@dataclass(frozen=True)
class IndexEntry:
    """One card of the page."""

    name: str
    """What the card is called: the path of its folder."""
    query: str | None = None
    error: str | None = None
    """Why there is no summary."""
    no_match: bool = False
    """There is none because the query is not in the video; the first note says so."""
    video_seconds: float = 0.0
    summary_seconds: float = 0.0
    segments: int = 0
    match: Match | None = None
    """Whether the video shows what was asked for, where that is known."""
    best_title: str = ""
    """Title of the best segment."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """``video``, ``report``, ``receipt``: paths relative to the page, with ``/``."""
    notes: Sequence[str] = ()
    """Sentences about the result."""
    curve: Sequence[int] = ()
    """Scores in percent, evenly spaced over the video."""
    bands: Sequence[tuple[float, float]] = ()
    """Start and length of each segment as shares of the video."""
    poster: bytes = b""
    """A JPEG; empty if there is none."""


def write_index(path: Path, entries: Sequence[IndexEntry]) -> None:
    """Write the page whole or not at all.

    Raises:
        OutputError: the place cannot be written.
    """
    write_whole(path, render_index(entries))


def render_index(entries: Sequence[IndexEntry]) -> str:
    """The page's HTML; the same entries give the same bytes."""
    from markupsafe import Markup

    style = packaged("index.css")
    made = [one for one in entries if one.error is None and not one.no_match]
    return template("index.html.j2").render(
        # Packaged text, not input: it is inlined as it is, and the policy names its hash.
        style=Markup(style),  # noqa: S704
        style_hash=policy_hash(style),
        failed=[{"name": one.name, "query": one.query, "error": one.error} for one in entries if one.error is not None],
        absent=[{"name": one.name, "query": one.query, "note": " ".join(one.notes)} for one in entries if one.no_match],
        cards=[_card(one) for one in made],
        video_seconds=sum(one.video_seconds for one in made),
        summary_seconds=sum(one.summary_seconds for one in made),
        version=__version__,
    )


def _card(entry: IndexEntry) -> dict[str, Any]:
    picture = base64.b64encode(entry.poster).decode("ascii")
    return {
        "name": entry.name,
        "query": entry.query,
        "picture": f"data:image/jpeg;base64,{picture}" if picture else "",
        "links": [(word, _url(entry.outputs[name])) for name, word in LINKS.items() if name in entry.outputs],
        "report": _url(entry.outputs["report"]) if "report" in entry.outputs else "",
        "line": _line(entry.curve),
        "bands": [(round(start * CURVE_WIDTH, 1), round(share * CURVE_WIDTH, 1)) for start, share in entry.bands],
        "length": clock(entry.summary_seconds, tenths=True),
        "of": clock(entry.video_seconds),
        "segments": entry.segments,
        "match": None if entry.match is None else (entry.match.verdict, *verdict_words(entry.match)),
        "best_title": entry.best_title,
        "notes": list(entry.notes),
    }


def _line(curve: Sequence[int]) -> str:
    """A line through the middles of equal columns, level to both ends; empty without scores."""
    if not curve:
        return ""
    heights = [CURVE_HEIGHT * (1 - min(max(value, 0), 100) / 100) for value in curve]
    step = CURVE_WIDTH / len(heights)
    points = [(0.0, heights[0]), *(((i + 0.5) * step, y) for i, y in enumerate(heights)), (CURVE_WIDTH, heights[-1])]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _url(path: str) -> str:
    """A relative URL; the leading dot keeps a name with a colon from being taken for a scheme."""
    return "./" + quote(path.encode("utf-8", "surrogateescape"), safe="/")
