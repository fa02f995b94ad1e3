"""How a target length is shared out among queries, on highlighters that choose what they are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from highlightr.core.errors import NoMatchError
from highlightr.core.types import Segment
from highlightr.selection.options import SelectionOptions
from highlightr.selection.spans import Span
from highlightr.web.analyst import SHORTEST_SHARE_SECONDS, _shared_out


@dataclass
class Chooser:
    """Gives each query the first seconds that are free, as many as it may have."""

    asked: list[SelectionOptions] = field(default_factory=list)

    def choose(self, analysis: Any, options: SelectionOptions) -> tuple[Segment, ...]:
        self.asked.append(options)
        if analysis.query == "nothing":
            raise NoMatchError("nothing")
        start = max([0.0, *(stop for _, stop in options.exclude)])
        return (Segment(start, start + (options.duration_seconds or 7.0), 0.5),)


@dataclass
class Asked:
    query: str


@pytest.mark.parametrize(
    ("queries", "seconds", "lengths"),
    [
        (("a", "b", "c"), 30.0, [10.0, 10.0, 10.0]),
        (("a", "nothing", "c"), 30.0, [10.0, 20.0]),
        (("a", "b", "c"), 5.0, [2.0, 2.0]),
        (("a", "b"), 1.5, [1.5]),
        (("a", "b"), None, [7.0, 7.0]),
        (tuple("abcdefghij"), 10.0, [2.0] * 5),
    ],
)
def test_shares_are_equal_long_enough_and_never_too_much(
    queries: tuple[str, ...], seconds: float | None, lengths: list[float]
) -> None:
    chooser: Any = Chooser()
    analyses: Any = [Asked(query) for query in queries]
    taken = [Span(100.0, 110.0)]
    found = _shared_out(chooser, analyses, seconds, taken)
    assert [each.segment.seconds for each in found] == pytest.approx(lengths)
    assert all((100.0, 110.0) in options.exclude for options in chooser.asked)
    if seconds is not None:
        assert sum(each.segment.seconds for each in found) <= seconds + 1e-9
        assert min(lengths) >= min(seconds, SHORTEST_SHARE_SECONDS)
