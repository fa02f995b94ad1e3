"""How a target length is shared out among queries, on highlighters that choose what they are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from highlightr.core.errors import NoMatchError
from highlightr.core.types import Segment
from highlightr.selection.options import SelectionOptions
from highlightr.selection.spans import Span
from highlightr.web.analyst import SHORTEST_SHARE_SECONDS, Analyst, Proposal, _joined, _shared_out


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

    @property
    def scores(self) -> Any:
        """The video answers queries that are one letter long."""
        return SimpleNamespace(match=SimpleNamespace(verdict="strong" if len(self.query) == 1 else "none"))


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


def test_next_to_nothing_between_two_of_a_query_is_not_left_out() -> None:
    spans = [(27.0, 30.0, "a"), (20.0, 26.97, "a"), (10.0, 20.0, "a"), (30.03, 35.0, "b"), (36.0, 37.0, "b")]
    titled = [Proposal(Segment(start, stop, 0.5, title=f"from {start:g}"), query) for start, stop, query in spans]
    found = [(each.segment.start_seconds, each.segment.stop_seconds, each.segment.title) for each in _joined(titled)]
    assert [span[:2] for span in found] == [(10, 20), (20, pytest.approx(29.97)), (30.03, 35), (36, 37)]
    assert found[1][2] == "from 20"
    assert sum(stop - start for start, stop, _ in found) == pytest.approx(sum(stop - start for start, stop, _ in spans))


@pytest.mark.parametrize(
    ("queries", "shares"),
    [
        (("a", "not there", "c"), [("a", 15.0), ("c", 15.0)]),
        (("not there", "nor this"), [("not there", 15.0), ("nor this", 15.0)]),
    ],
)
def test_what_the_video_does_not_show_takes_no_share(
    queries: tuple[str, ...], shares: list[tuple[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Analyst, "known", lambda _self, _video: {query: Asked(query) for query in queries})
    chooser: Any = Chooser()
    analyst, video = Analyst(lambda _: chooser), object()
    found = analyst.propose(video, queries, 30.0, ())  # type: ignore[arg-type]
    assert [(each.query, each.segment.seconds) for each in found] == shares
