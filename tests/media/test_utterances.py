"""Cues and words become sentences that follow each other, whatever they are."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highlightr.core.transcript import Transcript, Utterance
from highlightr.media.subtitles import Cue
from highlightr.media.utterances import LONGEST_SECONDS, cues, plain_text, utterances


def texts(*spans: Cue, duration: float = 100.0) -> list[str]:
    return [each.text for each in utterances(spans, duration)]


def test_sentences_go_on_from_cue_to_cue_and_end_with_their_punctuation() -> None:
    spans = [
        Cue(0, 2, "Hello there. My name"),
        Cue(2, 4, 'is Dr. Smith, and "I am."'),
        Cue(4, 5, "Is it? Yes!"),
    ]
    found = utterances(spans, 100)
    assert [each.text for each in found] == ["Hello there.", 'My name is Dr. Smith, and "I am."', "Is it?", "Yes!"]
    assert found[0].stop_seconds == pytest.approx(2 * 11 / 17)  # Its letters of the cue's.
    assert found[1].stop_seconds == 4.0


def test_words_with_times_give_sentences_their_exact_edges() -> None:
    words = [("One", 1.0, 1.2), ("two.", 1.3, 1.7), ("Three", 2.1, 2.4), ("four.", 2.45, 3.0)]
    found = utterances([Cue(start, stop, word) for word, start, stop in words], 10)
    assert found == (Utterance(1.0, 1.7, "One two."), Utterance(2.1, 3.0, "Three four."))


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([Cue(5, 6, "Second."), Cue(1, 2, "First.")], ["First.", "Second."]),
        ([Cue(2, 1, "backwards"), Cue(math.nan, 4, "nan"), Cue(1, 2, "Kept.")], ["Kept."]),
        ([Cue(200, 210, "after the end"), Cue(99, 110, "Last.")], ["Last."]),
        ([Cue(-3, 2, "From before.")], ["From before."]),
        ([Cue(1, 5, "He speaks."), Cue(1, 3, "She too.")], ["He speaks.", "She too."]),
        ([Cue(0, 2, "so and"), Cue(4, 6, "after a pause")], ["so and", "after a pause"]),
        ([Cue(0, 2, "well..."), Cue(2, 4, "go on.")], ["well... go on."]),
        ([Cue(0, 2, "今日。元気ですか\uff1f"), Cue(2, 4, "はい。")], ["今日。", "元気ですか\uff1f", "はい。"]),
        ([Cue(0, 2, "مرحبا بكم. شكرا؟")], ["مرحبا بكم.", "شكرا؟"]),
        ([Cue(0, 2, "one line"), Cue(2, 4, "one line\nand another"), Cue(4, 5, "and another\nthird.")],
         ["one line and another third."]),
    ],
    ids=str,
)  # fmt: skip
def test_what_files_hold(spans: list[Cue], expected: list[str]) -> None:
    assert texts(*spans) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- Hello.\n- [laughs] Hi.", ["Hello.", "Hi."]),
        ("-Where?\n-There.", ["Where?", "There."]),
        (">> ANNA: It is [sighs] late.", ["ANNA: It is late."]),
        ("(whispering) Come here.", ["Come here."]),
        ("It cost (I think) -5 pounds.", ["It cost (I think) -5 pounds."]),
        ("-5 degrees.", ["-5 degrees."]),
        ("\u266a Happy birthday \u266a", ["Happy birthday"]),
        ("\u266a \u266a\n#", []),
        ("Thank you.\n[crowd cheering]", ["Thank you."]),
        ("[crowd cheering]", ["[crowd cheering]"]),
        ("- (APPLAUSE)", ["(APPLAUSE)"]),
        ("- ", []),
    ],
)
def test_only_what_is_said_is_an_utterance(text: str, said: list[str]) -> None:
    assert texts(Cue(0, 5, text)) == said


def test_what_is_heard_between_two_sentences_belongs_to_neither() -> None:
    spans = [Cue(0, 2, "we went"), Cue(2, 3, "[loud bang]"), Cue(3, 5, "home.")]
    assert texts(*spans) == ["we went", "[loud bang]", "home."]
    assert [each.text for each in cues(spans, 10)] == ["we went", "[loud bang]", "home."], "captions keep all of it"


def test_captions_keep_notes_of_music_and_dashes() -> None:
    assert [each.text for each in cues([Cue(0, 2, "- \u266a La \u266a\n- [laughs] Hi.")], 10)] == [
        "- \u266a La \u266a - [laughs] Hi."
    ]


def test_the_name_of_a_speaker_is_not_part_of_what_is_said() -> None:
    assert Utterance(0, 1, "ANNA: It is late.").spoken == "It is late."
    assert Utterance(0, 1, "Remember: it is late.").spoken == "Remember: it is late."
    assert Utterance(0, 1, "MR O'NEIL 2: Yes: now.").spoken == "Yes: now."


def test_an_overlapped_cue_ends_where_the_next_begins() -> None:
    found = utterances([Cue(0, 9000, "Subtitles by somebody."), Cue(5, 8, "Now it begins.")], 100)
    assert [(each.start_seconds, each.stop_seconds) for each in found] == [(0, 5), (5, 8)]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<i>a</i> <font color='red'>b</font> &amp; c", "a b & c"),
        ("<v Roger>I <c.loud>mean</c> it", "I mean it"),
        (r"{\an8}{\pos(1,2)}up", "up"),
        ("<script>alert(1)</script>", "alert(1)"),
        ("&lt;b&gt; 1 < 2 > 0", "<b> 1 < 2 > 0"),
        ("a\u202eb\x1b[31mc\u200f\ud800d", "a b [31mc d"),
        ("שלום <b>עולם</b>", "שלום עולם"),
    ],
)
def test_tags_entities_and_controls_go(text: str, plain: str) -> None:
    assert plain_text(text) == plain


def test_what_has_no_punctuation_is_divided() -> None:
    spans = [Cue(2 * index, 2 * index + 2, "and so on we go") for index in range(40)]
    found = utterances(spans, 100)
    assert max(each.stop_seconds - each.start_seconds for each in found) <= LONGEST_SECONDS
    assert {each.start_seconds % 2 for each in found} == {0}  # Between cues.


SPANS = st.builds(
    Cue,
    st.floats(-10, 200) | st.just(math.nan),
    st.floats(-10, 200) | st.just(math.inf),
    st.text(max_size=60),
)


@given(st.lists(SPANS, max_size=30), st.floats(0.1, 150))
def test_whatever_comes_in_a_transcript_comes_out(spans: list[Cue], duration: float) -> None:
    found = Transcript(utterances(spans, duration), "test").utterances
    for before, after in itertools.pairwise(found):
        assert before.stop_seconds <= after.start_seconds
    assert all(0 <= each.start_seconds < each.stop_seconds <= duration for each in found)
    assert all(each.text == " ".join(each.text.split()) for each in found)


def test_utterances_during_a_span() -> None:
    first, second, third = (Utterance(start, start + 1, str(start)) for start in (0, 1, 5))
    transcript = Transcript((first, second, third), "test")
    assert transcript.during(0.5, 1.0) == (first,)
    assert transcript.during(0.5, 5.5) == (first, second, third)
    assert transcript.during(2, 5) == ()
    with pytest.raises(ValueError, match="must follow each other"):
        Transcript((second, first), "test")
    with pytest.raises(ValueError, match="0 <= start < stop"):
        Utterance(2, 1, "back")
