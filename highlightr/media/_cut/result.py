"""What a cut holds: for each wanted span, the span of the source that really went into the output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Method = Literal["encoded", "copied", "smart"]
"""How a piece was written: every frame encoded anew, packets copied, or encoded only where a boundary asks for it."""


@dataclass(frozen=True)
class Piece:
    """One segment as it was cut; all times in seconds, spans half-open."""

    wanted_start_seconds: float
    wanted_stop_seconds: float
    start_seconds: float
    """Where it really begins in the source: the wanted time moved to a frame (a keyframe if copied)."""
    stop_seconds: float
    """Where it really ends in the source."""
    output_start_seconds: float
    """Where it begins in the output."""
    method: Method = "encoded"
    copied_pictures: int = 0
    encoded_pictures: int = 0

    @property
    def seconds(self) -> float:
        """Length."""
        return self.stop_seconds - self.start_seconds

    @property
    def span(self) -> tuple[float, float, float]:
        """Start and stop in the source, and start in the output, as `Subtitles.cut` takes them."""
        return self.start_seconds, self.stop_seconds, self.output_start_seconds

    @property
    def start_moved_seconds(self) -> float:
        """How much later than wanted it begins; negative if earlier."""
        return self.start_seconds - self.wanted_start_seconds

    @property
    def stop_moved_seconds(self) -> float:
        """How much later than wanted it ends; negative if earlier."""
        return self.stop_seconds - self.wanted_stop_seconds


@dataclass(frozen=True)
class CutResult:
    """A file that was written."""

    path: Path
    pieces: tuple[Piece, ...]
    """One per segment, in the order of the output."""
    notes: tuple[str, ...] = ()
    """Sentences for the user: what was changed, left out or doubted."""

    @property
    def seconds(self) -> float:
        """Length of the file."""
        return sum(piece.seconds for piece in self.pieces)
