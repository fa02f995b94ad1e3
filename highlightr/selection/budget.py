"""The knapsack of video summarisation: whole shots under a budget.

In: scored pieces of a video and a budget. Out: the spans of the shots with the largest sum of values that fits.
Lengths are turned into whole units of time, rounded up, so that the budget holds in seconds as well.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from highlightr.core.knapsack import knapsack
from highlightr.selection.options import SelectionOptions
from highlightr.selection.spans import EPSILON_SECONDS, Mask, Pieces, Span, join_touching

UNIT_SECONDS = 0.001
"""Lengths are exact to this where the table allows."""

LARGEST_TABLE = 400_000_000
"""Cells of the table, one bit each: 50 MB and about a second; longer videos get coarser units."""


def select_shots(pieces: Pieces, options: SelectionOptions, budget: float, eligible: Mask) -> list[Span]:
    """Choose whole shots by value under the budget, among those whose pieces are all eligible; what meets is joined.

    A shot's value is the mean score of its clips, its weight its length. What the table's units left unused goes to
    the most valuable shots that still fit.

    Source: Song et al., "TVSum", CVPR 2015, section 3.4, and Gygli et al., ECCV 2014, as computed by the evaluation
    code that later work shares (shot value = mean of the frame scores). Deviation: a shot longer than the budget,
    which they can never choose, is split into equal pieces of at most `max_seconds`.
    """
    spans = [span for span in _split_long_shots(pieces, options, budget) if _all_eligible(pieces, span, eligible)]
    values = [pieces.mean_score(span) for span in spans]
    rows = len(spans) * (1 if options.max_clips is None else min(options.max_clips, len(spans)) + 1)
    unit = max(UNIT_SECONDS, budget * rows / LARGEST_TABLE)
    lengths = [max(1, math.ceil((span.seconds - EPSILON_SECONDS) / unit)) for span in spans]
    capacity = math.floor((budget + EPSILON_SECONDS) / unit)
    chosen = set(knapsack(values, lengths, capacity, options.max_clips))
    _use_the_rest(spans, values, chosen, options, budget)
    return join_touching(spans[index] for index in chosen)


def _split_long_shots(pieces: Pieces, options: SelectionOptions, budget: float) -> list[Span]:
    spans: list[Span] = []
    for start, stop in pairwise(pieces.shot_edges.tolist()):
        longest = min(options.max_seconds, budget)
        parts = math.ceil((stop - start) / longest - EPSILON_SECONDS) if stop - start > budget else 1
        edges = np.linspace(start, stop, parts + 1).tolist()
        spans.extend(Span(low, high) for low, high in pairwise(edges))
    return spans


def _all_eligible(pieces: Pieces, span: Span, eligible: Mask) -> bool:
    first, last = pieces.index_at(span.start), pieces.index_at(span.stop - 2 * EPSILON_SECONDS)
    return bool(eligible[first : last + 1].all())


def _use_the_rest(
    spans: list[Span], values: list[float], chosen: set[int], options: SelectionOptions, budget: float
) -> None:
    """Rounding up leaves up to one unit per shot unused: add the most valuable shots that fit into it."""
    rest = budget - sum(spans[index].seconds for index in chosen)
    for index in sorted(range(len(spans)), key=lambda i: (-values[i], i)):
        full = options.max_clips is not None and len(chosen) >= options.max_clips
        if index not in chosen and not full and spans[index].seconds <= rest + EPSILON_SECONDS:
            chosen.add(index)
            rest -= spans[index].seconds
