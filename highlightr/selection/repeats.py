"""What looks the same is shown once.

In: what each clip looks like, as the scorer sees it. Out: whether two spans are near-identical shots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from highlightr.core.types import FloatArray, Scores, TimeGrid
from highlightr.selection.spans import Span, clip_overlaps

SAME_LOOK = 0.985
"""Cosine of mean looks from which two spans are near-identical. In edit_quality's tuning half (cfsum-lite) 67 %
of 138 stretches that come again in another encoding and phase reach it, none of 2151 pairs of different clips (at
most 0.78), and 2 of 43 pairs of other stretches of one recording, which a viewer may want both: at 0.98 a wanted
one is lost in the videos with sound."""


@dataclass(frozen=True)
class Looks:
    """What the clips of a video look like."""

    grid: TimeGrid
    values: FloatArray | None
    """(num_clips, width); `None`: not known, and nothing is a repeat."""

    @classmethod
    def of(cls, scores: Scores) -> Looks:
        """As the scorer tells it."""
        return cls(scores.grid, scores.looks)

    def same(self, span: Span, other: Span) -> bool:
        """Whether two spans are near-identical."""
        if self.values is None:
            return False
        return float(self._mean(self.values, span) @ self._mean(self.values, other)) >= SAME_LOOK

    def _mean(self, values: FloatArray, span: Span) -> FloatArray:
        """(width,) unit length, or zeros: of the clips that a span covers, by how much it covers them."""
        first, overlaps = clip_overlaps(self.grid, span)
        rows = values[first : first + len(overlaps)].astype(np.float64)
        mean = overlaps @ (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9))
