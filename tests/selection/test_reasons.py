"""Reasons of segments: what explains them and where it was found, nothing that holds for the whole video; titles."""

from __future__ import annotations

import numpy as np
import pytest

from highlightr.core.transcript import Transcript, Utterance
from highlightr.core.types import Reason, Scores, Segment, TimeGrid
from highlightr.selection.reasons import segment_reasons, title_of, with_quotes
from highlightr.selection.spans import Span

DOG, BARK, SKY = Reason("visual", "dog", 0.5), Reason("audio", "Bark", 0.3), Reason("visual", "sky", 0.2)


def scores_of(values: list[float], reasons: list[tuple[Reason, ...]]) -> Scores:
    return Scores(TimeGrid(float(len(values)), 1.0), np.asarray(values, np.float32), reasons=tuple(reasons))


def test_a_reason_says_where_it_was_found() -> None:
    scores = scores_of([0.5] * 6, [(DOG,), (DOG,), (DOG, BARK), (DOG, BARK), (DOG,), ()])
    reasons = segment_reasons(scores, Span(0.5, 4.5))
    assert [(r.label, r.start_seconds, r.stop_seconds) for r in reasons] == [("dog", 0.5, 4.5), ("Bark", 2.0, 4.0)]
    assert [r.weight for r in reasons] == pytest.approx([0.5, 0.15])


def test_what_holds_elsewhere_does_not_explain_a_segment() -> None:
    # The sky is there all the time, and weaker where the dog is; it explains the other segment alone.
    faint = Reason("visual", "sky", 0.1)
    scores = scores_of([0.9, 0.9, 0.6, 0.6], [(DOG, faint), (DOG, faint), (SKY,), (SKY,)])
    assert [r.label for r in segment_reasons(scores, Span(0, 2))] == ["dog"]
    assert [r.label for r in segment_reasons(scores, Span(2, 4))] == ["sky"]


def test_a_label_of_the_whole_video_stays() -> None:
    scores = scores_of([0.3] * 4, [(DOG,)] * 4)
    assert [r.label for r in segment_reasons(scores, Span(1, 3))] == ["dog"]


def test_no_row_shows_zero() -> None:
    crumb = Reason("visual", "crumb", 0.01)
    scores = scores_of([0.5, 0.5], [(DOG, crumb), (DOG,)])
    assert [r.label for r in segment_reasons(scores, Span(0, 2))] == ["dog"]
    assert segment_reasons(scores_of([0.0, 0.0], [(DOG,), (DOG,)]), Span(0, 2)) == ()
    assert segment_reasons(Scores(TimeGrid(2.0, 1.0), np.ones(2, np.float32)), Span(0, 2)) == ()


@pytest.mark.parametrize(
    ("reasons", "title"),
    [
        ((DOG, BARK), "Dog, bark"),
        ((BARK, DOG), "Dog, bark"),
        ((DOG, SKY), "Dog"),
        ((BARK,), "Bark"),
        ((DOG, Reason("audio", "Bark", 0.05)), "Dog"),
        ((Reason("visual", "German shepherd", 0.4), Reason("audio", "R&B", 0.3)), "German shepherd, R&B"),
        ((Reason("motion", "movement", 0.5), BARK), "Bark"),
        ((Reason("motion", "movement", 0.5), Reason("novelty", "something new", 0.4)), "Movement"),
        ((Reason("colour", "red", 0.5),), "Red"),
        ((Reason("visual", "drum", 0.3), Reason("audio", "Drum", 0.4)), "Drum"),
        ((Reason("visual", "acoustic guitar", 0.2), Reason("audio", "Guitar", 0.4)), "Acoustic guitar"),
        ((Reason("visual", "drum", 0.3), Reason("audio", "Drum kit", 0.4)), "Drum kit"),
        ((Reason("visual", "screen", 0.3), Reason("audio", "Screech", 0.4)), "Screen, screech"),
        ((), ""),
    ],
)
def test_a_title_is_made_of_the_evidence(reasons: tuple[Reason, ...], title: str) -> None:
    assert title_of(reasons) == title


def test_quotes_are_of_what_is_said() -> None:
    said = (Utterance(0, 2, "Hello."), Utterance(2, 4, "[applause]"), Utterance(4, 6, "Thank you."))
    (found,) = with_quotes([Segment(0, 6, 0.5)], Transcript(said, "a.srt"))
    assert found.quotes == ("Hello.", "Thank you.")
