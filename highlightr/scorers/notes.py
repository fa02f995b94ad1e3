"""Sentences that scorers put beside their scores; tests and pages quote them from here."""

from __future__ import annotations

import re

from highlightr.core.text import language_of
from highlightr.core.types import Query
from highlightr.scorers.speech.words import quoted

_ENDS = 2
"""Tokens of a query that are no word: its start and its end."""

RANDOM_WEIGHTS = "Random weights: the scores mean nothing."
"""On every result of a network whose weights were drawn and not trained."""

WEAK_MATCH = "Weak match: nothing in this video resembles the query much."
"""Where the best clip scores below what the scorer takes for an answer."""

UNCALIBRATED = "Scores are odds by the model's own scale; they were not calibrated on data."
"""On every result of a scorer whose numbers were not compared with what people found."""

QUERY_IGNORED = "The query was ignored: {} scores without a query."
"""With the scorer's name, where one is given to a scorer that takes none."""

NO_SOUND = "The video has no sound that cfsum can use: it was scored by picture alone."
"""Where cfsum was trained with sound."""

NOT_ENGLISH = "The query does not look like English; lite understands English: ask in English for a better answer."
"""Where an encoder of English cannot know the query."""

NEGATED = (
    "\u201c{}\u201d is not understood: what the query names is looked for, not left out; --exclude leaves out times."
)
"""With the word by which a query asks for what is not there."""

NAMES_NOTHING = (
    "The query names nothing to be seen or heard: leave it out for what stands out, or say where to look (--range)."
)
"""Where a query asks for the best, the beginning or silence."""

SPEECH_NOT_ENGLISH = "What is said is not English: it was compared with the query by words, not by meaning."
"""Where the encoder cannot know the language of a transcript."""

NOTHING_SAID = "No transcript tells what is said, so the quotation marks were ignored: use --transcript FILE."
"""Where a query had to be said word for word."""

_BROKEN_PIECES = 1.2
"""Word pieces per word from which a query may be of another language; nine in ten English captions stay below."""

_OTHER_LANGUAGE = 0.5
"""Chance of another language from which it is said: 2 in 1000 English captions reach it, none of 21 names, questions or
misspelt queries, and 30 of 46 short queries in thirteen other languages."""


_NEGATION = re.compile(
    r"\b(?:no(?!\W*\d)|not|nobody|never|without|except|excluding|exclude|"
    r"(?:is|are|was|were|do|does|did|has|have|can)n['\u2019]?t)\b"
)
"""Words that turn a query round, which a comparison by likeness passes over; ``no. 5`` is none. Of 12,153 captions and
queries that people wrote 32 have one."""

_NAMES_NOTHING = frozenset(
    re.findall(
        r"\w+",
        """best better good great nice cool favorite favourite key main important interesting exciting funny funniest
        boring moment moments highlight highlights part parts scene scenes clip clips bit bits stuff thing things
        something anything everything all whole full video movie film footage summary recap intro introduction outro
        opening ending beginning begin start end final first last middle half second seconds minute minutes climax
        silence silent quiet show me find give want see please i my you the a an of in at to for from and or this that
        it is are what where when which there any some most more with on by""",
    )
)
"""A query of nothing but these has no content; of those 12,153 there is one: ``Some scenes from a movie``."""


def doubts(query: Query) -> tuple[str, ...]:
    """Why it proves nothing that a video resembles a query, in sentences; of most queries there are none."""
    told = [NOT_ENGLISH] if not_english(query) else []
    if quoted(query.text) is not None:  # It is compared word for word.
        return tuple(told)
    text = query.text.lower()
    if negation := _NEGATION.search(text):
        told.append(NEGATED.format(negation[0]))
    words = re.findall(r"[^\W\d_]+", text)
    if words and _NAMES_NOTHING.issuperset(words):
        told.append(NAMES_NOTHING)
    return tuple(told)


def not_english(query: Query) -> bool:
    """Whether the query is written in another script, or most likely is of another language; numbers are of none.

    English words are known to the encoder as whole pieces, others fall apart; only then is the language detector
    opened, which takes longer than everything else about a query.
    """
    text = query.text.lower()
    if not any("a" <= letter <= "z" for letter in text):
        return any(letter.isalpha() for letter in text) or not any(letter.isdigit() for letter in text)
    words, pieces = len(re.findall(r"\w+", text)), len(query.tokens) - _ENDS
    return pieces >= _BROKEN_PIECES * words and of_another_language(text)


def of_another_language(text: str) -> bool:
    """Whether a text in lower case most likely is not English, by a language detector."""
    name, chance = language_of(text)
    return name != "en" and chance >= _OTHER_LANGUAGE
