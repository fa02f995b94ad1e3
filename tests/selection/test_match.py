"""What is said before anything is chosen, and what `strict` refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from highlightr.core.errors import NO_MATCH, NoMatchError
from highlightr.core.types import Match
from highlightr.selection.options import KNAPSACK_NOTE, SelectionOptions, selection_notes


def test_strict_refuses_what_is_not_there() -> None:
    strict = SelectionOptions(strict=True)
    with pytest.raises(NoMatchError, match=r"seems to be 'a zebra' \(probability 4 %\)") as raised:
        selection_notes(strict, "a zebra", Match("none", 0.04))
    assert raised.value.exit_code == NO_MATCH == 3
    assert selection_notes(strict, "a zebra", Match("weak", 0.4)) == ()
    assert selection_notes(SelectionOptions(), "a zebra", Match("none", 0.04)) == ()


def test_strict_that_cannot_do_anything_says_so() -> None:
    strict = SelectionOptions(strict=True)
    assert "there is no query" in selection_notes(strict, None, None)[0]
    assert "cannot tell" in selection_notes(strict, "a zebra", None)[0]


def test_knapsack_with_a_query_warns() -> None:
    knapsack = SelectionOptions(mode="knapsack")
    assert selection_notes(knapsack, "a dog", None) == (KNAPSACK_NOTE,)
    assert selection_notes(knapsack, None, None) == ()
    (note,) = selection_notes(replace(knapsack, margin=(0.0, 1.0)), None, None)
    assert "margin has no effect" in note
