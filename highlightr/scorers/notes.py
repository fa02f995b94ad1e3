"""Sentences that scorers put beside their scores; tests and pages quote them from here."""

from __future__ import annotations

from highlightr.core.types import Query

RANDOM_WEIGHTS = "Random weights: the scores mean nothing."
"""On every result of a network whose weights were drawn and not trained."""

WEAK_MATCH = "Weak match: nothing in this video resembles the query much."
"""Where the best clip scores below what the scorer takes for an answer."""

UNCALIBRATED = "Scores are odds by the model's own scale; they were not calibrated on data."
"""On every result of a scorer whose numbers were not compared with what people found."""

NOT_ENGLISH = "The query holds no Latin letters; this scorer understands English only."
"""Where an encoder of English cannot know the query."""


def not_english(query: Query) -> bool:
    """Whether the query holds no Latin letter, so that an encoder of English cannot know it."""
    return not any("a" <= letter <= "z" for letter in query.text.lower())
