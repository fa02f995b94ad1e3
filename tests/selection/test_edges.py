"""Edges in pauses: by hand, and by property that no edge is left in speech where a pause could be reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from highlightr.core.transcript import Transcript, Utterance
from highlightr.core.types import Features, Scores, Shot, Signal, TimeGrid
from highlightr.features.lite.speech import SPEECH as WRITTEN
from highlightr.scorers.speech.fusion import SPEECH as SAID
from highlightr.scorers.speech.fusion import UTTERANCE_BORDER
from highlightr.selection import SelectionOptions, select_segments
from highlightr.selection.edges import AIR_SECONDS, SPEECH, find_pauses, is_quiet, move_to_pauses, pauses_between
from highlightr.selection.pauses import FreeTime, without_jumps
from highlightr.selection.spans import Span, cut_into_pieces

FRAME = 0.032


def talk(seconds: float, *sentences: tuple[float, float]) -> Signal:
    times = np.arange(0, seconds, FRAME)
    said = np.zeros(len(times), dtype=np.float32)
    for start, stop in sentences:
        said[(times >= start) & (times < stop)] = 0.98
    return Signal(times, said[:, None])


def in_pauses(span: Span, pauses: Sequence[Span]) -> bool:
    return all(is_quiet(edge, pauses) for edge in span)


def always(_: Span) -> bool:
    return True


def test_the_signal_has_the_name_that_the_extractor_gives_it() -> None:
    assert SPEECH == WRITTEN


def test_pauses_are_the_long_gaps_and_what_lies_before_and_after_all_speech() -> None:
    pauses = find_pauses(talk(20.0, (1.0, 4.0), (4.1, 6.0), (6.6, 9.0)), 20.0)
    assert [pytest.approx(edge, abs=FRAME) for pause in pauses for edge in pause] == [0, 1, 6, 6.6, 9, 20]
    assert find_pauses(talk(5.0, (0.0, 5.0)), 5.0) == []
    assert find_pauses(talk(5.0), 5.0) == [Span(0.0, 5.0)]


def test_a_moment_grows_to_the_whole_utterance_with_air_around_it() -> None:
    speech = talk(30.0, (2.0, 5.0), (6.0, 12.0), (13.0, 18.0))
    moved = move_to_pauses(Span(7.0, 11.0), find_pauses(speech, 30.0), speech, Span(0.0, 30.0), 2.0, 20.0, always)
    assert moved == pytest.approx((6.0 - AIR_SECONDS, 12.0 + AIR_SECONDS), abs=2 * FRAME)


def test_an_edge_gives_words_up_where_there_is_no_room() -> None:
    speech = talk(30.0, (2.0, 5.0), (6.0, 12.0), (13.0, 18.0))
    moved = move_to_pauses(Span(4.0, 14.0), find_pauses(speech, 30.0), speech, Span(4.0, 14.0), 2.0, 20.0, always)
    assert moved == pytest.approx((6.0 - AIR_SECONDS, 12.0 + AIR_SECONDS), abs=2 * FRAME)


def test_an_edge_gives_up_a_few_words_rather_than_what_is_seen_beside_them() -> None:
    speech = talk(40.0, (2.0, 4.0), (14.0, 20.0), (30.0, 34.0))
    pauses = find_pauses(speech, 40.0)
    moved = move_to_pauses(Span(5.0, 17.0), pauses, speech, Span(4.0, 24.0), 2.0, 12.0, always)
    assert moved == pytest.approx((5.0, 14.0 - AIR_SECONDS), abs=2 * FRAME)
    moved = move_to_pauses(Span(17.0, 29.0), pauses, speech, Span(10.0, 30.0), 2.0, 12.0, always)
    assert moved == pytest.approx((20.0 + AIR_SECONDS, 29.0), abs=2 * FRAME)


def test_an_edge_in_a_pause_stays_and_without_a_pause_the_least_speech_is_taken() -> None:
    speech = talk(30.0, (2.0, 5.0), (6.0, 12.0))
    quiet = Span(5.5, 12.5)
    assert move_to_pauses(quiet, find_pauses(speech, 30.0), speech, Span(0.0, 30.0), 2.0, 20.0, always) == quiet
    endless = talk(30.0, (0.0, 30.0))
    endless.values[endless.times_seconds.searchsorted(9.0)] = 0.6
    moved = move_to_pauses(Span(10.0, 16.0), [], endless, Span(0.0, 30.0), 2.0, 20.0, always)
    assert moved.start == pytest.approx(9.0, abs=FRAME)


def test_where_the_start_goes_decides_where_the_stop_may() -> None:
    speech = talk(30.0, (2.0, 10.4), (11.0, 15.0))
    pauses = find_pauses(speech, 30.0)
    # No pause lies before the start within the room: the moment moves on to the next sentence.
    moved = move_to_pauses(Span(8.0, 12.0), pauses, speech, Span(8.0, 16.0), 2.0, 6.0, always)
    assert in_pauses(moved, pauses)
    assert moved.stop == pytest.approx(15.0 + AIR_SECONDS, abs=2 * FRAME)
    # With no room for that sentence either, one edge stays in speech, and the other in the pause.
    short = move_to_pauses(Span(8.0, 12.0), pauses, speech, Span(8.0, 13.0), 2.0, 6.0, always)
    assert short.seconds >= 2.0
    assert [in_pauses(Span(edge, edge), pauses) for edge in short].count(True) == 1


def test_a_moment_is_not_moved_into_silence_beside_what_was_chosen() -> None:
    """Its words go on beyond its scene; in the long pause before them no edge would lie in speech."""
    grid = TimeGrid(30.0, 1.0)
    values, borders = np.full(30, 0.1, dtype=np.float32), np.zeros(29, dtype=np.float32)
    values[5:8], borders[7] = 0.9, 1.0
    features = Features(grid, {}, {SPEECH: talk(30.0, (5.2, 12.0))})
    scores = Scores(grid, values, borders=borders)
    shots = [Shot(0.0, 8.0), Shot(8.0, 30.0)]
    (segment,) = select_segments(scores, shots, SelectionOptions(min_seconds=3.0), features, answering=True)
    assert segment.start_seconds == 5.0
    assert segment.stop_seconds > 6.0


def test_a_scrap_of_a_sentence_is_left_out_beside_the_best_moment() -> None:
    speech = talk(100.0, (2.0, 9.0), (39.5, 40.4), (52.0, 66.0))
    grid = TimeGrid(100.0, 1.0)
    values = np.full(100, 0.1, dtype=np.float32)
    values[40:46], values[58:60] = 0.9, 0.85
    shots = [Shot(0.0, 40.0), Shot(40.0, 46.0), Shot(46.0, 58.0), Shot(58.0, 60.0), Shot(60.0, 100.0)]
    borders = np.zeros(99, dtype=np.float32)
    borders[[39, 45, 57, 59]] = 1.0
    scores = Scores(grid, values, borders=borders)
    silent = select_segments(scores, shots, SelectionOptions(), None, answering=True)
    spoken = select_segments(scores, shots, SelectionOptions(), Features(grid, {}, {SPEECH: speech}), answering=True)
    assert [int(segment.start_seconds) for segment in silent] == [40, 58]
    assert [int(segment.start_seconds) for segment in spoken] == [40]


@settings(max_examples=60, deadline=None)
@given(
    sentences=st.lists(st.tuples(st.floats(1.0, 6.0), st.floats(0.4, 1.0)), min_size=5, max_size=25),
    values=st.lists(st.floats(0.0, 1.0), min_size=60, max_size=60),
)
def test_segments_of_a_talk_begin_and_end_in_pauses(
    sentences: Sequence[tuple[float, float]], values: Sequence[float]
) -> None:
    spans, at = [], 0.5
    for seconds, pause in sentences:
        spans.append((at, at + seconds))
        at += seconds + pause
    grid = TimeGrid(60.0, 1.0)
    features = Features(grid, {}, {SPEECH: talk(60.0, *spans)})
    scores = Scores(grid, np.asarray(values, dtype=np.float32))
    options = SelectionOptions()
    found = select_segments(scores, [Shot(0.0, 60.0)], options, features)
    assert sum(segment.seconds for segment in found) <= options.budget_seconds(60.0) + 1e-6
    edges = [edge for segment in found for edge in (segment.start_seconds, segment.stop_seconds)]
    inside = [edge for edge in edges for start, stop in spans if start + 0.1 < edge < stop - 0.1]
    # Words are given up only down to half a moment: within a sentence longer than that, an edge has nowhere to go.
    longest = max(seconds for seconds, _ in sentences)
    assert not inside or longest > 2.0


def test_without_a_query_a_short_talk_is_filled_with_whole_sentences() -> None:
    """One that does not fit into what is left gives way to another that does."""
    grid, broken, spent = TimeGrid(40.0, 1.0), 0, []
    for seed in range(30):
        rng, at, sentences = np.random.default_rng(seed), 0.5, []
        while at < 39.0:
            sentences.append((at, at + rng.uniform(1.5, 3.5)))
            at = sentences[-1][1] + rng.uniform(0.4, 1.0)
        speech, scores = talk(40.0, *sentences), Scores(grid, rng.random(40).astype(np.float32))
        shots = [Shot(0.0, 13.0), Shot(13.0, 27.0), Shot(27.0, 40.0)]
        found = select_segments(scores, shots, SelectionOptions(), Features(grid, {}, {SPEECH: speech}))
        pauses = find_pauses(speech, 40.0)
        broken += sum(not in_pauses(Span(each.start_seconds, each.stop_seconds), pauses) for each in found)
        spent.append(sum(each.seconds for each in found) / 6.0)
    assert broken == 0
    assert min(spent) > 0.7 and np.mean(spent) > 0.95


def test_singing_without_a_pause_is_cut_anywhere_and_gives_way_to_nothing() -> None:
    grid, values = TimeGrid(200.0, 1.0), np.full(200, 0.1, dtype=np.float32)
    values[[20, 40, 60, 80]] = 0.9, 0.8, 0.7, 0.6
    features = Features(grid, {}, {SPEECH: talk(200.0, (0.0, 100.0))})
    shots = [Shot(start, start + 10.0) for start in np.arange(0.0, 200.0, 10.0)]
    found = select_segments(Scores(grid, values), shots, SelectionOptions(duration_seconds=20.0), features)
    assert sum(segment.seconds for segment in found) > 0.95 * 20.0
    assert [round(segment.start_seconds) for segment in found] == [20, 40, 60, 80]


@pytest.mark.parametrize("footage", [0.0, 100.0], ids=["talk alone", "and footage"])
def test_where_no_sentence_fits_footage_is_taken_and_only_then_part_of_one(footage: float) -> None:
    seconds = 400.0 + footage
    grid, values = TimeGrid(seconds, 1.0), np.full(int(seconds), 0.1, dtype=np.float32)
    values[:400:10] = np.linspace(0.9, 0.5, 40)
    sentences = [(start + 0.2, start + 9.8) for start in np.arange(0.0, 400.0, 10.0)]
    features = Features(grid, {}, {SPEECH: talk(seconds, *sentences)})
    shots = [Shot(start, start + 10.0) for start in np.arange(0.0, seconds, 10.0)]
    options = SelectionOptions(duration_seconds=16.0, min_seconds=4.0)
    found = select_segments(Scores(grid, values), shots, options, features)
    assert sum(segment.seconds for segment in found) > 0.8 * 16.0
    assert any(segment.start_seconds >= 400.0 for segment in found) == bool(footage)


def test_what_edges_leave_between_two_moments_of_one_shot_is_no_jump() -> None:
    grid, values = TimeGrid(60.0, 1.0), np.full(60, 0.1, dtype=np.float32)
    values[20:24], values[25:29] = 0.9, 0.8
    features = Features(grid, {}, {SPEECH: talk(60.0, (20.3, 24.1), (24.8, 29.2))})
    options = SelectionOptions(duration_seconds=9.5, max_seconds=5.0, min_seconds=2.0)
    (segment,) = select_segments(Scores(grid, values), (), options, features)
    assert (segment.start_seconds, segment.stop_seconds) == pytest.approx((20.0, 29.37), abs=0.01)


def spoken(*spans: tuple[float, float]) -> Transcript:
    return Transcript(tuple(Utterance(*span, "words") for span in spans), "made")


def test_a_transcript_has_a_pause_around_every_utterance_even_one_without_length() -> None:
    pauses = pauses_between(spoken((2.0, 5.0), (5.0, 9.0), (10.0, 12.0)), 15.0)
    assert pauses == [Span(0.0, 2.0), Span(5.0, 5.0), Span(9.0, 10.0), Span(12.0, 15.0)]
    assert pauses_between(spoken((2.0, 16.0)), 15.0)[-1] == Span(16.0, 16.0)
    assert pauses_between(spoken(), 15.0) == [Span(0.0, 15.0)]


def test_edges_lie_exactly_between_utterances_that_follow_without_a_gap() -> None:
    pauses = pauses_between(spoken((0.0, 4.3), (4.3, 8.6), (8.6, 20.0)), 20.0)
    assert move_to_pauses(Span(4.0, 9.0), pauses, None, Span(0.0, 20.0), 2.0, 20.0, always) == Span(4.3, 8.6)
    inside = Span(9.0, 12.0)
    assert move_to_pauses(inside, pauses, None, inside, 2.0, 20.0, always) == inside, "nowhere to go"


def test_silence_at_the_ends_is_cut_off_but_not_much_of_it() -> None:
    pauses = pauses_between(spoken((2.0, 5.0), (5.9, 6.3), (7.0, 9.0)), 30.0)
    room = Span(0.0, 30.0)
    assert move_to_pauses(Span(1.2, 9.9), pauses, None, room, 2.0, 20.0, always) == pytest.approx((1.85, 9.15))
    assert move_to_pauses(Span(5.5, 12.0), pauses, None, room, 2.0, 20.0, always) == pytest.approx((5.75, 12.0))


def _scores(**parts: float) -> Scores:
    values = np.full(60, 0.1, dtype=np.float32)
    values[20:26] = 0.9
    return Scores(TimeGrid(60.0, 1.0), values, {name: share * values for name, share in parts.items()})


BETWEEN = spoken((10.0, 19.6), (19.6, 26.4), (26.4, 40.0))


@pytest.mark.parametrize("answering", [True, False])
def test_without_a_transcript_voice_activity_rules(answering: bool) -> None:
    features = Features(TimeGrid(60.0, 1.0), {}, {SPEECH: talk(60.0, (0.0, 19.0), (21.0, 60.0))})
    options, scores = SelectionOptions(duration_seconds=12.0, max_clips=1), _scores()
    for none in (None, spoken()):
        assert select_segments(scores, (), options, features, answering=answering, transcript=none) == (
            select_segments(scores, (), options, features, answering=answering)
        )


def test_a_transcript_rules_the_edges_of_what_is_said_and_not_of_what_is_seen() -> None:
    options = SelectionOptions(duration_seconds=12.0, max_clips=1)
    (said,) = select_segments(_scores(speech=0.9, visual=0.1), (), options, None, answering=True, transcript=BETWEEN)
    assert (said.start_seconds, said.stop_seconds) == (19.6, 26.4)
    seen = select_segments(_scores(speech=0.1, visual=0.9), (), options, None, answering=True, transcript=BETWEEN)
    assert seen == select_segments(_scores(speech=0.1, visual=0.9), (), options, None, answering=True)


def test_without_a_query_a_transcript_rules_the_edges() -> None:
    options = SelectionOptions(duration_seconds=12.0, max_clips=1)
    (segment,) = select_segments(_scores(), (), options, None, transcript=BETWEEN)
    assert (segment.start_seconds, segment.stop_seconds) == (19.6, 26.4)


def test_a_moment_of_several_utterances_keeps_them_all() -> None:
    values = np.full(60, 0.1, dtype=np.float32)
    values[20:26], values[26:30] = 0.9, 0.92
    borders = np.zeros(59, dtype=np.float32)
    borders[[19, 25, 29]] = UTTERANCE_BORDER
    scores = Scores(TimeGrid(60.0, 1.0), values, {SAID: values}, borders=borders)
    transcript = spoken((10.0, 19.8), (20.1, 25.9), (26.1, 30.1), (30.4, 40.0))
    options = SelectionOptions(duration_seconds=15.0)
    (segment,) = select_segments(scores, (), options, None, answering=True, transcript=transcript)
    assert (segment.start_seconds, segment.stop_seconds) == pytest.approx((20.0, 30.25))


@pytest.mark.parametrize("cut", [20.33, 29.67], ids=["begins", "ends"])
def test_a_cut_near_where_an_utterance_begins_or_ends_costs_none_of_it(cut: float) -> None:
    values = np.full(60, 0.1, dtype=np.float32)
    values[20:30] = 0.9
    borders = np.zeros(59, dtype=np.float32)
    borders[[19, 25, 29]] = UTTERANCE_BORDER
    scores = Scores(TimeGrid(60.0, 1.0), values, {SAID: values}, borders=borders)
    transcript = spoken((10.0, 19.2), (19.78, 25.9), (26.1, 30.22), (30.8, 40.0))
    shots, options = (Shot(0.0, cut), Shot(cut, 60.0)), SelectionOptions(duration_seconds=15.0)
    (segment,) = select_segments(scores, shots, options, None, answering=True, transcript=transcript)
    assert (segment.start_seconds, segment.stop_seconds) == pytest.approx((19.63, 30.37))


def _two_scenes(seconds: float = 12.0) -> Scores:
    values = np.full(60, 0.1, dtype=np.float32)
    values[20 : 20 + round(seconds)] = 0.9
    borders = np.zeros(59, dtype=np.float32)
    borders[[19, 25, 19 + round(seconds)]] = 0.9
    return Scores(TimeGrid(60.0, 1.0), values, {"visual": values}, borders=borders)


@pytest.mark.parametrize("sentence", [(24.0, 29.0), (22.0, 26.5)], ids=["over both", "ends behind"])
def test_moments_that_touch_inside_a_sentence_are_one_and_lose_none_of_it(sentence: tuple[float, float]) -> None:
    features = Features(TimeGrid(60.0, 1.0), {}, {SPEECH: talk(60.0, sentence)})
    options = SelectionOptions(duration_seconds=20.0)
    (segment,) = select_segments(_two_scenes(), (), options, features, answering=True)
    assert (segment.start_seconds, segment.stop_seconds) == (20.0, 32.0)


def test_moments_that_touch_in_a_pause_or_would_be_too_long_stay_two() -> None:
    quiet = Features(TimeGrid(60.0, 1.0), {}, {SPEECH: talk(60.0, (20.5, 25.5), (26.5, 31.5))})
    options = SelectionOptions(duration_seconds=20.0)
    assert len(select_segments(_two_scenes(), (), options, quiet, answering=True)) == 2
    talking = Features(TimeGrid(60.0, 1.0), {}, {SPEECH: talk(60.0, (24.0, 29.0))})
    limited = replace(options, max_seconds=11.0)
    assert len(select_segments(_two_scenes(), (), limited, talking, answering=True)) == 2


@pytest.mark.parametrize("sentence", [(21.5, 24.0), (20.9, 25.1)], ids=["shorter", "silence around it"])
def test_a_moment_stays_as_long_as_is_asked_for(sentence: tuple[float, float]) -> None:
    start, stop = sentence
    around = [(start, start), (stop, stop)] if start < 21 else [(10.0, start), (stop, 40.0)]
    transcript = spoken(*sorted(each for each in (sentence, *around) if each[0] < each[1]))
    options, scores = SelectionOptions(duration_seconds=6.0, max_clips=1), _scores(speech=0.9, visual=0.1)
    (free,) = select_segments(scores, (), options, None, answering=True, transcript=transcript)
    (kept,) = select_segments(
        scores, (), replace(options, min_seconds=5.5), None, answering=True, transcript=transcript
    )
    assert free.seconds < 5
    assert kept.seconds >= 5.5


PAUSED = spoken((0.0, 9.6), (10.0, 16.4), (17.0, 24.3), (24.7, 30.1), (30.9, 38.2), (38.7, 60.0))
"""Sentences with pauses of 0.4 to 0.8 s."""


@pytest.mark.parametrize("wanted", [{"answering": True}, {"fill": True, "answering": True}, {}], ids=str)
@pytest.mark.parametrize("kind", ["transcript", "voice"])
@pytest.mark.parametrize("budget", [16.0, 22.0])
def test_sentences_that_follow_each_other_in_one_shot_play_without_a_jump(
    wanted: dict[str, bool], kind: str, budget: float
) -> None:
    values = np.full(60, 0.1, dtype=np.float32)
    values[10:17], values[17:24], values[24:30], values[30:38] = 0.8, 0.85, 0.82, 0.9
    borders = np.zeros(59, dtype=np.float32)
    borders[[9, 16, 24, 30, 38]] = UTTERANCE_BORDER
    scores = Scores(TimeGrid(60.0, 1.0), values, {SAID: values}, borders=borders)
    signal = talk(60.0, *((each.start_seconds, each.stop_seconds) for each in PAUSED.utterances))
    transcript = PAUSED if kind == "transcript" else None
    options = SelectionOptions(duration_seconds=budget, fill=wanted.get("fill", False), min_seconds=2.0)
    segments = select_segments(
        scores,
        (),
        options,
        Features(TimeGrid(60.0, 1.0), {}, {SPEECH: signal}),
        answering=wanted.get("answering", False),
        transcript=transcript,
    )
    left = budget - sum(segment.seconds for segment in segments)
    gaps = [after.start_seconds - before.stop_seconds for before, after in pairwise(segments)]
    assert left > -1e-6
    assert all(gap == pytest.approx(0.0) or gap > min(options.merge_gap_seconds, left) for gap in gaps)


@pytest.mark.parametrize("exclude", [(), ((30.3, 30.6),)], ids=["nothing", "the pause"])
def test_what_is_excluded_is_not_played_to_avoid_a_jump(exclude: tuple[tuple[float, float], ...]) -> None:
    values = np.full(60, 0.1, dtype=np.float32)
    values[24:30], values[30:38] = 0.82, 0.9
    scores, options = Scores(TimeGrid(60.0, 1.0), values), SelectionOptions(duration_seconds=16.0, exclude=exclude)
    segments = select_segments(scores, (), options, transcript=PAUSED)
    played = [(segment.start_seconds, segment.stop_seconds) for segment in segments]
    assert any(start < 30.2 and stop > 30.8 for start, stop in played) == (not exclude)


@pytest.mark.parametrize("answering", [True, False], ids=["answering", "filling"])
@pytest.mark.parametrize(
    ("given", "is_one"),
    [
        ({"margin": (0.3, 0.3), "merge_gap_seconds": 0.5}, True),
        ({"margin": (0.3, 0.0), "merge_gap_seconds": 0.5}, False),
        ({"margin": (0.5, 0.5), "merge_gap_seconds": 0.0}, True),
        ({"threshold": 0.5}, True),
        ({"threshold": 0.5, "merge_gap_seconds": 0.5}, False),
        ({"threshold": 0.5, "max_clips": 2}, True),
    ],
    ids=str,
)
def test_neither_margins_nor_a_threshold_leave_a_jump(given: dict[str, Any], is_one: bool, answering: bool) -> None:
    values = np.full(60, 0.1, dtype=np.float32)
    values[10:16], values[17:23] = 0.8, 0.9
    filled = 14.2 if is_one else 12.7
    options = SelectionOptions(duration_seconds=30.0 if answering or "threshold" in given else filled, **given)
    segments = select_segments(Scores(TimeGrid(60.0, 1.0), values), (), options, answering=answering)
    inside = [each for each in segments if each.stop_seconds > 10.5 and each.start_seconds < 22.5]
    assert len(inside) == (1 if is_one else 2)
    assert sum(each.seconds for each in segments) <= options.budget_seconds(60.0) + 1e-6


def test_spans_are_joined_in_one_shot_or_scene_while_seconds_are_left() -> None:
    values = np.full(20, 0.5, dtype=np.float32)
    borders = np.zeros(19, dtype=np.float32)
    borders[9] = 0.9
    scores, shots = Scores(TimeGrid(20.0, 1.0), values, borders=borders), (Shot(0.0, 6.2), Shot(6.2, 20.0))
    pieces = cut_into_pieces(scores, shots)
    time = FreeTime(pieces, np.ones(len(pieces.scores), dtype=bool))
    one, other, behind, last = Span(2.0, 4.0), Span(4.5, 6.0), Span(6.5, 9.7), Span(10.4, 12.0)
    options = SelectionOptions()
    assert without_jumps([one, other, behind, last], time, options, 2.0) == [Span(2.0, 9.7), last], "a wall"
    assert without_jumps([one, other, behind, last], time, options, 0.9) == [Span(2.0, 6.0), behind, last]
    assert without_jumps([one, other], time, replace(options, merge_gap_seconds=0.4), 2.0) == [one, other]
