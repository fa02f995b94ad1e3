"""The index page: one HTML file that shows many summaries, each with a picture, its curve and links.

In: lines of `results.jsonl`, and what is remembered of their jobs. Out: HTML. Like the report it makes no external
request, and its one script lies inside; summaries, reports and pictures are referred to by relative URLs, so that
thousands of them load only as they are looked at. Everything that comes from names or queries is escaped.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

from highlightr import __version__
from highlightr.batch.jobs import without_path
from highlightr.batch.output_dir import JobRecord
from highlightr.core.clock import length_clock
from highlightr.core.config import from_plain
from highlightr.core.text import shown
from highlightr.core.types import Match, Verdict
from highlightr.export.report import inlined, packaged, template
from highlightr.export.words import option_words, verdict_words

CURVE_WIDTH = 300
CURVE_HEIGHT = 40

MAX_COMMANDS = 3
"""Of the studio, on the page."""

LINKS = {"video": "Summary", "report": "Report", "receipt": "Receipt"}
"""Output to the word that leads to it."""

_PACKAGE = "highlightr.batch"


def card(line: Mapping[str, Any], record: JobRecord | None = None, poster: str = "") -> dict[str, Any]:
    """What the page tells of one job, by its line of the results, which a program of the user's may have changed.

    `record` is what is remembered of the job, for curve and bands; `poster` the path of a JPEG relative to the page, or
    empty. A ConfigError, TypeError, ValueError, AttributeError or OverflowError where the line makes no sense.
    """
    match = None if line.get("match") is None else from_plain(Match, line["match"], "a line's match")
    links = {str(name): _url(str(path)) for name, path in line.get("outputs", {}).items()}
    notes, error = [shown(str(note)) for note in line.get("notes", ())], line.get("error")
    video_seconds, summary_seconds = (float(line.get(name, 0.0)) for name in ("video_seconds", "summary_seconds"))
    return {
        "state": "failed" if error is not None else "absent" if line["state"] == "no_match" else "made",
        "why": " ".join(notes) if error is None else shown(without_path(str(error), line.get("video"))),
        "name": shown(str(line.get("title") or line["folder"])),
        "query": line.get("query"),
        "poster": poster,
        "picture": _url(poster) if poster else "",
        "links": [(word, links[name]) for name, word in LINKS.items() if name in links],
        "report": links.get("report", ""),
        "video": links.get("video", ""),
        "line": "" if record is None else _line(record.curve),
        "bands": [] if record is None else [[round(each * CURVE_WIDTH, 1) for each in band] for band in record.bands],
        "length": length_clock(summary_seconds),
        "of": length_clock(video_seconds, 0),
        "segments": int(line.get("segments", 0)),
        "match": None if match is None else (match.verdict, *verdict_words(match)),
        "probability": "" if match is None else round(match.probability, 4),
        "percent": None if match is None else round(100 * match.probability),
        "video_seconds": video_seconds,
        "summary_seconds": summary_seconds,
        "options": ", ".join(f"{name} {value}" for name, value in option_words(line.get("options") or {}, {})),
        "best_title": str(line.get("best_title", "")),
        "notes": notes,
        "source_folder": _source_folder(line),
    }


def _source_folder(line: Mapping[str, Any]) -> str:
    """The folder that was named, which the title begins below; empty where there is no telling."""
    video, title = str(line.get("video", "")), str(line.get("title", ""))
    whole = title and "\ufffd" not in video and Path(video).is_absolute() and video.endswith(f"/{title}")
    return (video.removesuffix(f"/{title}") or "/") if whole else ""


def render_index(cards: Sequence[Mapping[str, Any]]) -> str:
    """The page's HTML; the same cards give the same bytes."""
    of_state = {state: [each for each in cards if each["state"] == state] for state in ("made", "failed", "absent")}
    made = of_state["made"]
    # None whose name a terminal would act upon; those with most videos first.
    named = [folder for each in cards if (folder := each["source_folder"]) and shown(folder) == folder]
    folders = sorted(set(named), key=lambda folder: (-named.count(folder), folder))
    return template("index.html.j2", _PACKAGE).render(
        **inlined(style=packaged("theme.css") + packaged("index.css", _PACKAGE), script=packaged("index.js", _PACKAGE)),
        failed=of_state["failed"],
        absent=of_state["absent"],
        cards=made,
        verdicts=_verdicts(made),
        commands=[f"highlightr web {shlex.quote(folder)}" for folder in folders[:MAX_COMMANDS]],
        more_folders=len(folders[MAX_COMMANDS:]),
        video_seconds=sum(each["video_seconds"] for each in made),
        summary_seconds=sum(each["summary_seconds"] for each in made),
        version=__version__,
    )


def _verdicts(cards: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The verdicts that there are to choose from, with their words."""
    known = {each["match"][0]: each["match"][1] for each in cards if each["match"]}
    found = [(verdict, known[verdict]) for verdict in get_args(Verdict) if verdict in known]
    return [*found, ("unasked", "Without a verdict")] if found and not all(each["match"] for each in cards) else found


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
