"""The measures of edit_quality, by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from benchmarks.edit_figures import (
    Figures,
    Watched,
    calibration,
    covered,
    curve,
    edges_inside,
    is_clean,
    judge,
    score_calibration,
)
from benchmarks.edit_studio import Studio, kept_name
from benchmarks.edit_videos import SAMPLE_RATE, Asked, EditPlan, Stretch, loudest, place_events, write_take
from benchmarks.stitching import Captioned, Picture
from highlightr.core.types import Features, Match, Query, Segment, TimeGrid
from highlightr.media import probe
from tests.mediamaker import SIZE, made, read_number

ROWS = np.eye(2, 3, dtype=np.float32)
PARTS = ((0.0, 10.0), (10.0, 20.0), (20.0, 40.0))


def video(*asked: Asked, events: tuple[tuple[float, float], ...] = ()) -> Watched:
    return Watched("made", Features(TimeGrid(40.0, 1.0), {}), (), PARTS, asked, "shipped", events=events)


def test_a_moment_is_clean_if_all_but_half_a_second_lies_in_one_part() -> None:
    assert is_clean(Segment(9.5, 20.0, 1.0), PARTS)
    assert not is_clean(Segment(9.4, 20.0, 1.0), PARTS)
    assert not is_clean(Segment(9.7, 20.3, 1.0), PARTS)


def test_right_and_kept_are_shares_of_seconds() -> None:
    found = judge([video(Asked("a dog", (1,)))], lambda *_: ([Segment(8.0, 14.0, 1.0)], Match("weak", 0.5)))
    assert covered([Segment(8.0, 14.0, 1.0)], [PARTS[1]]) == 4.0
    assert found.right == [pytest.approx(4 / 6)]
    assert found.kept == [pytest.approx(4 / 6)]  # The budget of 40 s is 6 s; the part is longer.


def test_chances_are_counted_with_what_was_true() -> None:
    found = Figures(there=[(False, 0.99), (False, 1.0), (False, 0.6), (True, 0.1)], absent=[(False, 0.61), (True, 0.0)])
    counted = {(span["from"], span["to"]): (span["queries"], span["there"]) for span in calibration(found)}
    assert counted[0.8, 1.0] == (2, 2)
    assert counted[0.6, 0.7] == (2, 1)
    assert counted[0.0, 0.2] == (2, 1)
    assert sum(queries for queries, _ in counted.values()) == 6


def test_scores_of_segments_are_counted_with_what_they_hold() -> None:
    segments = [Segment(11.0, 14.0, 1.0), Segment(18.0, 24.0, 0.85), Segment(15.0, 20.2, 0.1)]
    asked = (Asked("a dog", (1,)), Asked("a whale", ()))
    found = judge([video(*asked)], lambda *_: (segments, Match("weak", 0.5)))
    counted = {
        (span["from"], span["to"]): (span["segments"], span["right"], span["answered"])
        for span in score_calibration(found)
    }
    assert counted[0.95, 1.0] == (2, 1, 1)
    assert counted[0.8, 0.9] == (2, 0, 1)  # Two of its six seconds lie in the part.
    assert counted[0.0, 0.2] == (2, 1, 1)
    assert sum(total for total, _, _ in counted.values()) == 6


def test_absent_and_true_queries_are_counted_apart() -> None:
    chances = {"there": 0.8, "gone": 0.1, "gone too": 0.9}

    def answer(_: Watched, asked: Asked | None) -> tuple[list[Segment], Match]:
        assert asked is not None
        chance = chances[asked.text]
        return [Segment(0.0, 5.0, 1.0)], Match("none" if chance < 0.5 else "strong", chance)

    found = judge([video(Asked("there", (0,)), Asked("gone", ()), Asked("gone too", ()))], answer)
    row = found.row()
    assert (row["absent"], row["falsely"], row["area"]) == (50.0, 0.0, 50.0)
    assert curve(found)[0]["absent"] == 50.0


def test_edges_in_sentences_and_events_with_air_around_them() -> None:
    segments = [Segment(0.0, 5.0, 1.0), Segment(7.0, 11.0, 1.0)]
    assert edges_inside(segments, [(4.0, 6.0), (7.0, 9.0)], 40.0) == [True, False, False]
    found = judge([video(events=((8.0, 10.0), (30.0, 33.0)))], lambda *_: (segments, None))
    assert (found.found, found.led, found.ended) == ([True, False], [True], [True])


def test_events_lie_in_the_middle_of_their_parts_and_are_equally_loud() -> None:
    sound = loudest(np.concatenate([np.zeros(SAMPLE_RATE), np.ones(2 * SAMPLE_RATE)]).astype(np.float32), 2.0)
    assert np.sqrt(np.mean(sound**2)) == pytest.approx(0.1, rel=0.02)
    track, events = place_events([sound], PARTS, 3, np.random.default_rng(0))
    assert events == [(14.0, 16.0)]
    assert np.abs(track[15 * SAMPLE_RATE]) > 0.05 > np.abs(track[12 * SAMPLE_RATE])


def test_a_take_is_as_long_as_its_sound_and_has_no_cut(tmp_path: Path) -> None:
    path = tmp_path / "take.mp4"
    clip = Captioned(made("plain.mp4"), "numbers")
    plan = EditPlan((Stretch(clip, 0.0, 10.0),), (), Picture(*SIZE, 25))
    write_take(plan, np.zeros(10 * SAMPLE_RATE, dtype=np.float32), path)
    source = probe(path)
    assert source.duration_seconds == pytest.approx(10, abs=0.05)
    assert source.audio is not None
    with av.open(path) as container:
        numbers = [read_number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    assert max(numbers) > 50
    assert max(abs(np.diff(numbers))) == 1


def test_what_is_kept_of_a_talk_is_not_taken_for_one_of_other_words() -> None:
    plan = EditPlan((), (), Picture(64, 64, 25))
    silence, hum = np.zeros(8, np.float32), np.ones(8, np.float32)
    names = {kept_name("talk 0", plan), kept_name("talk 0", plan, silence), kept_name("talk 0", plan, hum)}
    assert len(names) == 3
    assert kept_name("talk 0", plan, hum.copy()) in names


def test_a_query_that_was_not_kept_whole_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = Studio.__new__(Studio)
    studio._features, studio._encoder = tmp_path, SimpleNamespace(encode=lambda text: Query(text, ROWS, ROWS[0]))

    def full(place: Path, **arrays: np.ndarray) -> None:
        place.write_bytes(b"half")
        raise OSError("no space left")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="no space"):
        patched.setattr(np, "savez", full)
        studio.encode("a dog")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert np.array_equal(studio.encode("a dog").vector, studio.encode("a dog").vector)
