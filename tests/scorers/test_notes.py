"""Which queries an encoder of English cannot know."""

from __future__ import annotations

import pytest

from highlightr.core.types import Query
from highlightr.model_loader import open_text_encoder
from highlightr.scorers.notes import not_english


@pytest.fixture(scope="module")
def encoded() -> dict[str, Query]:
    encoder = open_text_encoder("minilm")
    return {text: encoder.encode(text) for text in (*ENGLISH, *OTHER)}


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


@pytest.mark.parametrize("text", ENGLISH)
def test_names_typos_and_questions_are_english(encoded: dict[str, Query], text: str) -> None:
    assert not not_english(encoded[text])


@pytest.mark.parametrize("text", OTHER)
def test_other_languages_are_told(encoded: dict[str, Query], text: str) -> None:
    assert not_english(encoded[text])
