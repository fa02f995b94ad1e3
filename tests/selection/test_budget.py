"""The knapsack against enumeration, by hand, and within its limits."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from highlightr.core.errors import ConfigError
from highlightr.selection import knapsack

ITEMS = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 30)), max_size=11)


def brute_force(values: list[int], lengths: list[int], capacity: int, most: int) -> int:
    best = 0
    for size in range(most + 1):
        for subset in combinations(range(len(values)), size):
            if sum(lengths[i] for i in subset) <= capacity:
                best = max(best, sum(values[i] for i in subset))
    return best


@settings(deadline=None)
@given(items=ITEMS, capacity=st.integers(0, 150))
def test_finds_the_best_subset(items: list[tuple[int, int]], capacity: int) -> None:
    values, lengths = [v for v, _ in items], [n for _, n in items]
    chosen = knapsack(values, lengths, capacity)
    assert sum(lengths[i] for i in chosen) <= capacity
    assert sum(values[i] for i in chosen) == brute_force(values, lengths, capacity, len(items))


@settings(deadline=None)
@given(items=ITEMS, capacity=st.integers(0, 150), most=st.integers(1, 5))
def test_finds_the_best_subset_of_a_size(items: list[tuple[int, int]], capacity: int, most: int) -> None:
    values, lengths = [v for v, _ in items], [n for _, n in items]
    chosen = knapsack(values, lengths, capacity, most)
    assert len(chosen) <= most
    assert sum(lengths[i] for i in chosen) <= capacity
    assert sum(values[i] for i in chosen) == brute_force(values, lengths, capacity, min(most, len(items)))


def test_worked_by_hand() -> None:
    # 60/10, 100/20, 120/30 into 50: the last two give 220; the best density alone (60) is left out.
    assert knapsack([60, 100, 120], [10, 20, 30], 50) == (1, 2)
    assert knapsack([60, 100, 120], [10, 20, 30], 50, max_items=1) == (2,)


def test_of_equal_values_the_earlier_wins() -> None:
    assert knapsack([5, 5, 5], [4, 4, 4], 8) == (0, 1)
    assert knapsack([0, 0], [1, 1], 2) == ()


@pytest.mark.parametrize(("values", "lengths"), [([1.0], [0]), ([-1.0], [2]), ([1.0, 2.0], [1])])
def test_refuses_what_it_cannot_solve(values: list[float], lengths: list[int]) -> None:
    with pytest.raises(ConfigError, match="one value >= 0 and one length >= 1 per item"):
        knapsack(values, lengths, 10)
