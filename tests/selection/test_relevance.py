"""With a query the budget is a ceiling; what the caller allows is all that is chosen from."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highlightr.core.errors import ConfigError, NoMatchError
from highlightr.core.types import Match, Scores, Segment, Shot, TimeGrid
from highlightr.selection import SelectionOptions, select_segments

Span = tuple[float, float]

spans = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)).map(lambda each: (each[0], sum(each))), max_size=3)
"""Of whole seconds, some beyond a video of 30 s."""

EDGES = (0.0, 10.3, 24.0, 40.0, 52.0, 80.0)
SHOTS = tuple(Shot(start, stop) for start, stop in pairwise(EDGES))


def answers(*levels: float, scenes: bool = True, verdict: str = "strong") -> Scores:
    """One level per shot of `SHOTS`; every shot is a scene of its own."""
    grid = TimeGrid(EDGES[-1], 1.0)
    index = np.searchsorted(EDGES[1:-1], grid.centers(), side="right")
    borders = (np.diff(index) > 0).astype(np.float32) if scenes else None
    values = np.asarray(levels, dtype=np.float32)[index]
    return Scores(grid, values, match=Match(verdict, 0.5), borders=borders)  # type: ignore[arg-type]


def chosen(scores: Scores, **options: object) -> list[tuple[float, float]]:
    found = select_segments(scores, SHOTS, SelectionOptions(**options), answering=True)  # type: ignore[arg-type]
    return [(round(each.start_seconds, 3), round(each.stop_seconds, 3)) for each in found]


def test_only_what_answers_is_delivered_and_it_is_delivered_whole() -> None:
    assert chosen(answers(0.1, 0.1, 0.9, 0.1, 0.1), ratio=0.5) == [(24.0, 40.0)]


def test_two_answers_are_both_delivered() -> None:
    assert chosen(answers(0.1, 0.85, 0.1, 0.88, 0.1), ratio=0.5) == [(10.3, 24.0), (40.0, 52.0)]


def test_adjacent_scenes_that_both_answer_stay_two_moments() -> None:
    assert chosen(answers(0.1, 0.1, 0.86, 0.88, 0.1), ratio=0.5) == [(24.0, 40.0), (40.0, 52.0)]


def test_a_part_of_a_clip_belongs_to_its_own_shot() -> None:
    """Clip 10 is seen in the second shot; the 0.3 s of it before 10.3 s are the first shot's."""
    assert chosen(answers(0.1, 0.9, 0.1, 0.1, 0.1), ratio=0.5) == [(10.3, 24.0)]
    assert chosen(answers(0.1, 0.9, 0.1, 0.1, 0.1, scenes=False), ratio=0.5) == [(10.3, 24.0)]


def test_a_shot_between_two_clips_that_part_scenes_belongs_to_neither() -> None:
    """A dissolve or a flash at a join: no clip is seen in 23.7 to 24.4 s, and the border lies somewhere around it."""
    shots = tuple(Shot(start, stop) for start, stop in pairwise((0.0, 10.3, 23.7, 24.4, 40.0, 52.0, 80.0)))

    def moments(*levels: float) -> list[Span]:
        found = select_segments(answers(*levels), shots, SelectionOptions(ratio=0.5), answering=True)
        return [(round(each.start_seconds, 3), round(each.stop_seconds, 3)) for each in found]

    assert moments(0.1, 0.1, 0.9, 0.1, 0.1) == [(24.4, 40.0)]
    assert moments(0.1, 0.9, 0.1, 0.1, 0.1) == [(10.3, 23.7)]
    both = moments(0.1, 0.9, 0.88, 0.1, 0.1)
    assert both == [(10.3, 23.7), (23.7, 40.0)], "where both are shown, it is not cut out between them"


def test_a_short_shot_inside_a_scene_does_not_break_a_moment_off() -> None:
    """In 63.76 to 64.28 s no clip is seen; the scene, such as a sentence of a talk, goes on before and after it."""
    grid, values, borders = TimeGrid(120.0, 1.0), np.full(120, 0.1, dtype=np.float32), np.zeros(119, np.float32)
    values[62:65], borders[[61, 64]] = 0.8, 1.0
    shots = [Shot(start, stop) for start, stop in pairwise((0.0, 62.0, 63.76, 64.28, 65.0, 120.0))]
    scores = Scores(grid, values, match=Match("strong", 0.8), borders=borders)
    found = select_segments(scores, shots, SelectionOptions(ratio=0.5, min_seconds=1.0), answering=True)
    assert [(each.start_seconds, each.stop_seconds) for each in found] == [(62.0, 65.0)]


@pytest.mark.parametrize(
    ("begins", "ends", "options", "moment"),
    [
        (0.9, 0.3, {}, (24.0, 29.0)),
        (0.3, 0.4, {}, (20.0, 25.0)),
        (0.9, 0.8, {}, (24.0, 25.0)),
        (0.3, 0.3, {}, (24.0, 25.0)),
        (0.9, 0.3, {"min_seconds": 1.0}, (24.0, 25.0)),
        (0.9, 0.3, {"threshold": 0.5}, (24.0, 25.0)),
        (0.9, 0.3, {"exclude": ((26.0, 40.0),)}, (24.0, 26.0)),
    ],
)
def test_a_scene_too_short_to_be_followed_is_shown_with_the_likelier_neighbour(
    begins: float, ends: float, options: dict[str, object], moment: Span
) -> None:
    grid = TimeGrid(80.0, 1.0)
    values, borders = np.full(80, 0.05, dtype=np.float32), np.zeros(79, dtype=np.float32)
    values[24], borders[23], borders[24] = 0.9, begins, ends
    shots = (Shot(0.0, 24.0), Shot(24.0, 25.0), Shot(25.0, 80.0))
    scores = Scores(grid, values, match=Match("strong", 0.8), borders=borders)
    found = select_segments(scores, shots, SelectionOptions(**{"ratio": 0.5, **options}), answering=True)  # type: ignore[arg-type]
    assert [(each.start_seconds, each.stop_seconds) for each in found] == [moment]


def test_a_first_scene_too_short_to_be_followed_has_one_neighbour() -> None:
    grid = TimeGrid(80.0, 1.0)
    values, borders = np.full(80, 0.05, dtype=np.float32), np.zeros(79, dtype=np.float32)
    values[0] = values[79] = 0.9
    borders[0] = borders[78] = 0.3
    shots = (Shot(0.0, 1.0), Shot(1.0, 79.0), Shot(79.0, 80.0))
    scores = Scores(grid, values, match=Match("strong", 0.8), borders=borders)
    found = select_segments(scores, shots, SelectionOptions(ratio=0.5), answering=True)
    assert [(each.start_seconds, each.stop_seconds) for each in found] == [(0.0, 5.0), (75.0, 80.0)]


def test_of_a_long_take_only_the_moments_that_answer_are_delivered() -> None:
    """One scene of two minutes; twice, for four and six seconds, it shows what was asked for."""
    grid = TimeGrid(120.0, 1.0)
    values = np.full(120, 0.1, dtype=np.float32)
    values[30:34], values[80:86] = 0.8, 0.7
    scores = Scores(grid, values, match=Match("strong", 0.8), borders=np.zeros(119, dtype=np.float32))
    found = select_segments(scores, [Shot(0.0, 120.0)], SelectionOptions(ratio=0.5), answering=True)
    assert [(each.start_seconds, each.stop_seconds) for each in found] == [(30.0, 34.0), (80.0, 86.0)]


def test_a_long_scene_is_judged_by_its_best_stretch() -> None:
    """A short scene that answers half as well does not hide the moment of a long one."""
    grid = TimeGrid(120.0, 1.0)
    values = np.full(120, 0.02, dtype=np.float32)
    values[40:50], values[100:] = 0.9, 0.35
    borders = np.zeros(119, dtype=np.float32)
    borders[99] = 1
    scores = Scores(grid, values, match=Match("strong", 0.8), borders=borders)
    shots = [Shot(0.0, 100.0), Shot(100.0, 120.0)]
    found = select_segments(scores, shots, SelectionOptions(ratio=0.5), answering=True)
    assert [(each.start_seconds, each.stop_seconds) for each in found] == [(40.0, 50.0)]


def test_filling_spends_the_budget_on_the_best_of_the_rest() -> None:
    found = chosen(answers(0.1, 0.1, 0.9, 0.3, 0.1), ratio=0.3, fill=True)
    assert sum(stop - start for start, stop in found) == pytest.approx(24.0, abs=0.01)
    assert (24.0, 40.0) in found


def looking(scores: Scores, *looks: int) -> Scores:
    """The same scores; shots with the same number look the same, but for noise."""
    index = np.searchsorted(EDGES[1:-1], scores.grid.centers(), side="right")
    noise = 0.02 * np.random.default_rng(0).standard_normal((len(index), 8))
    return replace(scores, looks=np.float32(np.eye(8)[np.asarray(looks)[index]] + noise))


def test_what_looks_the_same_is_shown_once_and_the_better_one_is() -> None:
    scores = answers(0.1, 0.85, 0.1, 0.88, 0.1)
    assert chosen(looking(scores, 0, 1, 2, 1, 3), ratio=0.5) == [(40.0, 52.0)]
    assert chosen(looking(scores, 0, 1, 2, 4, 3), ratio=0.5) == [(10.3, 24.0), (40.0, 52.0)]


def test_neighbours_that_look_the_same_are_one_stretch_and_both_shown() -> None:
    scores = looking(answers(0.1, 0.1, 0.86, 0.88, 0.1), 0, 1, 2, 2, 3)
    assert chosen(scores, ratio=0.5) == [(24.0, 40.0), (40.0, 52.0)]


def test_a_repeat_fills_only_where_nothing_else_is_left() -> None:
    scores = looking(answers(0.1, 0.85, 0.1, 0.88, 0.3), 0, 1, 2, 1, 3)
    found = chosen(scores, duration_seconds=30.0, fill=True)
    assert (40.0, 52.0) in found
    assert not any(start < 24.0 and stop > 10.3 for start, stop in found)
    alike = chosen(looking(answers(0.1, 0.85, 0.1, 0.88, 0.1), 1, 1, 1, 1, 1), duration_seconds=60.0, fill=True)
    assert sum(stop - start for start, stop in alike) == pytest.approx(60.0, abs=0.1)


def test_a_threshold_is_a_score() -> None:
    scores = answers(0.1, 0.5, 0.9, 0.6, 0.1)
    assert chosen(scores, ratio=0.6, threshold=0.55) == [(24.0, 40.0), (40.0, 52.0)]


@pytest.mark.parametrize(("wanted", "best"), [((0.0, 80.0), "0.90"), ((40.0, 80.0), "0.59")])
def test_the_best_that_is_told_of_a_threshold_too_high_can_be_asked_for(wanted: Span, best: str) -> None:
    scores = answers(0.1, 0.5, 0.9, 0.597, 0.1)
    with pytest.raises(NoMatchError, match=f"no moment scores 0.95, the best {best}: lower"):
        chosen(scores, threshold=0.95, range=(wanted,))
    assert len(chosen(scores, threshold=float(best), range=(wanted,))) == 1


@pytest.mark.parametrize(
    "wanted", [{"range": ((0.0, 24.04),)}, {"exclude": ((24.04, 80.0),)}, {"range": ((39.96, 80.0),)}], ids=str
)
def test_what_is_left_of_a_clip_is_no_moment_above_a_threshold(wanted: dict[str, object]) -> None:
    """The clips from 24 to 40 s are the only ones that reach it, and nothing but a picture of them may be chosen."""
    options = SelectionOptions(threshold=0.8, **wanted)  # type: ignore[arg-type]
    with pytest.raises(NoMatchError, match=r"no moment scores 0\.8, the best 0\.70: lower"):
        select_segments(answers(0.1, 0.7, 0.9, 0.7, 0.1), (Shot(0.0, 80.0),), options, answering=True)


def test_no_match_gives_one_guess() -> None:
    scores = answers(0.1, 0.85, 0.1, 0.88, 0.1, verdict="none")
    assert chosen(scores, ratio=0.5) == [(40.0, 52.0)]
    assert len(chosen(replace(scores, match=Match("weak", 0.4)), ratio=0.5)) == 2


def test_range_and_exclude_bound_what_is_chosen() -> None:
    scores = answers(0.1, 0.8, 0.1, 0.9, 0.1)
    assert chosen(scores, ratio=0.5, range=((0.0, 20.0),)) == [(10.3, 20.0)]
    assert chosen(scores, ratio=0.5, exclude=((38.0, 53.0),)) == [(10.3, 24.0)]
    with pytest.raises(ConfigError, match=r"leave nothing of a video of 80\.0 s"):
        chosen(scores, range=((10.0, 20.0),), exclude=((5.0, 30.0),))


@pytest.mark.parametrize("fill", [False, True])
def test_less_than_a_piece_is_nothing(fill: bool) -> None:
    almost_all = ((0.0, 30.0), (30.0 + 4e-7, 80.0))
    with pytest.raises(ConfigError, match=r"leave nothing of a video of 80\.0 s"):
        chosen(answers(0.1, 0.8, 0.1, 0.9, 0.1), exclude=almost_all, fill=fill)


@pytest.mark.parametrize("options", [{"fill": True}, {}], ids=str)
def test_a_picture_between_what_is_excluded_is_no_moment(options: dict[str, object]) -> None:
    scores, around = answers(0.1, 0.8, 0.1, 0.9, 0.1), ((38.0, 44.0), (44.04, 80.0))
    assert all(stop - start >= 1.0 for start, stop in chosen(scores, ratio=0.8, exclude=around, **options))
    assert chosen(scores, range=((44.0, 44.04),), **options) == [(44.0, 44.04)], "nothing else is left"


@pytest.mark.parametrize("fill", [False, True])
@pytest.mark.parametrize("given", [{"range": ((23.96, 40.04),)}, {"exclude": ((0.0, 23.96), (40.04, 80.0))}], ids=str)
def test_a_picture_or_two_of_the_shot_before_or_after_is_no_moment(given: dict[str, object], fill: bool) -> None:
    for levels in ((0.1, 0.9, 0.9, 0.9, 0.1), (0.1, 0.9, 0.8, 0.9, 0.1)):
        assert chosen(answers(*levels), ratio=0.9, fill=fill, **given) == [(24.0, 40.0)]
    assert chosen(answers(0.1, 0.9, 0.9, 0.9, 0.1), range=((23.96, 24.04),)) == [(23.96, 24.0), (24.0, 24.04)]


def test_what_a_range_leaves_of_a_scene_grows_into_a_likely_neighbour_if_it_is_short() -> None:
    scores = answers(0.1, 0.9, 0.85, 0.1, 0.1)
    assert scores.borders is not None
    likely = replace(scores, borders=scores.borders * np.where(np.arange(79) == 23, np.float32(0.3), np.float32(1.0)))
    assert chosen(likely, range=((23.5, 30.0),), duration_seconds=5.0) == [(23.5, 28.5)]
    assert chosen(scores, range=((23.5, 30.0),), duration_seconds=5.0) == [(23.5, 24.0), (24.0, 28.5)], "unlike scenes"


@given(spans, spans)
def test_what_is_left_of_a_video_is_known_from_its_length_alone(inside: list[Span], outside: list[Span]) -> None:
    options = SelectionOptions(range=tuple(inside), exclude=tuple(outside))
    seconds = np.arange(0, 30, 0.5)  # Every edge is a whole second.
    allowed = np.ones(len(seconds), dtype=bool) if not inside else covered(seconds, inside)
    if (allowed & ~covered(seconds, outside)).any():
        options.check_length(30.0)
    else:
        with pytest.raises(ConfigError, match=r"leave nothing of a video of 30\.0 s"):
            options.check_length(30.0)


def covered(seconds: np.ndarray, spans: list[Span]) -> np.ndarray:
    return np.any([(seconds >= start) & (seconds < stop) for start, stop in spans] or [seconds < 0], axis=0)


def test_a_margin_reaches_over_boundaries_and_counts_in_the_budget() -> None:
    scores = answers(0.1, 0.1, 0.9, 0.1, 0.1)
    assert chosen(scores, ratio=0.5, margin=(1.0, 2.0)) == [(23.0, 42.0)]
    ((start, stop),) = chosen(scores, duration_seconds=8.0, margin=(1.0, 2.0))
    assert stop - start <= 8.0 + 1e-6


@pytest.mark.parametrize("longest", [3.0, 4.0, 20.0])
def test_a_margin_is_charged_once_for_moments_that_were_joined(longest: float) -> None:
    """In the strong stretch of 28 s, moments of at most 3 s follow each other."""
    scores = answers(0.1, 0.1, 0.9, 0.9, 0.1, scenes=False)
    options: dict[str, object] = {"duration_seconds": 20.0, "max_seconds": longest, "min_seconds": 3.0, "fill": True}
    spans = chosen(scores, margin=(1.0, 0.5), **options)
    assert 20.0 - 3.0 - 1.5 < sum(stop - start for start, stop in spans) <= 20.0 + 1e-6


@pytest.mark.parametrize("margin", [(5.0, 5.0), (0.0, 8.0), (5.9, 0.0), (3.0, 2.5), (1e9, 1e9)])
def test_a_margin_that_leaves_the_budget_no_moment_is_shortened(margin: Span) -> None:
    scores = answers(0.1, 0.1, 0.9, 0.1, 0.1)
    for budget, options in ((6.0, {}), (6.0, {"max_clips": 1, "fill": True}), (0.8, {})):
        ((start, stop),) = chosen(scores, margin=margin, duration_seconds=budget, **options)
        assert 24.0 - margin[0] - 1e-6 <= start < 40.0
        assert 0.5 <= stop - start <= budget + 1e-6
    ((start, stop),) = chosen(scores, duration_seconds=6.0, min_seconds=2.0, margin=(6.0, 3.0))
    assert stop - start == pytest.approx(6.0)


@pytest.mark.parametrize("name", ["duration_seconds", "min_seconds", "max_seconds"])
def test_lengths_of_less_than_a_picture_are_refused(name: str) -> None:
    """Moments without length were chosen without end."""
    for value in (0.0, 1e-9, 0.09, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=rf"{name} must be at least 0\.1 s"):
            SelectionOptions(**{name: value})  # type: ignore[arg-type]


@pytest.mark.timeout(60)
def test_a_ratio_of_next_to_nothing_keeps_a_moment() -> None:
    ((start, stop),) = chosen(answers(0.1, 0.1, 0.9, 0.1, 0.1), ratio=1e-9)
    assert 24.0 <= start < stop <= 40.0
    assert stop - start == pytest.approx(0.1, abs=1e-3)


def test_segments_are_numbered_by_score_and_may_follow_it() -> None:
    scores = answers(0.1, 0.85, 0.1, 0.88, 0.1)

    def ranks(**options: object) -> list[tuple[int, float]]:
        found = select_segments(scores, SHOTS, SelectionOptions(ratio=0.5, **options), answering=True)  # type: ignore[arg-type]
        return [(each.rank, each.start_seconds) for each in found]

    assert ranks() == [(2, pytest.approx(10.3)), (1, 40.0)]
    assert ranks(order="score") == [(1, 40.0), (2, pytest.approx(10.3))]


def test_the_knapsack_fills_and_keeps_to_what_is_allowed() -> None:
    scores = answers(0.1, 0.8, 0.1, 0.9, 0.1)
    found: tuple[Segment, ...] = select_segments(
        scores, SHOTS, SelectionOptions(ratio=0.4, mode="knapsack", exclude=((45.0, 46.0),)), answering=True
    )
    assert all(each.stop_seconds <= 45.0 or each.start_seconds >= 46.0 for each in found)
    within: dict[str, object] = {"range": ((26.0, 29.0),), "duration_seconds": 2.9, "mode": "knapsack"}
    assert chosen(scores, **within, margin=(0.9, 0.0)) == chosen(scores, **within)  # No whole shot lies in it.


@pytest.mark.parametrize("mode", ["moments", "knapsack"])
def test_nothing_is_chosen_where_there_is_no_picture_yet(mode: str) -> None:
    """The best answer lies before the first picture; the caller's own spans are taken as they are."""
    scores, options = answers(0.9, 0.2, 0.3, 0.1, 0.1), SelectionOptions(ratio=0.3, mode=mode)  # type: ignore[arg-type]
    found = select_segments(scores, SHOTS, options.from_time(12.0))
    assert found
    assert min(segment.start_seconds for segment in found) >= 12.0
    assert options.from_time(0.0) is options
    named = replace(options, range=((0.0, 8.0),))
    assert named.from_time(12.0) is named
