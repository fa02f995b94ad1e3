"""What is said as an answer: words, phrases, meaning, passages, and the fusion with pictures and sound; by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highlightr.core.transcript import Transcript, Utterance
from highlightr.core.types import FloatArray, Match, Reason, Scores, Shot, TimeGrid
from highlightr.model_loader import open_text_encoder
from highlightr.scorers.speech.answer import SAID, Answer, Speech, SpeechQuery, spoken_answer, understood
from highlightr.scorers.speech.fusion import UTTERANCE_BORDER, fuse, quote_of, utterance_of_clips
from highlightr.scorers.speech.words import aim_at_pictures, alike, find_phrase, quoted, words_of

SENTENCES = (
    "The tax office called me.",
    "We don't know Mr. Kowalski.",
    "An e-mail came at 17.",
    "Nobody was there.",
)
SPANS = ((1.0, 4.0), (4.5, 8.0), (8.0, 11.0), (30.0, 33.0))
TRANSCRIPT = Transcript(
    tuple(Utterance(*span, text) for span, text in zip(SPANS, SENTENCES, strict=True)), "made", "en"
)
UNIT = np.eye(5, dtype=np.float32)
SPEECH = Speech(TRANSCRIPT, UNIT[:4])
GRID = TimeGrid(40.0, 1.0)


def asked(text: str, vector: FloatArray = UNIT[4], **rarities: float) -> SpeechQuery:
    return SpeechQuery(text, vector, rarities)


def seen(values: FloatArray, chance: float = 0.5) -> Scores:
    reasons = ((Reason("visual", "dog", 1.0),),) * 40
    borders, looks = np.full(39, 0.7, dtype=np.float32), np.ones((40, 3), dtype=np.float32)
    return Scores(GRID, values, {"visual": values}, reasons, (), Match("weak", chance), borders, looks)


def test_words_have_no_case_accents_or_punctuation() -> None:
    assert words_of("Don't say “CAFÉ”, e-mail!") == ["dont", "say", "cafe", "e", "mail"]
    assert words_of("東京です") == list("東京です")
    assert words_of("…") == []


@pytest.mark.parametrize("query", ['"the tax office"', "'the tax office'", "“the tax office”", " «the tax office» "])
def test_a_query_in_quotation_marks_is_a_phrase(query: str) -> None:
    assert quoted(query) == "the tax office"


@pytest.mark.parametrize("query", ["the tax office", '"', '""', '"?!"', 'he said "no"', '"one" or "two"', "don't"])
def test_any_other_query_is_none(query: str) -> None:
    assert quoted(query) is None


@pytest.mark.parametrize(
    ("phrase", "places"),
    [
        ("TAX office called", [(0, 0)]),
        ("called me, we dont", [(0, 1)]),
        ("email came", [(2, 2)]),
        ("ax office", []),
        ("tax offi", []),
        ("office tax", []),
        ("", []),
    ],
)
def test_a_phrase_is_found_in_whole_words_across_utterances(phrase: str, places: list[tuple[int, int]]) -> None:
    assert find_phrase(SPEECH.words, words_of(phrase)) == places


@given(st.lists(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), max_size=5), st.data())
def test_whatever_is_said_is_found_where_it_is(utterances: list[list[str]], data: st.DataObject) -> None:
    said = [(word, number) for number, words in enumerate(utterances) for word in words]
    if said:
        first = data.draw(st.integers(0, len(said) - 1))
        last = data.draw(st.integers(first, len(said) - 1))
        phrase = [word for word, _ in said[first : last + 1]]
        assert (said[first][1], said[last][1]) in find_phrase(utterances, phrase)


def test_forms_of_a_word_and_near_spellings_of_a_name_count() -> None:
    others = ["call", "contrast", "kowalski", "taxes"]
    assert alike("called", others, spelling=False) == ["call"]
    assert alike("tax", others, spelling=False) == ["taxes"]
    assert alike("contract", others, spelling=False) == []
    assert alike("covalsky", others, spelling=True) == []
    assert alike("kowalsky", others, spelling=True) == ["kowalski"]


def test_what_means_the_same_answers_and_what_nobody_says_is_noted() -> None:
    found = spoken_answer(SPEECH, asked("revenue service on the phone", 0.8 * UNIT[0] + 0.6 * UNIT[4]))
    assert found.match.verdict == "strong" and int(np.argmax(found.chances)) == 0
    assert spoken_answer(SPEECH, asked("skiing")).match.verdict == "none"


def test_a_name_answers_whatever_it_means_and_a_common_word_does_not() -> None:
    found = spoken_answer(SPEECH, replace(asked("Kowalsky", 0.2 * UNIT[1], kowalsky=1.0)))
    assert int(np.argmax(found.chances)) == 1
    assert (
        found.match.probability > 2 * spoken_answer(SPEECH, asked("nobody", 0.2 * UNIT[3], was=0.0)).match.probability
    )


def test_another_language_is_compared_by_words_alone() -> None:
    foreign = replace(SPEECH, understood=False)
    assert spoken_answer(foreign, asked("x", UNIT[0])).match.verdict == "none"
    found = spoken_answer(foreign, asked("Kowalski", UNIT[0], kowalski=1.0))
    assert found.match.verdict == "strong" and int(np.argmax(found.chances)) == 1


def test_the_best_of_many_utterances_is_less_of_a_match() -> None:
    many = Transcript(tuple(Utterance(at, at + 1, "word") for at in range(0, 1000, 2)), "made")
    rows = np.zeros((500, 5), dtype=np.float32)
    rows[:, 1] = 1
    rows[:4] = UNIT[:4]
    query = asked("x", 0.42 * UNIT[0])
    assert spoken_answer(Speech(many, rows), query).match.probability < spoken_answer(SPEECH, query).match.probability


def test_what_carries_on_from_the_answer_is_part_of_it_but_not_across_a_long_silence() -> None:
    rows = np.stack([UNIT[0], 0.6 * UNIT[0] + 0.8 * UNIT[1], UNIT[2], 0.9 * UNIT[2] + 0.43 * UNIT[3]])
    found = spoken_answer(
        Speech(TRANSCRIPT, rows.astype(np.float32)), asked("x", 0.7 * UNIT[0] + 0.7 * UNIT[4])
    ).chances
    odds = np.log(found / (1 - found))
    assert odds[0] - odds[1] < 0.85 < odds[0] - odds[2]
    last = spoken_answer(Speech(TRANSCRIPT, rows.astype(np.float32)), asked("x", 0.8 * UNIT[2])).chances
    assert last[3] < last[2] and int(np.argmax(last)) == 2


def test_a_phrase_must_be_said() -> None:
    found = spoken_answer(SPEECH, asked('"tax OFFICE, called"'))
    assert found.match == Match("strong", SAID) and found.chances.tolist() == pytest.approx([SAID, 0, 0, 0])
    missing = spoken_answer(SPEECH, asked('"the tax inspector called"', UNIT[0]))
    assert missing.match.verdict == "none" and not missing.chances.any()
    scores = seen(np.linspace(0, 1, 40, dtype=np.float32))
    assert fuse(scores, missing, TRANSCRIPT, ()).match == missing.match
    assert fuse(scores, found, TRANSCRIPT, ()).values[20:].max() == 0, "pictures are no answer"


def test_where_nothing_said_answers_nothing_changes() -> None:
    scores = seen(np.linspace(0, 0.9, 40, dtype=np.float32))
    assert fuse(scores, Answer(np.full(4, 0.2, dtype=np.float32), Match("none", 0.2)), TRANSCRIPT, ()) is scores


def test_a_query_for_what_is_said_doubts_the_pictures_and_one_for_pictures_what_is_said() -> None:
    scores = seen(np.linspace(0, 0.9, 40, dtype=np.float32), 0.5)
    nothing = Answer(np.full(4, 0.1, dtype=np.float32), Match("none", 0.1))
    doubted = fuse(scores, replace(nothing, aim=-0.5), TRANSCRIPT, ())
    assert doubted.match is not None and doubted.match.verdict == "none" and doubted.match.probability < 0.25
    assert vars(replace(doubted, match=scores.match)) == vars(scores), "nothing else changes"
    assert fuse(scores, replace(nothing, aim=2.0), TRANSCRIPT, ()) is scores
    unknown = replace(scores, match=None)
    assert fuse(unknown, replace(nothing, aim=-0.5), TRANSCRIPT, ()) is unknown
    query = asked("x", 0.42 * UNIT[0])
    chances = [spoken_answer(SPEECH, replace(query, aim=aim)).match.probability for aim in (-1.0, 0.0, 2.0)]
    assert chances[0] == chances[1] > chances[2]


def test_where_neither_answers_the_nearer_leads_and_the_verdict_stays() -> None:
    near = Answer(np.array([0.1, 0.5, 0.1, 0.1], dtype=np.float32), Match("none", 0.5))
    scores = seen(np.full(40, 0.3, dtype=np.float32), 0.3)
    absent = replace(scores, match=Match("none", 0.3))
    led = fuse(absent, near, TRANSCRIPT, ())
    assert int(np.argmax(led.values)) in range(4, 8) and led.values.max() == pytest.approx(0.564, abs=0.01)
    assert led.match == Match("none", pytest.approx(0.65))
    assert fuse(scores, near, TRANSCRIPT, ()) is scores, "pictures answer"
    assert fuse(absent, replace(near, match=Match("none", 0.2)), TRANSCRIPT, ()) is absent, "pictures are nearer"


def test_queries_of_both_kinds_are_told_apart_by_the_shipped_weights() -> None:
    encoder = open_text_encoder("minilm")
    for text in ("quitting your job", "why interest rates went up"):
        assert aim_at_pictures(encoder.encode(text).vector) < 0
    for text in ("man riding a bicycle", "fireworks", "drums being played"):
        assert aim_at_pictures(encoder.encode(text).vector) > 0.5


def test_the_sense_with_the_better_evidence_leads_and_parts_add_up() -> None:
    values = np.full(40, 0.6, dtype=np.float32)
    said = Answer(np.array([0.95, 0.1, 0.1, 0.1], dtype=np.float32), Match("strong", 0.95))
    scores = fuse(seen(values), said, TRANSCRIPT, ())
    assert int(np.argmax(scores.values)) in (1, 2, 3) and scores.values[20] < 0.1
    assert sum(scores.parts.values()) == pytest.approx(scores.values, abs=1e-6)
    assert scores.match == Match("strong", pytest.approx(0.975))
    assert scores.reasons[2][0] == Reason("speech", 'said: "The tax office called me."', pytest.approx(1.0, abs=0.1))
    assert scores.reasons[20] == (Reason("visual", "dog", 1.0),)
    strong = fuse(seen(values, 0.99), replace(said, match=Match("weak", 0.4)), TRANSCRIPT, ())
    assert strong.values == pytest.approx(values, abs=0.01)


def test_utterances_are_the_scenes_where_speech_leads_and_speakers_all_look_alike() -> None:
    said = Answer(np.array([0.95, 0.9, 0.02, 0.02], dtype=np.float32), Match("strong", 0.95))
    scores = fuse(seen(np.full(40, 0.1, dtype=np.float32)), said, TRANSCRIPT, ())
    assert scores.borders is not None and scores.looks is not None
    assert scores.borders[[1, 2, 3]] == pytest.approx([0, 0, UTTERANCE_BORDER])
    assert scores.borders[20] == pytest.approx(0.7)
    assert not scores.looks[2].any() and scores.looks[20].all()
    plain = replace(seen(np.full(40, 0.1, dtype=np.float32)), borders=None, looks=None)
    shots = (Shot(0.0, 20.0), Shot(20.0, 40.0))
    assert np.flatnonzero(fuse(plain, said, TRANSCRIPT, shots).borders == 1).tolist() == [19]


def test_every_clip_has_the_utterance_at_its_middle_and_a_short_one_is_not_lost() -> None:
    homes = utterance_of_clips(GRID, TRANSCRIPT, np.zeros(4, dtype=np.float32))
    assert homes[[0, 1, 3, 4, 7, 8, 10, 15, 30, 32]].tolist() == [-1, 0, 0, 1, 1, 2, 2, -1, 3, 3]
    short = Transcript((Utterance(0.0, 4.0, "long"), Utterance(4.6, 4.9, "No!"), Utterance(5.0, 9.0, "on")), "made")
    assert 1 in utterance_of_clips(GRID, short, np.array([0.1, 0.9, 0.1], dtype=np.float32))


def test_a_quote_is_short() -> None:
    assert quote_of('"Hello"') == 'said: "Hello"'
    assert quote_of("word " * 50).endswith(' …"') and len(quote_of("word " * 50)) < 110


def test_a_transcript_without_a_language_is_judged_by_its_words() -> None:
    german = Transcript((Utterance(0, 4, "Gestern haben wir den Zug verpasst, weil der Bus zu spät kam."),), "made")
    known = {"the", "tax", "office", "called", "me"}
    rare = lambda words: np.array([float(word not in known) for word in words])  # noqa: E731
    assert not understood(german, rare)
    assert understood(Transcript(TRANSCRIPT.utterances[:1], "made"), rare)
    assert not understood(replace(TRANSCRIPT, language="de"), rare)


def test_what_nobody_says_is_quoted_as_a_caption() -> None:
    assert quote_of("[applause]") == 'caption: "[applause]"'
    assert quote_of("It is [a bit] late.") == 'said: "It is [a bit] late."'
