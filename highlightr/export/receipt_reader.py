"""What a receipt says, and reading one that anyone may have edited: checked, typed, or refused in one line.

In: a file, or plain JSON types. Out: a `Receipt`, which is also what is written. Times are seconds of the source, spans
half-open.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from highlightr.core.errors import ConfigError
from highlightr.core.files import printable
from highlightr.core.hashing import file_sha256
from highlightr.core.reading import read_limited
from highlightr.core.types import Match, Segment, Shot
from highlightr.features.base import Weights

SCHEMA_VERSION: Literal[2] = 2
"""Grows when a reader of the old schema would be misled; optional keys may be added without."""

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
    """Stored pixels of what is shown, before rotation; likewise `height`."""
    height: int
    rotation_degrees: int
    sample_aspect_ratio: str
    frames_per_second: str | None

    def __post_init__(self) -> None:
        for name in ("sample_aspect_ratio", "frames_per_second"):
            text = getattr(self, name)
            if text is not None and not _is_ratio(text):
                raise ConfigError(f"source: {name} must be a positive fraction such as 30000/1001, got {text!r}")


@dataclass(frozen=True, kw_only=True)
class ReceiptSource:
    """The source video."""

    path: str
    duration_seconds: float
    start_seconds: float
    """The container's first timestamp, which is time zero here."""
    picture_start_seconds: float | None = None
    """When the first picture appears; timelines count frames from there."""
    container: str = ""
    size_bytes: int = 0
    hash_kind: str
    """The whole file, or its size and 16 evenly spaced blocks of 1 MiB (files over 256 MiB)."""
    hash: str
    timecode: str | None = None
    """Of the first picture, such as 01:00:00;00; absent where the file tells none."""
    video: ReceiptVideo
    audio: ReceiptAudio | None
    audio_tracks: tuple[ReceiptAudio, ...] = ()
    """The audio tracks that were heard together and kept."""


@dataclass(frozen=True)
class ReceiptTranscript:
    """Where it is known from what is said."""

    origin: str = ""
    """Such as talk.en.srt, subtitle stream 3 (eng), or faster-whisper tiny.en."""
    language: str | None = None
    """As the origin tells it."""


@dataclass(frozen=True, kw_only=True)
class ReceiptPiece:
    """How one segment was cut."""

    start_seconds: float
    """Where the piece really begins in the source."""
    stop_seconds: float
    output_start_seconds: float = 0.0
    """Where the piece begins in the summary."""
    method: str = ""
    """All pictures encoded anew; all copied; copied but for those at its ends."""
    copied_pictures: int = 0
    """How many were copied, bit for bit."""
    encoded_pictures: int = 0
    start_moved_seconds: float = 0.0
    """How much later than the segment it begins; negative if earlier."""
    stop_moved_seconds: float = 0.0


@dataclass(frozen=True)
class ReceiptCut:
    """How the summary was cut."""

    pieces: tuple[ReceiptPiece, ...] = ()
    """One per segment, in order."""


@dataclass(frozen=True)
class WrittenFile:
    """A file as a receipt lists it."""

    output: str
    """The entry of outputs that it belongs to, such as ``clips``."""
    name: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Everything that a receipt says, in its order; what has a default may be absent from one that is read."""

    schema_version: Literal[2] = SCHEMA_VERSION
    source: ReceiptSource
    preset: str
    scorer: str
    marks: tuple[str, ...] = ()
    """Warnings that must not be lost, such as random weights."""
    versions: Mapping[str, str] = field(default_factory=dict)
    weights: tuple[Weights, ...] = ()
    query: str | None
    match: Match | None = None
    """Whether the video holds what was asked for; absent without a query, or where the scorer cannot tell."""
    clip_seconds: float
    scores: tuple[float, ...]
    """One saliency score per clip; clip i starts at i * clip_seconds."""
    parts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """What made the scores: per part one number per clip."""
    transcript: ReceiptTranscript | None = None
    """Where it is known from what is said; absent where it is not known."""
    shots: tuple[Shot, ...] = ()
    segments: tuple[Segment, ...]
    """What was kept, in the order in which it plays. Segments overlap only where those of an edit do, which `notes`
    tell."""
    summary_seconds: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the caller asked for."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What else the result depends on, such as the device and the seed."""
    notes: tuple[str, ...] = ()
    """Sentences for the user: all that was dropped, changed or doubted."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds of wall time per stage."""
    cut: ReceiptCut | None = None
    """How the summary was cut."""
    files: tuple[WrittenFile, ...] = ()
    """What else was written, by which --overwrite later tells it from files of a user."""

    def check(self) -> None:
        """Refuse, with a `ConfigError`, what cannot be: an edited receipt may say anything."""
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

_LARGEST_NUMBER = 1e15
"""Of seconds, scores, pictures and bytes: what is larger cannot be counted in by all that reads a receipt."""

_FREE = ("options", "settings")
"""What may hold anything."""


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
        receipt = msgspec.convert(values, Receipt)
        _check_numbers(value for name, value in values.items() if name not in _FREE)
        receipt.check()
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: not a receipt: {error}") from error
    return receipt


def _check_numbers(values: Iterable[Any]) -> None:
    rest = list(values)
    while rest:
        value = rest.pop()
        if isinstance(value, Mapping | list):
            rest.extend(value.values() if isinstance(value, Mapping) else value)
        elif isinstance(value, int | float) and not abs(value) <= _LARGEST_NUMBER:
            raise ConfigError(f"numbers must be from -{_LARGEST_NUMBER:g} to {_LARGEST_NUMBER:g}, got {value!s:.30}")


def _is_ratio(text: str) -> bool:
    try:
        return len(text) < 40 and Fraction(text) > 0
    except (ValueError, ZeroDivisionError):
        return False


Kind = TypeVar("Kind")

REPORT_MARK = " \u00b7 highlightr</title>".encode()
"""At the end of a report's title."""

_TITLE_BYTES = 8192
"""Within which a report has its title."""


class Written(msgspec.Struct):
    """What a receipt says of the files of its summary."""

    schema_version: Literal[2]
    outputs: dict[str, str] = {}
    files: list[WrittenFile] = []


class _AnyReceipt(msgspec.Struct):
    schema_version: int | str
    outputs: dict[str, str]


def written_files(output: str, paths: Iterable[Path]) -> list[dict[str, str]]:
    """How a receipt lists files that were written; an `OSError` where one cannot be read."""
    return [{"output": output, "name": printable(path.name), "sha256": file_sha256(path)} for path in paths]


def read_written(receipt: Path) -> Written | None:
    """What the receipt says that is there; `None` if there is none, or it cannot be understood."""
    return _read(receipt, Written)


def is_summary(video: Path, made: Written | None) -> bool:
    """Whether it is what highlightr made of another, as the receipt beside it says; of any version, by its name."""
    usual = video.stem.endswith(".summary") and video.with_name(f"{video.stem}.json").exists()
    return usual or (made is not None and Path(made.outputs.get("video", "")).name == video.name)


def is_receipt(path: Path) -> bool:
    """Whether it is a receipt of any version."""
    return _read(path, _AnyReceipt) is not None


def _read(path: Path, kind: type[Kind]) -> Kind | None:
    """What a file holds; `None` if it is none, or cannot be understood."""
    if not os.path.isfile(path):  # noqa: PTH113  (a pipe never ends; of a locked folder pathlib raises)
        return None
    try:
        return msgspec.json.decode(read_limited(path, LARGEST_BYTES), type=kind)
    except (ConfigError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def is_report(path: Path) -> bool:
    """Whether it is a page that highlightr made, as its title says."""
    try:
        with path.open("rb") as file:
            return REPORT_MARK in file.read(_TITLE_BYTES)
    except OSError:
        return False


def holds(path: Path, digest: str) -> bool:
    """Whether it is a file, and no link to one, of this content."""
    try:
        return path.is_file() and not path.is_symlink() and file_sha256(path) == digest
    except OSError:
        return False
