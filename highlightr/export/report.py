"""The report: one self-contained HTML file that shows what was chosen and why.

In: a `Summary` (with its receipt, where there is one) and a JPEG per segment. Out: the file. It makes no external
request: style, script and thumbnails lie inside, under a content security policy that allows nothing else; the videos
are referred to by relative URLs. Everything that comes from the video or the caller is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from highlightr import __version__
from highlightr.core.clock import clock, length_clock, length_words, span_clock
from highlightr.core.files import path_shown, write_whole
from highlightr.core.text import shown
from highlightr.core.transcript import Transcript
from highlightr.core.types import Reason, Segment, Summary
from highlightr.export.curve import columns, line_path, part_lines, shot_path, time_ticks
from highlightr.export.words import PERCENT_NOTE, option_words, sense, verdict_words
from highlightr.options import PLACES, SummarizeOptions

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

MOST_LINES = 20_000
"""Of a transcript that are shown; ten hours have 10,000."""


def write_report(path: Path, summary: Summary, thumbnails: Sequence[bytes] = ()) -> None:
    """Write the report whole or not at all; an `OutputError` where the place cannot be written.

    Links are relative to `summary.outputs["report"]` where that is given, so that it can be written elsewhere first and
    moved. `thumbnails`: a JPEG per segment, in their order; empty bytes, or fewer, where there is none.
    """
    write_whole(path, render_report(summary, thumbnails, summary.outputs.get("report", path).parent))


def render_report(summary: Summary, thumbnails: Sequence[bytes], folder: Path) -> str:
    """The report's HTML for a given folder; the same summary gives the same bytes."""
    return template("report.html.j2").render(_page(summary, thumbnails, folder))


@cache
def template(name: str, package: str = "highlightr.export") -> Template:
    """A packaged template of a page; what is put into it is escaped."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(partial(packaged, package=package)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clock": clock, "length_clock": length_clock, "length_words": length_words}
    return environment.get_template(name)


@cache
def packaged(name: str, package: str = "highlightr.export") -> str:
    """The text of a file that lies in a package, by default beside this module."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _page(summary: Summary, thumbnails: Sequence[bytes], folder: Path) -> dict[str, Any]:
    source, duration, match = summary.source, summary.source.duration_seconds, summary.match
    # The studio uses the same colours and the same time line.
    style, script = packaged("theme.css") + packaged("report.css"), packaged("timeline.js") + packaged("report.js")
    videos = {"source": _url(source.path, folder)}
    if "video" in summary.outputs:
        videos["summary"] = _url(summary.outputs["video"], folder)
    # What the caller asked for, other than where files go.
    chosen = summary.receipt.get("options", {}).items()
    asked = {name: value for name, value in chosen if name not in PLACES and value is not None}
    pictures = (*thumbnails, *(b"" for _ in summary.segments))
    pictured = list(zip(summary.segments, pictures, strict=False))
    best_first = [picture for _, picture in sorted(pictured, key=lambda pair: pair[0].rank)]
    return {
        **inlined(style=style, script=script),
        "data": _embedded(_data(summary, videos)),
        "poster": _picture(next(filter(None, best_first), b"")),
        "name": path_shown(source.path.name),
        "summary": summary,
        "match": None if match is None else (match.verdict, *verdict_words(match)),
        "percent_note": PERCENT_NOTE,
        "videos": videos,
        "duration": duration,
        "cards": [_card(segment, picture) for segment, picture in pictured],
        "bands": [
            {
                "x": round(1000 * each.start_seconds / duration, 2),
                "width": round(max(1000 * each.seconds / duration, 1.0), 2),
            }
            for each in summary.segments
        ],
        "curve": line_path(summary.scores.values, summary.scores.grid),
        "parts": part_lines(summary.scores),
        "shot_path": shot_path(summary.shots, duration),
        "ticks": time_ticks(duration),
        "transcript": None if summary.transcript is None else _transcript(summary.transcript, summary.segments),
        "notes": [shown(note) for note in summary.notes],
        "facts": _facts(summary),
        "longest": max([*summary.timings_seconds.values(), 1e-9]),
        "options": option_words(asked, SummarizeOptions().as_flat()),
        "version": __version__,
    }


def _card(segment: Segment, picture: bytes) -> dict[str, Any]:
    return {
        "segment": segment,
        "edges": span_clock(segment.start_seconds, segment.stop_seconds),
        "picture": _picture(picture),
        "reasons": [_reason_line(reason, segment) for reason in segment.reasons],
    }


def _reason_line(reason: Reason, segment: Segment) -> dict[str, Any]:
    """A line about a reason; `x` and `width` say in percent where in the segment it was found."""
    start = segment.start_seconds if reason.start_seconds is None else reason.start_seconds
    stop = segment.stop_seconds if reason.stop_seconds is None else reason.stop_seconds
    name, css = sense(reason.kind)
    return {
        "sense": name,
        "css": css,
        "label": reason.label,
        "weight": min(max(reason.weight, 0), 1),
        "x": round(100 * (start - segment.start_seconds) / segment.seconds, 1),
        "width": round(100 * (stop - start) / segment.seconds, 1),
        "span": " to ".join(span_clock(start, stop)),
    }


def _picture(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}" if jpeg else ""


def _facts(summary: Summary) -> list[tuple[str, str]]:
    source, video, audio = summary.source, summary.source.video, summary.source.audio
    rate = "" if video.frames_per_second is None else f" · {float(video.frames_per_second):.4g} fps"
    sound = "none" if audio is None else f"{audio.codec} · {audio.sample_rate / 1000:g} kHz · {audio.channels} ch"
    scorer = summary.receipt.get("scorer")
    return [
        ("File", path_shown(source.path)),
        ("Size", f"{source.size_bytes / 1e6:.1f} MB · {source.container.split(',')[0]}"),
        ("Video", f"{video.codec} · {video.width} x {video.height}{rate}"),
        ("Sound", sound),
        ("Preset", f"{summary.preset} · {scorer}" if scorer else summary.preset),
        ("Clips", f"{summary.scores.grid.num_clips} of {summary.scores.grid.clip_seconds:g} s"),
        ("Shots", str(len(summary.shots))),
    ]


def _data(summary: Summary, videos: Mapping[str, str]) -> dict[str, Any]:
    """What the script needs."""
    segments = [[segment.start_seconds, segment.stop_seconds] for segment in summary.segments]
    # What the summary really holds, in its order; nothing where the receipt does not tell.
    cut = summary.receipt.get("cut", {}).get("pieces", ())
    pieces = [[piece["start_seconds"], piece["stop_seconds"]] for piece in cut]
    said = () if summary.transcript is None else summary.transcript.utterances[:MOST_LINES]
    return {
        "duration": summary.source.duration_seconds,
        "segments": segments,
        "pieces": pieces or segments,
        "scores": columns(summary.scores.values),
        "covered": summary.scores.grid.num_clips * summary.scores.grid.clip_seconds,
        "clip": summary.scores.grid.clip_seconds,
        "videos": dict(videos),
        "said": [[each.start_seconds, each.stop_seconds] for each in said],
    }


def _embedded(value: object) -> Markup:
    """JSON that may stand inside a script element: nothing in it can close the element or open a comment."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return _markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def inlined(**texts: str) -> dict[str, str]:
    """Packaged styles and scripts for a template, as they are, and by what a content security policy calls them."""
    hashes = {name: base64.b64encode(hashlib.sha256(text.encode()).digest()) for name, text in texts.items()}
    named = {f"{name}_hash": f"sha256-{digest.decode('ascii')}" for name, digest in hashes.items()}
    return {name: _markup(text) for name, text in texts.items()} | named


def _markup(text: str) -> Markup:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  (not input)


def _url(target: Path, folder: Path) -> str:
    """A relative URL in which every character that means something in URLs is percent-encoded."""
    try:
        relative = os.path.relpath(target, folder)
    except ValueError:  # On another drive: only an absolute address reaches it.
        return target.resolve().as_uri()
    return quote(os.fsencode(relative.replace(os.sep, "/")), safe="/")


def _transcript(transcript: Transcript, segments: Sequence[Segment]) -> dict[str, Any]:
    """Its lines, and which of them the summary has."""
    kept = {each for segment in segments for each in transcript.during(segment.start_seconds, segment.stop_seconds)}
    said = transcript.utterances
    lines = [{"start": each.start_seconds, "text": each.text, "kept": each in kept} for each in said[:MOST_LINES]]
    omitted = len(said) - len(lines)
    return {"origin": transcript.origin, "language": transcript.language, "lines": lines, "omitted": omitted}
