"""The plan of a cut, for any frames and any spans: pieces follow each other, and no frame is lost or invented."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from highlightr.core.source import Source, VideoStream
from highlightr.media._container.contents import Contents
from highlightr.media._container.picture_format import PictureFormat
from highlightr.media._cut import plan
from highlightr.media._cut.frame_times import Reach
from highlightr.media._cut.output_plan import OutputPlan

LONGEST = Fraction(1, 10)
TINY = Fraction(1, 1_000_000)


class Frames:
    """Times without a file; a clock that jumps at some of them."""

    def __init__(self, times: list[Fraction], jumps: list[Fraction], end: Fraction) -> None:
        self.times, self.bounds = times, [Fraction(0), *jumps, end]

    def around(self, start: Fraction, stop: Fraction) -> list[Fraction]:
        first = max(0, bisect_right(self.times, start) - 1)
        return self.times[first : bisect_left(self.times, stop) + 1]

    def recordings(self, start: Fraction, stop: Fraction) -> list[tuple[Fraction, Fraction]]:
        return [(a, b) for a, b in pairwise(self.bounds) if a < stop and start < b]

    def reach(self, shown: Fraction) -> Iterator[Reach]:
        yield Reach(Fraction(0), shown)
        yield Reach(Fraction(0))


@st.composite
def cases(draw: st.DrawFn) -> tuple[Frames, Fraction, list[tuple[float, float]]]:
    steps = draw(st.lists(st.integers(1, 400), min_size=2, max_size=60))
    first = draw(st.integers(0, 300))
    stamps = [first]
    for step in steps:
        stamps.append(stamps[-1] + step)
    times = [Fraction(stamp, 1000) for stamp in stamps]
    end = times[-1] + Fraction(draw(st.integers(1, 400)), 1000)
    jumps = sorted(draw(st.sets(st.sampled_from(times[1:]), max_size=2)))
    whole = float(end)
    edges = draw(st.lists(st.floats(0, whole), min_size=2, max_size=8, unique=True).map(sorted))
    spans = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False) if b - a > 1e-3 and b > float(times[0])]
    return Frames(times, jumps, end), end, spans or [(float(times[0]), whole)]


def _plan(frames: Frames, end: Fraction, spans: list[tuple[float, float]], careful: bool = False) -> OutputPlan:
    source = Source(Path("x.ts"), float(end), 0.0, "mpegts", 1, VideoStream(0, "h264", 64, 64))
    nothing: Any = mock.Mock()
    with mock.patch.object(plan, "frame_times", lambda *_: frames):
        return OutputPlan(source, Contents(PictureFormat()), *plan.plan_takes(nothing, source, spans, careful=careful))


ROUNDED_END = Fraction(313, 250)
"""A length that no float has, so that `Source.duration_seconds` lies a little beside it."""


@settings(max_examples=150, deadline=None)
@given(cases())
@example((Frames([Fraction(0), Fraction(1)], [], ROUNDED_END), ROUNDED_END, [(1.1, 1.25), (1.251, 1.252)]))
def test_any_plan(case: tuple[Frames, Fraction, list[tuple[float, float]]]) -> None:
    frames, end, spans = case
    made = _plan(frames, end, spans)
    assert len(made.pieces) == len(spans)
    offset = Fraction(0)
    for take in made.takes:
        assert take.offset == offset
        assert take.stop > take.start or not take.frames
        offset += take.stop - take.start
        # All frames that appear during it, and the one that is on screen at its start where the clock has not jumped.
        inside = [time for time in frames.times if take.start < time < take.stop]
        assert [time for time in take.frames if time > take.start] == inside
        assert len(take.frames) - len(inside) <= 1
        for begin, stop in pairwise([max(take.frames[0], take.start), *inside, take.stop] if take.frames else []):
            (appeared,) = [time for time in take.frames if time <= begin][-1:]
            gone = next((time for time in frames.times if time > appeared), end)
            wanted = made.pieces[take.piece].wanted_stop_seconds - made.pieces[take.piece].wanted_start_seconds
            assert stop - begin >= min(gone - appeared, LONGEST / 2, Fraction(wanted)) - TINY, "no flash of a picture"
    assert made.seconds == offset
    assert made.shown == sorted(made.shown)
    assert all(0 <= time < made.seconds for time in made.shown)
    for piece, (start, stop) in zip(made.pieces, spans, strict=True):
        assert (piece.wanted_start_seconds, piece.wanted_stop_seconds) == (start, stop)
        if piece.start_seconds > float(frames.times[0]):
            assert abs(piece.start_moved_seconds) <= LONGEST
        # A piece has a frame at least, however short the span; it then ends with that frame.
        assert abs(piece.stop_moved_seconds) <= LONGEST or piece.stop_seconds > stop
        assert piece.seconds > 0 or stop <= float(frames.times[0])
    for one, other in pairwise(made.pieces):
        assert other.output_start_seconds >= one.output_start_seconds


@pytest.mark.parametrize("rounded", [lambda time: float(time), lambda time: round(float(time), 6)])
@pytest.mark.parametrize("step", [Fraction(1, 3), Fraction(171, 1000), Fraction(1001, 7500)])
def test_no_frame_is_shown_for_no_time_where_frames_are_long(
    step: Fraction, rounded: Callable[[Fraction], float]
) -> None:
    times = [number * step for number in range(60)]
    for first, last in ((3, 7), (13, 14), (29, 59)):
        made = _plan(Frames(times, [], 60 * step), 60 * step, [(rounded(times[first]), rounded(times[last]))])
        assert made.shown == [time - times[first] for time in times[first:last]]


@pytest.mark.parametrize("beside_ms", [-3, -1, 1, 3, 40])
def test_no_picture_flashes_up_where_frames_are_long(beside_ms: int) -> None:
    """A chosen boundary just behind a picture's beginning, or just before, is that beginning: at 5 frames a second."""
    times, beside = [Fraction(number, 5) for number in range(50)], Fraction(beside_ms, 1000)
    made = _plan(Frames(times, [], Fraction(10)), Fraction(10), [(float(2 + beside), float(4 + beside))])
    assert (made.pieces[0].start_seconds, made.pieces[0].stop_seconds) == (2.0, 4.0)
    assert made.shown == [time - 2 for time in times[10:20]]


def test_a_slide_is_cut_where_it_was_asked_for() -> None:
    times = [Fraction(0), Fraction(8), Fraction(9)]
    made = _plan(Frames(times, [], Fraction(10)), Fraction(10), [(2.0, 8.06)])
    assert (made.pieces[0].start_seconds, made.pieces[0].stop_seconds) == (2.0, 8.06)
    assert made.shown == [0, 6]


@pytest.mark.parametrize(
    ("span", "cut"), [((8.01, 8.03), (8.0, 8.1)), ((7.97, 8.02), (8.0, 8.1)), ((9.97, 10), (9.9, 10))]
)
def test_a_span_of_a_few_milliseconds_is_not_all_of_a_slide(
    span: tuple[float, float], cut: tuple[float, float]
) -> None:
    piece = _plan(Frames([Fraction(0), Fraction(8)], [], Fraction(10)), Fraction(10), [span]).pieces[0]
    assert (piece.start_seconds, piece.stop_seconds) == pytest.approx(cut)


def test_a_span_of_a_few_milliseconds_is_one_frame() -> None:
    """That which follows, where it is the nearest; not all that follows."""
    times = [Fraction(number, 25) for number in range(50)]
    piece = _plan(Frames(times, [], Fraction(2)), Fraction(2), [(0.997, 0.998)]).pieces[0]
    assert (piece.start_seconds, piece.stop_seconds) == (1.0, 1.04)


@settings(max_examples=50, deadline=None)
@given(cases())
def test_care_changes_the_way_and_nothing_else(case: tuple[Frames, Fraction, list[tuple[float, float]]]) -> None:
    quick, safe = _plan(*case), _plan(*case, careful=True)
    assert quick.pieces == safe.pieces
    assert quick.shown == safe.shown
    assert all(take.reach.seek_seconds is None for take in safe.takes)
    assert [take.frames for take in quick.takes] == [take.frames for take in safe.takes]


def test_frames_whose_timestamps_fall_together_may_be_shown_a_frame_later() -> None:
    """They may leave the decoder in another order: sorted 498452, 498454, 499955, 499955, decoded third and second."""
    ticks = [0, 1501, 1503, 3004, 3004, 4505]
    frames = tuple(Fraction(tick, 90000) for tick in ticks)
    take = plan.Take(Reach(Fraction(0)), Fraction(0), Fraction(6006, 90000), Fraction(0), frames)
    assert take.loose_seconds == Fraction(1501, 90000)
    steady = plan.Take(Reach(Fraction(0)), Fraction(0), Fraction(1), Fraction(0), frames[:2])
    assert steady.loose_seconds == 0
