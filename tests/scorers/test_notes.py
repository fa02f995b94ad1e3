"""Which queries an encoder of English cannot know, or a comparison by likeness cannot answer."""

from __future__ import annotations

import pytest

from highlightr.core.types import Query
from highlightr.model_loader import open_text_encoder
from highlightr.scorers.notes import NAMES_NOTHING, NEGATED, doubts, not_english


@pytest.fixture(scope="module")
def encoded() -> dict[str, Query]:
    encoder = open_text_encoder("minilm")
    return {text: encoder.encode(text) for text in (*ENGLISH, *OTHER, *TURNED, *EMPTY, *PLAIN)}


ENGLISH = (
    "where is the dog?",
    "a wman cookign in teh kitchn",
    "people palying footbal",
    "spongebob squarepants",
    "pikachu battles charizard",
    "people in a café",
    "Taj Mahal",
    "karaoke",
    "1962",
    "10 000 \u20ac",
)
"""Plain, misspelt, asked, with names that fall into many pieces, and numbers."""

OTHER = (
    "ein mann spielt gitarre auf der bühne",
    "niños jugando al fútbol",
    "kobieta gotuje w kuchni",
    "кошка",
    "犬が吠える",
    "2020年",
    "\U0001f436",
)


TURNED = {
    "no music": "no",
    "a street without people": "without",
    "Everything except the goals": "except",
    "yoga NOT running": "not",
    "a dog that isn\u2019t barking": "isn\u2019t",
}

EMPTY = ("best moments", "Highlights", "at the end", "the first 10 seconds", "show me the funniest part!", "silence")

PLAIN = ("bus no. 5", "a knot in a rope", "the first kiss", "a movie theatre", "end of a football match", '"not now"')
"""Of those words, but something is named, or they must be said."""


@pytest.mark.parametrize("text", ENGLISH)
def test_names_typos_and_questions_are_english(encoded: dict[str, Query], text: str) -> None:
    assert not not_english(encoded[text])


@pytest.mark.parametrize("text", OTHER)
def test_other_languages_are_told(encoded: dict[str, Query], text: str) -> None:
    assert not_english(encoded[text])


@pytest.mark.parametrize(("text", "word"), TURNED.items())
def test_what_turns_a_query_round_is_told(encoded: dict[str, Query], text: str, word: str) -> None:
    assert doubts(encoded[text]) == (NEGATED.format(word),)


@pytest.mark.parametrize("text", EMPTY)
def test_queries_that_name_nothing_are_told(encoded: dict[str, Query], text: str) -> None:
    assert doubts(encoded[text]) == (NAMES_NOTHING,)


@pytest.mark.parametrize("text", [*ENGLISH, *PLAIN])
def test_what_names_something_is_not_doubted(encoded: dict[str, Query], text: str) -> None:
    assert doubts(encoded[text]) == ()
