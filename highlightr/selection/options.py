"""What a caller may choose about the summary: how long, how many moments, from where, how they are picked.

In: numbers from the command line, Python or a preset. Out: `SelectionOptions`, checked, and the budget in seconds.
All lengths are seconds of the source video. The command line reads its defaults and help from here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from highlightr.core.checks import check_fields
from highlightr.core.clock import length_words
from highlightr.core.errors import ConfigError, NoMatchError
from highlightr.core.numeric import inside
from highlightr.core.types import Match

Mode = Literal["moments", "knapsack"]
Detector = Literal["cheap", "transnetv2"]
AnalysisMode = Literal["auto", "exact"]
Order = Literal["time", "score"]

DEFAULT_RATIO = 0.15
"""Share of the video that is kept where nothing else is asked for: the budget of SumMe and TVSum."""

SHORTEST_SUMMARY_SECONDS = 6.0
"""The default budget is no shorter, or a clip of 14 s would become one of 2.1 s; a ratio that is asked for is kept."""

LEAST_SECONDS = 0.1
"""Of a summary and of a moment, whatever is asked for: less is a picture or none."""

SHORTEST_MOMENT_SECONDS = (2.0, 5.0)
"""Bounds of the default `min_seconds`: less than 2 s cannot be followed, and more than 5 s leaves out short answers."""

KNAPSACK_NOTE = (
    "Knapsack maximises a sum over shots, so many middling shots can outweigh the one that was asked for; "
    "leave out --mode to get the best moments."
)

_AT_LEAST = f"at least {LEAST_SECONDS} s"

Spans = tuple[tuple[float, float], ...]

_SPANS = ("range", "exclude")
"""Options that are spans of seconds."""


@dataclass(frozen=True)
class SelectionOptions:
    """How scores become segments.

    With a query the budget is a ceiling: what does not answer the query is left out. Without one it is filled.
    The default mode is ``moments``: the strongest spans first, so a query about one shot is answered from that shot.
    The knapsack of the literature maximises a sum over shots, in which many short middling shots outweigh the one
    that was asked for; it is here to compare with published figures, and always fills the budget.

    Raises:
        ConfigError: a value outside its range.
    """

    ratio: float | None = None
    """Length of the summary over length of the video, in (0, 1]; `None`: 0.15, and at least 6 s of a short video."""
    duration_seconds: float | None = None
    """Length of the summary; takes the place of `ratio`."""
    fill: bool = False
    """Spend the whole budget with a query too, on the best of what is left."""
    threshold: float | None = None
    """Score in [0, 1] below which no moment is delivered; `None`: by what the query finds in this video."""
    strict: bool = False
    """Deliver nothing where the query is not in the video, instead of the best guess."""
    mode: Mode = "moments"
    """``moments``: strongest spans first; ``knapsack``: the best-valued set of whole shots."""
    min_seconds: float | None = None
    """A moment is no shorter, unless the budget, the video or the scene that answers is; moments only. `None`: a
    quarter of the budget, from 2 s in short videos to 5 s in those over two minutes."""
    max_seconds: float = 20.0
    """A moment grows no longer; moments of one scene that touch are joined afterwards, so a strong stretch may play
    longer. In knapsack mode, a shot that exceeds the budget is split into pieces no longer than this."""
    margin: tuple[float, float] = (0.0, 0.0)
    """Seconds added before and after each moment, across shot boundaries too; they count in the budget, and are fewer
    where it would hold no moment beside them; moments only."""
    range: Spans = ()
    """Only what lies inside these spans of seconds is chosen; empty: the whole video."""
    exclude: Spans = ()
    """What lies inside these spans of seconds is never chosen."""
    merge_gap_seconds: float = 1.0
    """Moments of one scene nearer than this are joined if the budget allows: a jump of under a second looks wrong."""
    snap_seconds: float = 1.0
    """A moment's edge this near to a shot boundary moves out to it; 0 keeps the clip edges."""
    max_clips: int | None = None
    """At most so many segments; `None`: as many as the budget holds."""
    order: Order = "time"
    """How segments follow each other in the summary: by ``time``, or by ``score``, the best first."""
    detector: Detector = "cheap"
    """How shot boundaries are found: ``cheap`` from frame changes, or the ``transnetv2`` network (slower)."""
    analysis: AnalysisMode = "auto"
    """What is decoded to score the video: `auto` looks at keyframes alone where the picture hardly changes, `exact` at
    every stretch alike."""

    def __post_init__(self) -> None:
        check_fields(self)
        ratio, seconds = self.ratio, self.duration_seconds
        self._check("ratio", ratio is None or 0.0 < ratio <= 1.0, "a number in (0, 1]", "0.15 keeps 15 % of the video")
        self._check("duration_seconds", seconds is None or _enough(seconds), _AT_LEAST, "30 keeps 30 s")
        within = self.threshold is None or 0.0 <= self.threshold <= 1.0
        self._check("threshold", within, "a score in [0, 1]", "leave it out to let the query decide")
        for name in ("min_seconds", "max_seconds"):
            value = getattr(self, name)
            self._check(name, value is None or _enough(value), _AT_LEAST, "leave it out for the default")
        least = self.min_seconds or 0.0
        self._check("max_seconds", self.max_seconds >= least, f"at least min_seconds ({least:g})")
        for name in ("merge_gap_seconds", "snap_seconds"):
            self._check(name, _not_negative(getattr(self, name)), "zero or a positive number", "0 switches it off")
        two = len(self.margin) == 2 and all(_not_negative(each) for each in self.margin)
        self._check("margin", two, "seconds before and after, zero or positive", "1,2 adds 1 s before and 2 s after")
        for name in _SPANS:
            ordered = all(_not_negative(start) and start < stop for start, stop in getattr(self, name))
            self._check(name, ordered, "spans that begin before they end", "write FROM-TO, such as 1:20-2:00")
        clips = self.max_clips
        self._check(
            "max_clips", clips is None or clips >= 1, "a whole number of at least 1", "leave it out for no limit"
        )

    def from_time(self, seconds: float) -> SelectionOptions:
        """The same, choosing nothing before a time: where there is no picture yet. Spans that the caller named stay."""
        if self.range or seconds <= 0:
            return self
        return replace(self, exclude=(*self.exclude, (0.0, seconds)))

    def check_length(self, video_seconds: float) -> None:
        """Refuse a `range` and `exclude` that leave nothing of a video of this length, with a `ConfigError`."""
        # What is left begins where the video does, where a range does, or where an excluded span ends.
        begins = np.array([0.0, *(start for start, _ in self.range), *(stop for _, stop in self.exclude)])
        left = begins[(begins < video_seconds) & inside(begins, self.range or [(0.0, video_seconds)])]
        if inside(left, self.exclude).all():
            raise nothing_left(video_seconds)

    def budget_seconds(self, video_seconds: float) -> float:
        """The longest that the summary of a video of this length may be, at most the video itself."""
        if self.duration_seconds is not None:
            return min(self.duration_seconds, video_seconds)
        if self.ratio is not None:
            return min(max(self.ratio * video_seconds, LEAST_SECONDS), video_seconds)
        return min(max(DEFAULT_RATIO * video_seconds, SHORTEST_SUMMARY_SECONDS), video_seconds)

    def shortest_seconds(self, video_seconds: float) -> float:
        """The shortest that a moment of a video of this length may be, where there is room for it."""
        if self.min_seconds is not None:
            return self.min_seconds
        low, high = SHORTEST_MOMENT_SECONDS
        return min(max(self.budget_seconds(video_seconds) / 4, low), high, self.max_seconds)

    def with_room(self, video_seconds: float) -> SelectionOptions:
        """The same with a margin that leaves the budget of a video of this length room for a moment."""
        budget, wanted = self.budget_seconds(video_seconds), sum(self.margin)
        room = budget - min(self.shortest_seconds(video_seconds), budget)
        if wanted <= room:
            return self
        before, after = (each * room / wanted for each in self.margin)
        return replace(self, margin=(before, after))

    def _check(self, name: str, accepted: bool, range_words: str, advice: str = "") -> None:
        if not accepted:
            hint = f"; {advice}" if advice else ""
            value = getattr(self, name)
            got = ", ".join(f"{start:g}-{stop:g}" for start, stop in value) if name in _SPANS else repr(value)
            raise ConfigError(f"{name} must be {range_words}, got {got}{hint}")


def _enough(value: float) -> bool:
    return math.isfinite(value) and value >= LEAST_SECONDS


def _not_negative(value: float) -> bool:
    return math.isfinite(value) and value >= 0


def selection_notes(options: SelectionOptions, query: str | None, match: Match | None) -> tuple[str, ...]:
    """Sentences about these options for this query.

    Raises:
        NoMatchError: with `strict`, most likely nothing in the video answers the query.
    """
    notes = []
    if query is not None and options.mode == "knapsack":
        notes.append(KNAPSACK_NOTE)
    if options.mode == "knapsack" and any(options.margin):
        notes.append("margin has no effect with knapsack, which chooses whole shots.")
    if options.strict and match is None:
        why = "there is no query" if query is None else "this scorer cannot tell whether the query is in the video"
        notes.append(f"strict has no effect: {why}.")
    if options.strict and match is not None and match.verdict == "none":
        raise NoMatchError(
            f"nothing in this video seems to be {query!r} (probability {100 * match.probability:.0f} %); nothing was "
            "written. Ask for something else, or leave out --strict to get the best guess"
        )
    return tuple(notes)


def nothing_left(video_seconds: float) -> ConfigError:
    """What is told where `range` and `exclude` leave nothing of a video of this length."""
    told = f"range and exclude leave nothing of a video of {length_words(video_seconds)} s: choose other times"
    return ConfigError(told)
