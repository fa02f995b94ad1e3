"""Reading a receipt, which anyone may have edited: checked, typed, or refused in one line.

In: a file, or plain JSON types. Out: a `Receipt`. Times are seconds of the source, spans half-open; what
only people read is passed over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import msgspec

from highlightr.core.errors import ConfigError
from highlightr.core.reading import read_limited
from highlightr.core.types import Match, Segment, Shot
from highlightr.features.base import Weights

LARGEST_BYTES = 256 << 20
"""Ten hours of video have 5 MiB."""


@dataclass(frozen=True)
class ReceiptAudio:
    """An audio track."""

    codec: str
    sample_rate: int
    channels: int


@dataclass(frozen=True)
class ReceiptVideo:
    """The picture."""

    codec: str
    width: int
    height: int
    rotation_degrees: int
    sample_aspect_ratio: str
    frames_per_second: str | None

    def __post_init__(self) -> None:
        for name in ("sample_aspect_ratio", "frames_per_second"):
            text = getattr(self, name)
            if text is not None and not _is_ratio(text):
                raise ConfigError(f"source: {name} must be a positive fraction such as 30000/1001, got {text!r}")


@dataclass(frozen=True)
class ReceiptSource:
    """The source video."""

    path: str
    duration_seconds: float
    start_seconds: float
    hash_kind: str
    hash: str
    video: ReceiptVideo
    audio: ReceiptAudio | None
    audio_tracks: tuple[ReceiptAudio, ...] = ()
    timecode: str | None = None
    picture_start_seconds: float | None = None
    """`None` where the receipt does not tell: see `with_picture_start`."""


@dataclass(frozen=True)
class ReceiptCut:
    """How the summary was cut."""

    pieces: tuple[Segment, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """What a receipt says that a program may build on."""

    schema_version: Literal[2]
    source: ReceiptSource
    preset: str
    scorer: str
    query: str | None
    clip_seconds: float
    scores: tuple[float, ...]
    segments: tuple[Segment, ...]
    match: Match | None = None
    parts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    shots: tuple[Shot, ...] = ()
    marks: tuple[str, ...] = ()
    weights: tuple[Weights, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    cut: ReceiptCut | None = None

    def __post_init__(self) -> None:
        duration = self.source.duration_seconds
        if not (math.isfinite(duration) and duration > 0 and self.clip_seconds > 0 and self.scores):
            raise ConfigError("duration_seconds, clip_seconds and scores must say how long the video is")
        if not self.segments:
            raise ConfigError("it has no segments")
        for number, segment in enumerate(self.segments, start=1):
            if not 0 <= segment.start_seconds < segment.stop_seconds <= duration + _SLACK_SECONDS:
                raise ConfigError(
                    f"segment {number} must begin before it ends, within the video (0 to {duration:g} s); "
                    f"got {segment.start_seconds:g} to {segment.stop_seconds:g}"
                )


_SLACK_SECONDS = 1e-3


def read_receipt(path: Path) -> Receipt:
    """Read and check a receipt.

    Raises:
        ConfigError: it cannot be read, is no receipt of this version, or describes what cannot be.
    """
    try:
        values = msgspec.json.decode(read_limited(path, LARGEST_BYTES))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(
            f"{path}: not JSON, so no receipt ({error}); give the .json that `summarize` wrote"
        ) from error
    return receipt_from_plain(values, str(path))


def receipt_from_plain(values: Any, where: str) -> Receipt:
    """Check a receipt that was read already; `where` names it in errors.

    Raises:
        ConfigError: no receipt of this version, or one that describes what cannot be.
    """
    version = values.get("schema_version") if isinstance(values, Mapping) else None
    if version != 2:
        remedy = "update highlightr" if isinstance(version, int) and version > 2 else "make the summary again"
        raise ConfigError(f"{where}: not a receipt of schema version 2 (got {version!r}); {remedy}")
    try:
        return msgspec.convert(values, Receipt)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: not a receipt: {error}") from error


def _is_ratio(text: str) -> bool:
    try:
        return len(text) < 40 and Fraction(text) > 0
    except (ValueError, ZeroDivisionError):
        return False
