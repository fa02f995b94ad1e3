"""Scores as files: one row per clip for a spreadsheet (CSV), or everything for a program (JSON).

In: the scores of one video, one `Scored` per query. Out: a document of plain types, or a file that is whole or absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from highlightr.core.errors import OutputError
from highlightr.core.files import write_whole
from highlightr.core.outputs import check_no_input, check_output
from highlightr.core.source import Source
from highlightr.core.tables import csv_text, text_cell
from highlightr.core.text import json_shown
from highlightr.core.transcript import Transcript
from highlightr.core.types import Scores
from highlightr.media.whisper_json import is_whisper_json

SUFFIXES = (".json", ".csv")

_DIGITS = 6
_WITHOUT_QUERY = "saliency"


@dataclass(frozen=True)
class Scored:
    """What one query, or none, made of a video."""

    query: str | None
    scorer: str
    """Name of the scorer that served it."""
    scores: Scores


def check_scores_path(path: Path, video: Path, transcript: Path | None = None, *, overwrite: bool) -> None:
    """Refuse a place that cannot be written, before any work.

    Raises:
        OutputError: another suffix, or what is said in the video; and as for `check_output`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"scores are written as {' or '.join(SUFFIXES)}, got {path}")
    said = [path] if is_whisper_json(path) else [] if transcript is None else [transcript]
    check_no_input(path, said, "a transcript of the source")
    check_output(path, video, overwrite=overwrite)


def scores_document(
    source: Source, preset: str, results: Sequence[Scored], transcript: Transcript | None = None
) -> dict[str, Any]:
    """Plain JSON types: the clips once, then per query its scores in [0, 1], notes and each clip's strongest reason.

    What is said comes with its times, where it is known.
    """
    grid = results[0].scores.grid
    return {
        "video": str(source.path),
        "duration_seconds": source.duration_seconds,
        "preset": preset,
        "clip_seconds": grid.clip_seconds,
        "starts_seconds": [round(float(value), _DIGITS) for value in grid.starts()],
        "stops_seconds": [round(float(value), _DIGITS) for value in grid.stops()],
        "results": [_result(each) for each in results],
        **({} if transcript is None else {"transcript": _said(transcript)}),
    }


def write_scores(
    path: Path,
    source: Source,
    preset: str,
    results: Sequence[Scored],
    transcript: Transcript | None = None,
    *,
    overwrite: bool,
) -> None:
    """Write the file beside, then rename it.

    Raises:
        OutputError: the place cannot be written, or holds a file that is to be kept.
    """
    if path.suffix.lower() == ".csv":
        text = _table(results)
    else:
        text = json_shown(scores_document(source, preset, results, transcript), indent=1) + "\n"
    write_whole(path, text, overwrite=overwrite)


def _said(transcript: Transcript) -> dict[str, Any]:
    utterances = [
        {
            "start_seconds": round(each.start_seconds, _DIGITS),
            "stop_seconds": round(each.stop_seconds, _DIGITS),
            "text": each.text,
        }
        for each in transcript.utterances
    ]
    return {"origin": transcript.origin, "language": transcript.language, "utterances": utterances}


def _result(each: Scored) -> dict[str, Any]:
    reasons = [found[0].label if found else None for found in each.scores.reasons]
    return {
        "query": each.query,
        "scorer": each.scorer,
        "scores": [round(float(value), _DIGITS) for value in each.scores.values],
        "reasons": reasons,
        "notes": list(each.scores.notes),
    }


def _table(results: Sequence[Scored]) -> str:
    grid = results[0].scores.grid
    head = ["start_seconds", "stop_seconds", *(text_cell(each.query or _WITHOUT_QUERY) for each in results)]
    columns = [[f"{round(time, _DIGITS):.15g}" for time in times] for times in (grid.starts(), grid.stops())]
    columns += [[f"{value:.{_DIGITS}f}" for value in each.scores.values] for each in results]
    return csv_text([head, *zip(*columns, strict=True)])
