"""Near-identical shots, by what their clips look like."""

from __future__ import annotations

import numpy as np
import pytest

from highlightr.core.types import Scores, TimeGrid
from highlightr.selection.relevance import mean_look, same_look
from highlightr.selection.spans import Span

GRID = TimeGrid(8.0, 1.0)
LOOKS = np.float32([[1, 0], [1, 0.1], [0, 1], [0, 5], [3, 0], [3, 0.3], [0, 0], [0, 0]])
SCORES = Scores(GRID, np.zeros(8, np.float32), looks=LOOKS)


def _same(scores: Scores, span: Span, other: Span) -> bool:
    return same_look(mean_look(scores, span), mean_look(scores, other))


def test_spans_look_the_same_whatever_the_length_of_their_vectors() -> None:
    assert _same(SCORES, Span(0.0, 2.0), Span(4.0, 6.0))
    assert not _same(SCORES, Span(0.0, 2.0), Span(2.0, 4.0))
    assert not _same(SCORES, Span(0.0, 2.0), Span(3.5, 5.5))  # A quarter of it looks otherwise.


def test_what_has_no_look_is_no_repeat() -> None:
    assert not _same(SCORES, Span(6.0, 7.0), Span(7.0, 8.0))
    assert not _same(Scores(GRID, np.zeros(8, np.float32)), Span(0.0, 1.0), Span(0.0, 1.0))


def test_looks_are_one_row_per_clip() -> None:
    with pytest.raises(ValueError, match=r"looks must be \(8, width\), got \(7, 2\)"):
        Scores(GRID, np.zeros(8, np.float32), looks=LOOKS[:7])
