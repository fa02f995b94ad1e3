"""The made topics are what they claim to be, and the judge counts what it should."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.spoken import Talk, Topic, Trial, draw_talk, fit, judge, topics
from highlightr.core.transcript import Transcript, Utterance
from highlightr.scorers.speech.answer import Speech, SpeechQuery
from highlightr.scorers.speech.words import words_of

FUNCTION_WORDS = frozenset(
    words_of(
        "a about after an and any are as at be because been but by can could did do does every for from get gets had"
        " has have he her him his how i if in into is it its just like may me my no not of on one or our out over she "
        "so some than that the their them there they this to up was we were what when where which while who why will "
        "with would you your making somebody something"
    )
)


@pytest.mark.parametrize("topic", [*topics("tuning"), *topics("report")], ids=lambda topic: topic.asked)
def test_what_is_asked_shares_no_content_word_with_what_is_said_and_a_name_does(topic: Topic) -> None:
    said = {word for text in topic.said for word in words_of(text)} - FUNCTION_WORDS
    asked = set(words_of(topic.asked)) - FUNCTION_WORDS
    shared = {(one, other) for one in asked for other in said if one[:4] == other[:4] and min(len(one), len(other)) > 2}
    assert not shared - {("decay", "decades")}
    if topic.named is not None:
        assert set(words_of(topic.named)) & said


def test_the_halves_are_of_like_size_and_share_nothing() -> None:
    tuning, report = topics("tuning"), topics("report")
    assert min(len(tuning), len(report)) >= 40
    assert not {topic.asked for topic in tuning} & {topic.asked for topic in report}


def test_a_talk_holds_whole_topics_in_order_of_time() -> None:
    talk = draw_talk("tuning", np.random.default_rng(0), 5)
    assert len(set(talk.owners)) == 5
    assert [each.text for each in talk.transcript.utterances] == [
        text for number in dict.fromkeys(talk.owners) for text in topics("tuning")[number].said
    ]


def _trial(vector: list[float], topic: int) -> Trial:
    transcript = Transcript((Utterance(0, 3, "one"), Utterance(4, 7, "two")), "made", "en")
    speech = Speech(transcript, np.eye(3, dtype=np.float32)[:2])
    query = SpeechQuery("x", np.array(vector, dtype=np.float32), {})
    return Trial(Talk(transcript, (0, 1)), speech, query, topic, "asked")


def test_found_absent_and_falsely_by_hand() -> None:
    row = judge([_trial([0.9, 0, 0], 0), _trial([0.9, 0, 0], 1), _trial([0, 0, 1], 1), _trial([0, 0, 1], 7)])
    assert row["found"] == pytest.approx(100 / 3)
    assert row["absent"] == 100
    assert row["falsely"] == pytest.approx(100 / 3)


def test_fitting_gives_meaning_a_weight() -> None:
    asked = [_trial([0.5, 0.1, 0], 0), _trial([0.1, 0.6, 0], 1), _trial([0.2, 0.1, 0.9], 7)]
    assert fit(asked)[0] > 0
