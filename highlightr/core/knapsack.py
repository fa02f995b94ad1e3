"""The 0/1 knapsack: which things of some value and length fit into a room, so that their values sum to the most."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError


def knapsack(
    values: npt.ArrayLike, lengths: npt.ArrayLike, capacity: int, max_items: int | None = None
) -> tuple[int, ...]:
    """The subset with the largest sum of values whose lengths fit the capacity: exact, by dynamic programming.

    Values (n,) are not negative and lengths (n,) whole numbers of at least 1, or a `ConfigError` says so. Indices come
    back in increasing order, at most `max_items`; among subsets of equal value, of the one that leaves later items out.

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
    best = np.zeros((1 if max_items is None else min(max_items, worth.size) + 1, capacity + 1))
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
