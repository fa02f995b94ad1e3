"""The receipt: what was chosen, from which scores, by what, in one JSON document.

In: a `Summary` and what is known about the run. Out: plain JSON types, as `receipt.schema.json` (draft 2020-12,
shipped beside this file) describes them. Times are seconds of the source, spans half-open, scores in [0, 1].
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

from highlightr import __version__
from highlightr.core.files import printable, write_whole
from highlightr.core.hashing import content_hash
from highlightr.core.source import AudioStream, Source
from highlightr.core.text import json_shown
from highlightr.core.types import FloatArray, Reason, Segment, Summary
from highlightr.export.provenance import Provenance
from highlightr.media.cut import CutResult, Piece

SCHEMA_VERSION = 2
"""Grows when a reader of the old schema would be misled; optional keys may be added without."""

SECONDS_DIGITS = 6
SCORE_DIGITS = 4
TIMING_DIGITS = 3


def build_receipt(
    summary: Summary,
    provenance: Provenance,
    *,
    options: Mapping[str, object] | None = None,
    versions: Mapping[str, str] | None = None,
    cut: CutResult | None = None,
) -> dict[str, Any]:
    """Everything about one summary as plain JSON types; a `MediaError` where the source can no longer be read.

    `options` are what the caller asked for (paths become text), `versions` those of further software, such as ffmpeg.
    """
    scores, match, transcript = summary.scores, summary.match, summary.transcript
    chance = 0.0 if match is None else round(match.probability, SCORE_DIGITS)
    known = {} if match is None else {"match": {"verdict": match.verdict, "probability": chance}}
    said = {} if transcript is None else {"origin": transcript.origin, "language": transcript.language}
    made = {} if cut is None else {"cut": {"pieces": [_piece(piece) for piece in cut.pieces]}}
    return {
        "schema_version": SCHEMA_VERSION,
        "source": _source(summary.source),
        "preset": summary.preset,
        "scorer": provenance.scorer,
        "marks": list(provenance.marks),
        "versions": {**software_versions(), **(versions or {})},
        "weights": [asdict(item) for item in provenance.weights],
        "query": summary.query,
        **known,
        "clip_seconds": _seconds(scores.grid.clip_seconds),
        "scores": _numbers(scores.values),
        "parts": {name: _numbers(values) for name, values in sorted(scores.parts.items())},
        **({"transcript": said} if said else {}),
        "shots": [_span(shot.start_seconds, shot.stop_seconds) for shot in summary.shots],
        "segments": [_segment(segment) for segment in summary.segments],
        "summary_seconds": _seconds(summary.seconds if cut is None else cut.seconds),
        "options": _plain(options or {}),
        "settings": _plain(provenance.settings),
        "notes": list(summary.notes),
        "outputs": {name: printable(path) for name, path in summary.outputs.items()},
        "timings": {name: round(value, TIMING_DIGITS) for name, value in summary.timings_seconds.items()},
        **made,
    }


def write_receipt(path: Path, receipt: Mapping[str, object]) -> None:
    """Write a receipt as UTF-8 JSON, whole or not at all; an `OutputError` where the place cannot be written."""
    write_whole(path, json_shown(receipt, indent=2) + "\n")


def receipt_schema() -> dict[str, Any]:
    """The JSON Schema that every receipt of `SCHEMA_VERSION` satisfies."""
    text = files("highlightr.export").joinpath("receipt.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def software_versions() -> dict[str, str]:
    """Versions of what can change a result; what not every preset uses only where it was, which its import shows."""
    import av

    found = {"highlightr": __version__, "python": platform.python_version(), "av": av.__version__}
    found["libav"] = str(av.ffmpeg_version_info)
    names = ["numpy", "onnxruntime"] + [name for name in ("torch", "timm", "openvino") if name in sys.modules]
    return found | {name: metadata.version(name) for name in names}


def _source(source: Source) -> dict[str, Any]:
    kind, digest = content_hash(source.path, source.identity)
    video, audio = source.video, source.audio
    rate = video.frames_per_second
    return {
        "path": printable(source.path),
        "duration_seconds": _seconds(source.duration_seconds),
        "start_seconds": _seconds(source.start_seconds),
        "picture_start_seconds": _seconds(source.picture_start_seconds),
        "container": source.container,
        "size_bytes": source.size_bytes,
        "hash_kind": kind,
        "hash": digest,
        **({} if source.timecode is None else {"timecode": source.timecode}),
        "video": {
            "codec": video.codec,
            "width": video.width,
            "height": video.height,
            "rotation_degrees": video.rotation_degrees,
            "sample_aspect_ratio": str(video.sample_aspect_ratio),
            "frames_per_second": None if rate is None else str(rate),
        },
        "audio": None if audio is None else _audio(audio),
        "audio_tracks": [_audio(track) for track in source.audio_tracks],
    }


def _audio(track: AudioStream) -> dict[str, Any]:
    return {"codec": track.codec, "sample_rate": track.sample_rate, "channels": track.channels}


def _segment(segment: Segment) -> dict[str, Any]:
    return {
        **_span(segment.start_seconds, segment.stop_seconds),
        "score": round(segment.score, SCORE_DIGITS),
        "rank": segment.rank,
        **({"title": segment.title} if segment.title else {}),
        "reasons": [_reason(reason) for reason in segment.reasons],
        **({"quotes": list(segment.quotes)} if segment.quotes else {}),
    }


def _reason(reason: Reason) -> dict[str, Any]:
    start, stop = reason.start_seconds, reason.stop_seconds
    where = {} if start is None or stop is None else _span(start, stop)
    return {"kind": reason.kind, "label": reason.label, "weight": round(reason.weight, SCORE_DIGITS), **where}


def _piece(piece: Piece) -> dict[str, Any]:
    return {
        **_span(piece.start_seconds, piece.stop_seconds),
        "output_start_seconds": _seconds(piece.output_start_seconds),
        "method": piece.method,
        "copied_pictures": piece.copied_pictures,
        "encoded_pictures": piece.encoded_pictures,
        "start_moved_seconds": _seconds(piece.start_moved_seconds),
        "stop_moved_seconds": _seconds(piece.stop_moved_seconds),
    }


def _span(start: float, stop: float) -> dict[str, float]:
    return {"start_seconds": _seconds(start), "stop_seconds": _seconds(stop)}


def _seconds(value: float) -> float:
    return round(float(value), SECONDS_DIGITS)


def _numbers(values: FloatArray) -> list[float]:
    return [round(value, SCORE_DIGITS) for value in values.tolist()]


def _plain(value: object) -> Any:
    """The same value as plain JSON types; what has no such type becomes its text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return printable(value) if isinstance(value, Path) else str(value)
