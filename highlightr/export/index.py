"""The index page: one HTML file that shows many summaries, each with a picture, its curve and links.

In: an `IndexEntry` per video. Out: the file. Like the report it makes no external request, and its one script lies
inside; summaries, reports and pictures are referred to by relative URLs, so that thousands of them load only as they
are looked at. Everything that comes from names or queries is escaped.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

from highlightr import __version__
from highlightr.core.clock import length_clock
from highlightr.core.files import write_whole
from highlightr.core.text import shown
from highlightr.core.types import Match, Verdict
from highlightr.export.report import packaged, policy_hash, template
from highlightr.export.words import option_words, verdict_words

CURVE_WIDTH = 300
CURVE_HEIGHT = 40

MAX_COMMANDS = 3
"""Of the studio, on the page."""

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
    poster: str = ""
    """Path of a JPEG, relative to the page, with ``/``; empty if there is none."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options that this summary alone was made with."""
    source_folder: str = ""
    """The folder of videos that it belongs to; empty where the video was fetched."""


def write_index(path: Path, entries: Sequence[IndexEntry]) -> None:
    """Write the page whole or not at all.

    Raises:
        OutputError: the place cannot be written.
    """
    write_whole(path, render_index(entries))


def render_index(entries: Sequence[IndexEntry]) -> str:
    """The page's HTML; the same entries give the same bytes."""
    from markupsafe import Markup

    style, script = packaged("index.css"), packaged("index.js")
    made = [one for one in entries if one.error is None and not one.no_match]
    folders = _studio_folders(entries)
    return template(
        "index.html.j2"
    ).render(
        # Packaged text, not input: both are inlined as they are, and the policy names their hashes.
        style=Markup(style),  # noqa: S704
        script=Markup(script),  # noqa: S704
        style_hash=policy_hash(style),
        script_hash=policy_hash(script),
        failed=[{"name": one.name, "query": one.query, "why": one.error} for one in entries if one.error is not None],
        absent=[{"name": one.name, "query": one.query, "why": " ".join(one.notes)} for one in entries if one.no_match],
        cards=[_card(one) for one in made],
        verdicts=_verdicts(made),
        commands=[f"highlightr web {shlex.quote(folder)}" for folder in folders[:MAX_COMMANDS]],
        more_folders=len(folders[MAX_COMMANDS:]),
        video_seconds=sum(one.video_seconds for one in made),
        summary_seconds=sum(one.summary_seconds for one in made),
        version=__version__,
    )


def _studio_folders(entries: Sequence[IndexEntry]) -> list[str]:
    """The folders of videos, those with most first; none whose name a terminal would act upon."""
    folders = [
        one.source_folder for one in entries if one.source_folder and shown(one.source_folder) == one.source_folder
    ]
    return sorted(set(folders), key=lambda folder: (-folders.count(folder), folder))


def _verdicts(entries: Sequence[IndexEntry]) -> list[tuple[str, str]]:
    """The verdicts that there are to choose from, with their words."""
    known = {one.match.verdict: verdict_words(one.match)[0] for one in entries if one.match is not None}
    found = [(verdict, known[verdict]) for verdict in get_args(Verdict) if verdict in known]
    return [*found, ("unasked", "Without a verdict")] if found and any(one.match is None for one in entries) else found


def _card(entry: IndexEntry) -> dict[str, Any]:
    match, links = entry.match, {name: _url(path) for name, path in entry.outputs.items()}
    return {
        "name": entry.name,
        "query": entry.query,
        "picture": _url(entry.poster) if entry.poster else "",
        "links": [(word, links[name]) for name, word in LINKS.items() if name in links],
        "report": links.get("report", ""),
        "video": links.get("video", ""),
        "line": _line(entry.curve),
        "bands": [(round(start * CURVE_WIDTH, 1), round(share * CURVE_WIDTH, 1)) for start, share in entry.bands],
        "length": length_clock(entry.summary_seconds),
        "of": length_clock(entry.video_seconds, 0),
        "segments": entry.segments,
        "match": None if match is None else (match.verdict, *verdict_words(match)),
        "probability": "" if match is None else round(match.probability, 4),
        "percent": None if match is None else round(100 * match.probability),
        "video_seconds": round(entry.video_seconds, 1),
        "summary_seconds": round(entry.summary_seconds, 1),
        "options": ", ".join(f"{name} {value}" for name, value in option_words(entry.options, {})),
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
    return "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in points)


def _url(path: str) -> str:
    """A relative URL; the leading dot keeps a name with a colon from being taken for a scheme."""
    return "./" + quote(path.encode("utf-8", "surrogateescape"), safe="/")
