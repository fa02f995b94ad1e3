"""The 0/1 knapsack over shots, as video summarisation uses it.

In: a value and a length per shot, and a budget. Out: the set of shots with the largest sum of values that fits.
Lengths are turned into whole units of time, rounded up, so that the budget holds in seconds as well.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.selection.options import SelectionOptions
from highlightr.selection.spans import EPSILON_SECONDS, Mask, Pieces, Span, join_touching

UNIT_SECONDS = 0.001
"""Lengths are exact to this where the table allows."""

LARGEST_TABLE = 400_000_000
"""Cells of the table, one bit each: 50 MB and about a second; longer videos get coarser units."""


def knapsack(
    values: npt.ArrayLike, lengths: npt.ArrayLike, capacity: int, max_items: int | None = None
) -> tuple[int, ...]:
    """The subset with the largest sum of values whose lengths fit the capacity: exact, by dynamic programming.

    Args:
        values: (n,) not negative.
        lengths: (n,) whole numbers of at least 1.
        capacity: largest sum of lengths.
        max_items: largest size of the subset; `None`: any.

    Returns:
        Indices in increasing order. Among subsets of equal value, the one that leaves later items out.

    Raises:
        ConfigError: a negative value or a length below 1.

    Source: the recurrence of Kellerer, Pferschy, Pisinger, *Knapsack Problems*, 2004, section 2.3, with a layer per
    number of items where that is limited.
    """
    worth = np.asarray(values, dtype=np.float64)
    sizes = np.asarray(lengths, dtype=np.int64)
    if worth.shape != sizes.shape or worth.ndim != 1 or (worth < 0).any() or (sizes < 1).any():
        raise ConfigError("knapsack needs one value >= 0 and one length >= 1 per item")
    if capacity < 1 or worth.size == 0:
        return ()
    # Without a limit on the number, one layer that feeds itself does; with one, layer k holds subsets of at most k.
    layers = 1 if max_items is None else min(max_items, worth.size)
    best = np.zeros((layers + 1 if max_items is not None else 1, capacity + 1))
    taken = [
        _add_item(best, float(value), int(size), limited=max_items is not None)
        for value, size in zip(worth, sizes, strict=True)
    ]
    return _trace_back(taken, sizes, best.shape)


def _add_item(best: npt.NDArray[np.float64], value: float, size: int, *, limited: bool) -> npt.NDArray[np.uint8]:
    """Update the table (layers, capacity + 1) in place; returns, in bits, where taking the item was better."""
    better = np.zeros(best.shape, dtype=bool)
    if size < best.shape[1]:
        before = best[:-1, :-size] if limited else best[:, :-size]
        offered = before + value
        target = best[1:, size:] if limited else best[:, size:]
        gain = offered > target
        (better[1:, size:] if limited else better[:, size:])[...] = gain
        np.copyto(target, offered, where=gain)
    return np.packbits(better, axis=1)


def _trace_back(
    taken: list[npt.NDArray[np.uint8]], sizes: npt.NDArray[np.int64], shape: tuple[int, ...]
) -> tuple[int, ...]:
    """Walk from the full table to the first item."""
    layer, room = shape[0] - 1, shape[1] - 1
    limited = shape[0] > 1
    chosen: list[int] = []
    for item in range(len(taken) - 1, -1, -1):
        if taken[item][layer, room // 8] >> (7 - room % 8) & 1:
            chosen.append(item)
            room -= int(sizes[item])
            layer -= int(limited)
    return tuple(reversed(chosen))


def select_shots(pieces: Pieces, options: SelectionOptions, budget: float, eligible: Mask) -> list[Span]:
    """Choose whole shots by value under the budget, among those whose pieces are all eligible; what meets is joined.

    A shot's value is the mean score of its clips, its weight its length. What the table's units left unused goes to
    the most valuable shots that still fit.

    Source: Song et al., "TVSum", CVPR 2015, section 3.4, and Gygli et al., ECCV 2014, as computed by the evaluation
    code that later work shares (shot value = mean of the frame scores). Deviation: a shot longer than the budget,
    which they can never choose, is split into equal pieces of at most `max_seconds`.
    """
    spans = [span for span in _split_long_shots(pieces, options, budget) if _whole(pieces, span, eligible)]
    values = [pieces.mean_score(span) for span in spans]
    copies = len(spans) * (1 if options.max_clips is None else min(options.max_clips, len(spans)) + 1)
    unit = max(UNIT_SECONDS, budget * copies / LARGEST_TABLE)
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


def _whole(pieces: Pieces, span: Span, eligible: Mask) -> bool:
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
