"""The data that flows from a video to its summary.

Plain frozen dataclasses of numbers and numpy arrays: no files, no models. Those with arrays are compared by identity,
because `==` of two arrays is an array. Every span of time is half-open,
``[start_seconds, stop_seconds)``, in seconds from the source's time zero (`highlightr.core.source`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from highlightr.core.checks import check_positive
from highlightr.core.clock import length_words
from highlightr.core.errors import ConfigError
from highlightr.core.source import Source
from highlightr.core.transcript import Transcript

FloatArray = npt.NDArray[np.float32]
TimeArray = npt.NDArray[np.float64]

_ROUNDING_SECONDS = 1e-6
"""A remainder shorter than this is float noise, not one more clip."""


@dataclass(frozen=True)
class TimeGrid:
    """The clips of a video: clip *i* covers ``[i * clip_seconds, min((i + 1) * clip_seconds, duration_seconds))``.

    Made once from the probed duration. Every stream is put on it by timestamp, never by counting frames, so no
    stream drifts against another however long the video is.

    Raises:
        ConfigError: a duration or clip length that is not a positive finite number, or more clips than can be counted.
    """

    duration_seconds: float
    clip_seconds: float

    def __post_init__(self) -> None:
        check_positive(self, "duration_seconds", "clip_seconds")
        if math.isinf(self.duration_seconds / self.clip_seconds):
            raise ConfigError(f"{self.duration_seconds} s hold too many clips of {self.clip_seconds} s")

    @property
    def num_clips(self) -> int:
        """ceil(duration / clip length), at least 1."""
        return max(1, math.ceil((self.duration_seconds - _ROUNDING_SECONDS) / self.clip_seconds))

    def starts(self) -> TimeArray:
        """(num_clips,) float64, seconds."""
        return np.arange(self.num_clips, dtype=np.float64) * self.clip_seconds

    def stops(self) -> TimeArray:
        """(num_clips,) float64, seconds; the last one is the duration."""
        stops = (np.arange(self.num_clips, dtype=np.float64) + 1) * self.clip_seconds
        stops[-1] = self.duration_seconds
        return stops

    def centers(self) -> TimeArray:
        """(num_clips,) float64, seconds: the middle of each clip, the short last one included."""
        return (self.starts() + self.stops()) / 2

    def clip_index(self, seconds: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Index of the clip that holds each time; times outside the video go to the nearest clip."""
        index = np.floor(np.asarray(seconds, dtype=np.float64) / self.clip_seconds).astype(np.int64)
        return np.clip(index, 0, self.num_clips - 1)


@dataclass(frozen=True, eq=False)
class Signal:
    """A stream that keeps its own timestamps because it is finer than the grid (a spectrogram, frame changes)."""

    times_seconds: TimeArray
    """(T,) float64, non-decreasing: the start of what each row describes."""
    values: FloatArray
    """(T, D) float32."""

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.times_seconds.shape != (self.values.shape[0],):
            raise ValueError(
                f"a signal needs times (T,) and values (T, D), got {self.times_seconds.shape} and {self.values.shape}"
            )

    def __repr__(self) -> str:
        return f"Signal{self.values.shape}"


@dataclass(frozen=True, eq=False)
class Features:
    """Everything extracted from one video. A modality that the video lacks is an absent key, never zeros."""

    grid: TimeGrid
    streams: Mapping[str, FloatArray]
    """Stream name to (num_clips, width) float32, one row per clip."""
    signals: Mapping[str, Signal] = field(default_factory=dict)
    """Signal name to rows with their own timestamps."""
    losses: Mapping[str, int] = field(default_factory=dict)
    """What of the video could not be used, and how often (`highlightr.media.decode.loss_notes`)."""

    def __post_init__(self) -> None:
        for name, values in self.streams.items():
            if values.ndim != 2 or values.shape[0] != self.grid.num_clips:
                raise ValueError(
                    f"stream {name!r} must be (num_clips, width) with num_clips {self.grid.num_clips}, "
                    f"got {values.shape}"
                )
        object.__setattr__(self, "streams", MappingProxyType(dict(self.streams)))
        object.__setattr__(self, "signals", MappingProxyType(dict(self.signals)))

    def __reduce__(self) -> tuple[Any, ...]:
        """What pickle writes, which cannot write the read-only mappings."""
        return Features, (self.grid, dict(self.streams), dict(self.signals), self.losses)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in self.streams.items())
        signals = ", ".join(f"{name} {value!r}" for name, value in self.signals.items())
        return f"Features({self.grid.num_clips} clips: {shapes}; {signals})"


@dataclass(frozen=True, eq=False)
class Query:
    """A text query and its embedding."""

    text: str
    tokens: FloatArray
    """(L, D) float32: one row per token of the text, special tokens included."""
    vector: FloatArray
    """(D,) float32, unit length: the whole sentence."""

    def __repr__(self) -> str:
        return f"Query({self.text!r}, tokens {self.tokens.shape}, vector {self.vector.shape})"


@dataclass(frozen=True, slots=True)  # A long video has a hundred thousand of them.
class Reason:
    """One piece of evidence for a clip or segment, in words a viewer understands."""

    kind: str
    """``visual``, ``audio``, ``dynamics``, ``motion``, ``novelty``, ``speech`` or ``text`` (of the query): what the
    evidence was found in."""
    label: str
    """What was found: a class name, a sound, a query token."""
    weight: float
    """The share of the score that it made, in [0, 1]."""
    start_seconds: float | None = None
    """Of a segment's reason: where in the source it was found first; `None` for a clip's, which is all of the clip."""
    stop_seconds: float | None = None
    """The end of that span, half-open."""


Verdict = Literal["strong", "weak", "none"]


@dataclass(frozen=True)
class Match:
    """Whether the video shows what the query asks for."""

    verdict: Verdict
    """``strong``: it does; ``weak``: it may; ``none``: most likely it does not, and what is chosen is a guess."""
    probability: float
    """Chance in [0, 1] that something in the video answers the query."""


@dataclass(frozen=True, eq=False)
class Scores:
    """One saliency score per clip, and the parts that made it."""

    grid: TimeGrid
    values: FloatArray
    """(num_clips,) float32 in [0, 1]."""
    parts: Mapping[str, FloatArray] = field(default_factory=dict)
    """Name of a part (such as ``visual``) to its (num_clips,) float32 contribution, for the report."""
    reasons: tuple[tuple[Reason, ...], ...] = ()
    """Per clip, the strongest reasons first; empty, or one tuple per clip."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about the whole result, such as that the query is not English."""
    match: Match | None = None
    """How well the video answers the query; `None` without a query, and where the scorer cannot tell."""
    borders: FloatArray | None = None
    """(num_clips - 1,) chance that another scene begins after each clip but the last; `None`: the scorer has no idea of
    scenes."""
    looks: FloatArray | None = None
    """(num_clips, width) what each clip looks like: near-identical pictures have a cosine near 1; `None`: not known."""

    def __post_init__(self) -> None:
        expected = (self.grid.num_clips,)
        for name, values in {"values": self.values, **self.parts}.items():
            if values.shape != expected:
                raise ValueError(f"scores {name!r} must be {expected}, got {values.shape}")
        if not np.isfinite(self.values).all() or self.values.min() < 0 or self.values.max() > 1:
            raise ValueError("saliency scores must be finite and lie in [0, 1]")
        if self.borders is not None and self.borders.shape != (self.grid.num_clips - 1,):
            raise ValueError(f"borders must be ({self.grid.num_clips - 1},), got {self.borders.shape}")
        if self.looks is not None and (self.looks.ndim != 2 or len(self.looks) != self.grid.num_clips):
            raise ValueError(f"looks must be ({self.grid.num_clips}, width), got {self.looks.shape}")
        if self.reasons and len(self.reasons) != self.grid.num_clips:
            raise ValueError(f"reasons must be given for all {self.grid.num_clips} clips, got {len(self.reasons)}")

    def __repr__(self) -> str:
        return f"Scores({self.values.shape[0]} clips, max {self.values.max():.2f}, parts {sorted(self.parts)})"


@dataclass(frozen=True)
class Shot:
    """The frames between two boundaries: ``[start_seconds, stop_seconds)``."""

    start_seconds: float
    stop_seconds: float

    @property
    def seconds(self) -> float:
        """Length."""
        return self.stop_seconds - self.start_seconds


@dataclass(frozen=True)
class Segment:
    """A span that was chosen for the summary: ``[start_seconds, stop_seconds)`` of the source."""

    start_seconds: float
    stop_seconds: float
    score: float = 0.0
    """Mean saliency of the clips it covers, weighted by overlap, in [0, 1]; 0 where nothing was scored."""
    reasons: tuple[Reason, ...] = ()
    """Why it was chosen, strongest first."""
    rank: int = 1
    """1 for the best of the summary."""
    title: str = ""
    """A few words made of the evidence; empty, and absent from receipts, where there is none."""
    quotes: tuple[str, ...] = ()
    """What is said in it, where a transcript tells."""

    @property
    def seconds(self) -> float:
        """Length."""
        return self.stop_seconds - self.start_seconds


@dataclass(frozen=True, eq=False)
class Summary:
    """The result: what was chosen, from which scores, and where it was written."""

    source: Source
    segments: tuple[Segment, ...]
    """In the order in which they play; they overlap only where the caller's do, which a note tells."""
    scores: Scores
    shots: tuple[Shot, ...]
    preset: str
    query: str | None
    notes: tuple[str, ...] = ()
    """Sentences for the user: all that was dropped, changed or doubted."""
    transcript: Transcript | None = None
    """What is said in the source, where that is known."""
    outputs: Mapping[str, Path] = field(default_factory=dict)
    """``video``, ``receipt``, ``report``, ``clips``: what was written and where; empty if nothing was."""
    timings_seconds: Mapping[str, float] = field(default_factory=dict)
    """Wall time per stage."""
    receipt: Mapping[str, Any] = field(default_factory=dict)
    """The receipt as it was (or would be) written: plain JSON types."""
    written_seconds: float | None = None
    """Length of the video that was written: copied segments are longer than chosen. `None` before it is."""
    stills: tuple[bytes, ...] = field(default=(), repr=False)
    """A JPEG of the middle of each segment, as the cut made it; empty bytes where none could be decoded."""

    @property
    def match(self) -> Match | None:
        """How well the video answers the query, where that is known."""
        return self.scores.match

    @property
    def seconds(self) -> float:
        """Length of the summary: as written, or else as chosen."""
        chosen = sum(segment.seconds for segment in self.segments)
        return chosen if self.written_seconds is None else self.written_seconds

    def __repr__(self) -> str:
        return (
            f"Summary({self.source.path.name}: {len(self.segments)} segments, {length_words(self.seconds)} of "
            f"{length_words(self.source.duration_seconds)} s, scores {self.scores.values.shape})"
        )
