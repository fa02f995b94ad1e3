"""What a caller may choose about the summary: how long, how many pieces, how they are picked.

In: numbers from the command line, Python or a preset. Out: `SelectionOptions`, checked, and the budget in seconds.
All lengths are seconds of the source video. The command line reads its defaults and help from here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from highlightr.core.errors import ConfigError

__all__ = ["Detector", "Mode", "SelectionOptions"]

Mode = Literal["moments", "knapsack"]
Detector = Literal["cheap", "transnetv2"]


@dataclass(frozen=True)
class SelectionOptions:
    """How scores become segments.

    The default mode is ``moments``, with and without a query. A viewer asked to see the best part: moments spend the
    budget on the strongest spans first, so a query about one shot is answered from that shot. The knapsack of the
    literature maximises a sum over shots, in which many short middling shots outweigh the one that was asked for; it
    is here to compare with published figures.

    Raises:
        ConfigError: a value outside its range.
    """

    ratio: float = 0.15
    """Length of the summary over length of the video, in (0, 1]; 0.15 is the budget of SumMe and TVSum."""
    duration_seconds: float | None = None
    """Length of the summary; takes the place of `ratio`."""
    mode: Mode = "moments"
    """``moments``: strongest spans first; ``knapsack``: the best-valued set of whole shots."""
    min_seconds: float = 2.0
    """A moment is no shorter, unless the budget or the video is; moments only."""
    max_seconds: float = 10.0
    """A moment grows no longer; moments that touch are joined afterwards, so a strong stretch may play longer.
    In knapsack mode, a shot that exceeds the budget is split into pieces no longer than this."""
    merge_gap_seconds: float = 1.0
    """Moments nearer than this are joined if the budget allows: a jump of under a second looks like a fault."""
    snap_seconds: float = 1.0
    """A moment's edge this near to a shot boundary moves out to it; 0 keeps the clip edges."""
    max_clips: int | None = None
    """At most so many segments; `None`: as many as the budget holds."""
    detector: Detector = "cheap"
    """How shot boundaries are found: ``cheap`` from frame changes, or the ``transnetv2`` network (slower)."""

    def __post_init__(self) -> None:
        self._check("ratio", 0.0 < self.ratio <= 1.0, "a number in (0, 1]", "0.15 keeps 15 % of the video")
        seconds = self.duration_seconds
        self._check("duration_seconds", seconds is None or _positive(seconds), "a positive number", "30 keeps 30 s")
        self._check("mode", self.mode in get_args(Mode), " or ".join(get_args(Mode)), "moments is the default")
        self._check("detector", self.detector in get_args(Detector), " or ".join(get_args(Detector)), "try cheap")
        for name in ("min_seconds", "max_seconds"):
            self._check(name, _positive(getattr(self, name)), "a positive number", "leave it out for the default")
        self._check("max_seconds", self.max_seconds >= self.min_seconds, f"at least min_seconds ({self.min_seconds:g})")
        for name in ("merge_gap_seconds", "snap_seconds"):
            value = getattr(self, name)
            self._check(name, math.isfinite(value) and value >= 0, "zero or a positive number", "0 switches it off")
        clips = self.max_clips
        self._check(
            "max_clips", clips is None or clips >= 1, "a whole number of at least 1", "leave it out for no limit"
        )

    def budget_seconds(self, video_seconds: float) -> float:
        """The longest that the summary of a video of this length may be, at most the video itself."""
        wanted = self.ratio * video_seconds if self.duration_seconds is None else self.duration_seconds
        return min(wanted, video_seconds)

    def _check(self, name: str, accepted: bool, range_words: str, advice: str = "") -> None:
        if not accepted:
            hint = f"; {advice}" if advice else ""
            raise ConfigError(f"{name} must be {range_words}, got {getattr(self, name)!r}{hint}")


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0
