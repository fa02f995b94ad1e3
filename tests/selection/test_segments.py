"""Segments: by hand where a person can follow, by property everywhere else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from highlightr.core.errors import ConfigError
from highlightr.core.types import Reason, Scores, Segment, Shot, TimeGrid
from highlightr.selection import Mode, SelectionOptions, select_segments


def scores_of(values: Sequence[float], *, clip_seconds: float = 1.0, seconds: float | None = None) -> Scores:
    grid = TimeGrid(len(values) * clip_seconds if seconds is None else seconds, clip_seconds)
    return Scores(grid, np.asarray(values, dtype=np.float32))


def shots_of(*edges: float) -> tuple[Shot, ...]:
    return tuple(Shot(start, stop) for start, stop in pairwise(edges))


def spans(segments: Sequence[Segment]) -> list[tuple[float, float]]:
    return [(round(s.start_seconds, 6), round(s.stop_seconds, 6)) for s in segments]


@st.composite
def problems(draw: st.DrawFn) -> tuple[Scores, tuple[Shot, ...], SelectionOptions]:
    clip = draw(st.sampled_from([0.5, 1.0, 2.0, 0.96]))
    seconds = draw(st.floats(0.1, 80.0))
    count = TimeGrid(seconds, clip).num_clips
    values = draw(st.lists(st.sampled_from([0.0, 0.1, 0.4, 0.5, 0.9, 1.0]), min_size=count, max_size=count))
    inner = sorted(set(draw(st.lists(st.floats(0.01, 79.0), max_size=12))))
    edges = [0.0, *(edge for edge in inner if edge < seconds - 0.001), seconds]
    shortest = draw(st.floats(0.2, 5.0))
    options = SelectionOptions(
        ratio=draw(st.floats(0.01, 1.0)),
        duration_seconds=draw(st.none() | st.floats(0.1, 90.0)),
        mode=draw(st.sampled_from(["moments", "knapsack"])),
        min_seconds=shortest,
        max_seconds=shortest + draw(st.floats(0.0, 12.0)),
        merge_gap_seconds=draw(st.sampled_from([0.0, 0.5, 1.5])),
        snap_seconds=draw(st.sampled_from([0.0, 0.7, 2.0])),
        max_clips=draw(st.none() | st.integers(1, 4)),
    )
    return scores_of(values, clip_seconds=clip, seconds=seconds), shots_of(*edges), options


@settings(max_examples=100, deadline=None)
@given(problem=problems())
def test_always_within_budget_sorted_disjoint_and_inside(
    problem: tuple[Scores, tuple[Shot, ...], SelectionOptions],
) -> None:
    scores, shots, options = problem
    duration = scores.grid.duration_seconds
    segments = select_segments(scores, shots, options)
    budget = options.budget_seconds(duration)
    assert sum(s.seconds for s in segments) <= budget + 1e-5
    assert all(s.seconds > 0 and 0 <= s.score <= 1 for s in segments)
    assert all(a.stop_seconds < b.start_seconds for a, b in pairwise(segments))
    if options.mode == "moments" or budget < min(shot.seconds for shot in shots):
        assert segments
    assert segments == () or (segments[0].start_seconds >= 0 and segments[-1].stop_seconds <= duration)
    assert options.max_clips is None or len(segments) <= options.max_clips
    assert select_segments(scores, shots, options) == segments


@settings(max_examples=80, deadline=None)
@given(problem=problems())
def test_moments_are_long_enough_and_the_budget_is_spent(
    problem: tuple[Scores, tuple[Shot, ...], SelectionOptions],
) -> None:
    scores, shots, drawn = problem
    options = SelectionOptions(
        ratio=drawn.ratio, min_seconds=drawn.min_seconds, max_seconds=drawn.max_seconds, snap_seconds=drawn.snap_seconds
    )
    duration = scores.grid.duration_seconds
    budget = options.budget_seconds(duration)
    segments = select_segments(scores, shots, options)
    assert min(s.seconds for s in segments) >= min(options.min_seconds, budget, duration) - 1e-5
    assert sum(s.seconds for s in segments) > min(budget, duration) - options.min_seconds - 1e-5


@settings(max_examples=60, deadline=None)
@given(problem=problems())
def test_the_highest_peak_is_always_shown(problem: tuple[Scores, tuple[Shot, ...], SelectionOptions]) -> None:
    scores, shots, drawn = problem
    segments = select_segments(scores, shots, SelectionOptions(ratio=drawn.ratio, max_clips=drawn.max_clips))
    peak = int(np.argmax(scores.values))
    start, stop = scores.grid.starts()[peak], scores.grid.stops()[peak]
    assert any(s.start_seconds < stop and s.stop_seconds > start for s in segments)


def test_a_last_clip_of_a_picture_or_two_keeps_its_score() -> None:
    short = scores_of([0.0, 0.1], clip_seconds=2.0, seconds=2.0625)
    ((start, stop),) = spans(select_segments(short, shots_of(0, 2.0625), SelectionOptions(ratio=0.5)))
    assert start < 2.0 < stop


def test_by_default_a_minute_gives_nine_seconds_from_the_shot_that_was_asked_for() -> None:
    values = [0.1] * 60
    values[30:42] = [0.8] * 12
    segments = select_segments(scores_of(values), shots_of(0, 15, 30, 42, 60))
    assert spans(segments) == [(30.0, 39.0)]
    assert segments[0].score == pytest.approx(0.8)


def test_a_short_best_shot_is_kept_whole_and_the_rest_goes_to_the_next_best() -> None:
    values = [0.1] * 60
    values[10:14] = [0.9] * 4
    values[40:50] = [0.5] * 10
    segments = select_segments(scores_of(values), shots_of(0, 10, 14, 40, 50, 60))
    assert spans(segments) == [(10.0, 14.0), (40.0, 45.0)]


def test_a_moment_ends_where_scores_fall_and_snaps_to_a_near_boundary() -> None:
    values = [0.2] * 20
    values[5:8] = [0.7, 1.0, 0.8]
    options = SelectionOptions(duration_seconds=4.5, max_clips=1, snap_seconds=1.0, max_seconds=4.4)
    assert spans(select_segments(scores_of(values), shots_of(0, 4.2, 20), options)) == [(4.2, 8.6)]
    loose = SelectionOptions(duration_seconds=3.0, max_clips=1, snap_seconds=0.0)
    assert spans(select_segments(scores_of(values), shots_of(0, 4.2, 20), loose)) == [(5.0, 8.0)]


def test_near_neighbours_are_joined_with_the_gap_between_them() -> None:
    values = [0.0] * 30
    values[4:6] = [1.0, 1.0]
    values[7:9] = [0.9, 0.9]
    options = SelectionOptions(duration_seconds=5.0, merge_gap_seconds=1.0)
    assert spans(select_segments(scores_of(values), shots_of(0, 30), options)) == [(4.0, 9.0)]
    apart = SelectionOptions(duration_seconds=4.0, merge_gap_seconds=0.0)
    assert spans(select_segments(scores_of(values), shots_of(0, 30), apart)) == [(4.0, 6.0), (7.0, 9.0)]


@pytest.mark.parametrize("answering", [True, False])
def test_a_short_answer_grows_to_the_length_that_is_asked_for(answering: bool) -> None:
    values = [0.1] * 60
    values[30:33] = [0.9] * 3
    own = SelectionOptions(duration_seconds=12.0, max_clips=1)
    wanted = replace(own, min_seconds=8.0)
    (short,) = select_segments(scores_of(values), shots_of(0, 60), own, answering=answering)
    (segment,) = select_segments(scores_of(values), shots_of(0, 60), wanted, answering=answering)
    assert short.seconds == (3.0 if answering else 12.0)
    assert segment.seconds == (8.0 if answering else 12.0)
    assert segment.start_seconds <= 30.0 < 33.0 <= segment.stop_seconds


def test_equal_scores_give_the_earliest() -> None:
    assert spans(select_segments(scores_of([0.5] * 40), shots_of(0, 40))) == [(0.0, 6.0)]
    assert spans(select_segments(scores_of([0.0] * 40), shots_of(0, 40))) == [(0.0, 6.0)]


def test_max_clips_keeps_the_best() -> None:
    values = [0.0] * 40
    values[5], values[20], values[35] = 0.7, 0.9, 0.8
    options = SelectionOptions(duration_seconds=6.0, max_clips=2, max_seconds=3.0, snap_seconds=0.0)
    segments = select_segments(scores_of(values), shots_of(0, 13, 27, 40), options)
    assert len(segments) == 2
    assert all(s.start_seconds <= peak < s.stop_seconds for s, peak in zip(segments, (20, 35), strict=True))


@pytest.mark.parametrize("mode", ["moments", "knapsack"])
def test_a_short_video_is_kept_whole(mode: Mode) -> None:
    tiny = scores_of([0.4], seconds=0.2)
    assert spans(select_segments(tiny, shots_of(0, 0.2), SelectionOptions(mode=mode))) == [(0.0, 0.2)]
    budget = SelectionOptions(mode=mode, duration_seconds=30)
    assert spans(select_segments(scores_of([0.1] * 20), shots_of(0, 8, 20), budget)) == [(0.0, 20.0)]


@pytest.mark.parametrize("mode", ["moments", "knapsack"])
@pytest.mark.parametrize("shortest", [None, 30.0])
def test_a_budget_holds_for_a_video_no_longer_than_a_moment(shortest: float | None, mode: Mode) -> None:
    asked = SelectionOptions(mode=mode, duration_seconds=0.8, min_seconds=shortest, max_seconds=30.0)
    ((start, stop),) = spans(select_segments(scores_of([0.1, 0.9]), shots_of(0, 2), asked))
    assert 0.6 < stop - start <= 0.8 + 1e-6  # The knapsack takes pieces of equal length.
    assert 1.0 - 1e-6 <= start < stop <= 2.0


def test_no_shots_counts_as_one() -> None:
    assert spans(select_segments(scores_of([0.0] * 10 + [1.0, 1.0] + [0.0] * 8), (), SelectionOptions(ratio=0.15))) == [
        (9.0, 12.0)
    ]


def test_knapsack_takes_whole_shots() -> None:
    # Means .9 (6 s), .5 (4 s), .6 (4 s), .1: into 10 s, .9 + .6 is the best pair.
    values = [0.9] * 6 + [0.5] * 4 + [0.1] * 26 + [0.6] * 4
    options = SelectionOptions(mode="knapsack", duration_seconds=10)
    segments = select_segments(scores_of(values), shots_of(0, 6, 10, 36, 40), options)
    assert spans(segments) == [(0.0, 6.0), (36.0, 40.0)]


def test_knapsack_splits_a_shot_that_could_never_be_chosen() -> None:
    values = [0.2] * 20 + [0.9] * 20
    options = SelectionOptions(mode="knapsack", duration_seconds=6, max_seconds=5)
    segments = select_segments(scores_of(values), shots_of(0, 40), options)
    assert spans(segments) == [(20.0, 25.0)]


def test_knapsack_stays_exact_enough_when_the_table_is_coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("highlightr.selection.budget.LARGEST_TABLE", 200)
    values = [0.9] * 4 + [0.1] * 12 + [0.8] * 4
    options = SelectionOptions(mode="knapsack", duration_seconds=8)
    segments = select_segments(scores_of(values), shots_of(0, 4, 16, 20), options)
    assert spans(segments) == [(0.0, 4.0), (16.0, 20.0)]


def test_reasons_are_merged_by_the_share_of_the_score() -> None:
    cat, dog = Reason("visual", "cat", 0.8), Reason("visual", "dog", 0.4)
    scores = Scores(TimeGrid(2.0, 1.0), np.asarray([0.9, 0.3], np.float32), reasons=((cat,), (dog, cat)))
    (segment,) = select_segments(scores, shots_of(0, 2))
    assert [(r.kind, r.label) for r in segment.reasons] == [("visual", "cat"), ("visual", "dog")]
    # Shares of the score are 3/4 and 1/4: cat 0.8 * 1, dog 0.4 / 4.
    assert [r.weight for r in segment.reasons] == pytest.approx([0.8, 0.1])
    assert segment.score == pytest.approx(0.6)


def test_ranks_follow_the_scores() -> None:
    values = [0.5] * 4 + [0.9] * 4 + [0.5] * 4
    segments = select_segments(scores_of(values), shots_of(0, 4, 8, 12), SelectionOptions(ratio=1.0, max_seconds=4))
    assert [segment.rank for segment in segments] == [1]
    options = SelectionOptions(duration_seconds=6, min_seconds=2, max_seconds=2, snap_seconds=0)
    segments = select_segments(scores_of([0.1, 0.1, 0.8, 0.8, *[0.1] * 8, 0.9, 0.9]), (), options)
    assert [segment.rank for segment in segments][-2:] == [2, 1]


def test_at_most_four_reasons() -> None:
    many = tuple(Reason("audio", f"sound {i}", 0.1 * (9 - i)) for i in range(9))
    scores = Scores(TimeGrid(1.0, 1.0), np.asarray([0.5], np.float32), reasons=(many,))
    (segment,) = select_segments(scores, ())
    assert [r.label for r in segment.reasons] == ["sound 0", "sound 1", "sound 2", "sound 3"]


@pytest.mark.parametrize("mode", ["moments", "knapsack"])
def test_ten_hours_of_shots(mode: Mode) -> None:
    rng = np.random.default_rng(0)
    seconds = 36_000
    edges = np.unique(np.round(rng.uniform(0, seconds, 9000), 2)).tolist()
    scores = scores_of(rng.random(seconds))
    segments = select_segments(scores, shots_of(0.0, *edges[1:-1], float(seconds)), SelectionOptions(mode=mode))
    total = sum(s.seconds for s in segments)
    assert 0.98 * 5400 < total <= 5400 + 1e-3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ratio": 0.0}, r"ratio must be a number in \(0, 1\], got 0.0"),
        ({"ratio": 1.5}, "got 1.5"),
        ({"ratio": math.nan}, "got nan"),
        ({"duration_seconds": -1.0}, "duration_seconds must be at least 0.1 s, got -1.0"),
        ({"mode": "best"}, "mode must be moments or knapsack, got 'best'"),
        ({"detector": "x"}, "detector must be cheap or transnetv2"),
        ({"min_seconds": 4.0, "max_seconds": 3.0}, r"max_seconds must be at least min_seconds \(4\), got 3.0"),
        ({"max_clips": 0}, "max_clips must be a whole number of at least 1, got 0"),
        ({"snap_seconds": -0.1}, "snap_seconds must be zero or a positive number"),
    ],
)
def test_options_out_of_range(changes: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        SelectionOptions(**changes)  # type: ignore[arg-type]
