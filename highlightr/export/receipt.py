"""The receipt: what was chosen, from which scores, by what, in one JSON document.

In: a `Summary` and what is known about the run. Out: plain JSON types, in the fields of `Receipt`, of which
`receipt_schema` is made. Times are seconds of the source, spans half-open, scores in [0, 1].
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from numbers import Real
from pathlib import Path
from typing import Any, TypeVar

from highlightr.core.extras import versions_of
from highlightr.core.files import printable, write_whole
from highlightr.core.hashing import content_hash
from highlightr.core.source import Source
from highlightr.core.text import json_shown
from highlightr.core.types import Features, Summary
from highlightr.export.receipt_reader import (
    Receipt,
    ReceiptAudio,
    ReceiptCut,
    ReceiptPiece,
    ReceiptSource,
    ReceiptTranscript,
    ReceiptVideo,
)
from highlightr.features.base import Weights
from highlightr.media.change import FRAME_CHANGE, unseen_spans
from highlightr.media.cut import CutResult
from highlightr.model_loader import Models

Told = TypeVar("Told")

_DIGITS = {**dict.fromkeys(("scores", "parts", "score", "weight", "probability"), 4), "timings": 3}
"""Behind the point, where a number is no time in seconds; others are written as they are."""

_SECONDS_DIGITS = 6

OPTIONAL = {"files", "match", "transcript", "cut", "timecode", "title", "quotes", "start_seconds", "stop_seconds"}
"""Fields that are left out where there is nothing to say."""

_LAST = ("reasons", "quotes")
"""Of a segment, after what is short."""


@dataclass(frozen=True)
class Provenance:
    """By what the scores were made."""

    scorer: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What else they depend on, such as the device and the seed."""
    marks: Sequence[str] = ()
    """Warnings that must not be lost, such as ``random weights``."""
    weights: Sequence[Weights] = ()
    """Of every model that took part."""


def provenance_of(
    models: Models, query: str | None, features: Features, speech_weights: Sequence[Weights], *, has_speech: bool
) -> Provenance:
    """What `models` scored these features by; `speech_weights` are the recogniser's, if one listened."""
    choice = models.choice_for(query)
    seed, change = choice.random_seed, features.signals.get(FRAME_CHANGE)
    settings = {
        "device": models.device,
        "random_seed": seed,
        "scorer_config": dict(choice.config),
        "unseen": [] if change is None else [[round(each, 3) for each in span] for span in unseen_spans(change)],
    }
    weights = (*models.weights_for(query, speech=has_speech), *speech_weights)
    return Provenance(models.preset.scorer_name(query), settings, () if seed is None else ("random weights",), weights)


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
    scores, said = summary.scores, summary.transcript
    receipt = Receipt(
        source=_source(summary.source),
        preset=summary.preset,
        scorer=provenance.scorer,
        marks=tuple(provenance.marks),
        versions={**_software_versions(), **(versions or {})},
        weights=tuple(provenance.weights),
        query=summary.query,
        match=summary.match,
        clip_seconds=scores.grid.clip_seconds,
        scores=tuple(scores.values.tolist()),
        parts={name: tuple(values.tolist()) for name, values in sorted(scores.parts.items())},
        transcript=None if said is None else _told(ReceiptTranscript, said),
        shots=summary.shots,
        segments=summary.segments,
        summary_seconds=summary.seconds if cut is None else cut.seconds,
        options=options or {},
        settings=provenance.settings,
        notes=summary.notes,
        outputs={name: printable(path) for name, path in summary.outputs.items()},
        timings=summary.timings_seconds,
        cut=None if cut is None else ReceiptCut(tuple(_told(ReceiptPiece, piece) for piece in cut.pieces)),
    )
    plain: dict[str, Any] = _plain(receipt)
    return plain


def write_receipt(path: Path, receipt: Mapping[str, object]) -> None:
    """Write a receipt as UTF-8 JSON, whole or not at all; an `OutputError` where the place cannot be written."""
    write_whole(path, json_shown(receipt, indent=2) + "\n")


def _software_versions() -> dict[str, str]:
    """Versions of what can change a result; what not every preset uses only where it was, which its import shows."""
    import av

    used = [name for name in ("torch", "timm", "openvino") if name in sys.modules]
    return {**versions_of("av"), "libav": str(av.ffmpeg_version_info), **versions_of("numpy", "onnxruntime", *used)}


def _source(source: Source) -> ReceiptSource:
    kind, digest = content_hash(source.path, source.identity)
    video, audio = source.video, source.audio
    (width, height), rate = video.visible_size, video.frames_per_second
    told = {"sample_aspect_ratio": str(video.sample_aspect_ratio), "width": width, "height": height}
    seen = _told(ReceiptVideo, video, frames_per_second=None if rate is None else str(rate), **told)
    heard = tuple(_told(ReceiptAudio, track) for track in source.audio_tracks)
    first = None if audio is None else _told(ReceiptAudio, audio)
    own = {"path": printable(source.path), "hash_kind": kind, "hash": digest}
    return _told(ReceiptSource, source, **own, video=seen, audio=first, audio_tracks=heard)


def _told(kind: type[Told], thing: object, **own: object) -> Told:
    """What a receipt tells of a thing: its attributes of the same names, but for `own`."""
    names = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: own[name] if name in own else getattr(thing, name) for name in names})


def _plain(value: object, digits: int | None = None) -> Any:
    """The same as plain JSON types, numbers with so many digits; what has no such type becomes its text."""
    if digits is not None and isinstance(value, Real):
        return round(float(value), digits)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if is_dataclass(value):
        names = sorted((item.name for item in fields(value)), key=_LAST.count)
        found = {name: getattr(value, name) for name in names}
        kept = {name: each for name, each in found.items() if each not in (None, "", ()) or name not in OPTIONAL}
        return {name: _plain(each, _digits(name)) for name, each in kept.items()}
    if isinstance(value, Mapping):
        return {str(key): _plain(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, digits) for item in value]
    return printable(value) if isinstance(value, Path) else str(value)


def _digits(name: str) -> int | None:
    return _SECONDS_DIGITS if name.endswith("_seconds") else _DIGITS.get(name)
