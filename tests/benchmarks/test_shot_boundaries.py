"""The shot benchmark's own counting."""

from __future__ import annotations

import pytest

from benchmarks.shot_boundaries import Tally, matches


def test_matches_are_one_to_one() -> None:
    assert matches([1.0, 2.0], [1.05, 1.08, 2.2]) == 1
    assert matches([1.0, 1.15], [1.08, 1.2]) == 2
    assert matches([1.0, 1.15], [1.08]) == 1
    assert matches([], [1.0]) == matches([1.0], []) == 0
    assert matches([1.0], [1.1]) == 1


def test_rates_by_hand() -> None:
    # Three true, four found, two of them right: precision 1/2, recall 2/3, F1 4/7.
    tally = Tally(seconds=1.0, video_seconds=10.0, decode_seconds=3.0)
    tally.add(joins=[1.0, 5.0], inner=[8.0], found=[1.0, 3.0, 8.05, 9.0])
    row = tally.row()
    assert row["precision"] == pytest.approx(50)
    assert row["recall"] == pytest.approx(200 / 3)
    assert row["F1"] == pytest.approx(400 / 7)
    assert row["joins"] == pytest.approx(50)
    assert row["ms/s"] == pytest.approx(100)
    assert row["share %"] == pytest.approx(25)
