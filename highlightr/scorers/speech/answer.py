"""How much of what is said answers a query, utterance by utterance, and whether anything does.

In: a transcript with a vector for each utterance, and a query. Out: a chance per utterance and a `Match`. A query is
compared by meaning (the utterance itself, and with its neighbours) and by its telling words: names, numbers, rare
words. A query in quotation marks must be said word for word.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from highlightr.core.numeric import sigmoid, unit_rows
from highlightr.core.transcript import Transcript
from highlightr.core.types import FloatArray, Match, Query
from highlightr.scorers.notes import not_english, of_another_language
from highlightr.scorers.speech.words import aim_at_pictures, alike, find_phrase, quoted, words_of

MEANING, CONTEXT, WORDS, OFFSET = 14.0, 4.7, 2.1, -5.0
"""Log odds that an utterance answers: weights of its cosine with the query, of that of its surroundings, of the query's
telling words in it, and what is added. Fitted by `benchmarks.spoken` on the tuning half of its topics."""

AIM = 2.0
"""What the log odds that a query asks for pictures, where they are above 0, take off those of what is said. Chosen on
the tuning half of `edit_quality`."""

WORDS_ALONE, OFFSET_ALONE = 6.0, -3.0
"""The same where the language is not known and meaning says nothing: half of the telling words are an even chance. Set
by hand."""

USUAL_UTTERANCES, LUCK = 25, 0.5
"""The best of many lies higher by chance alone: taken off the log odds of a match, times log(utterances / usual)."""

NONE_BELOW, STRONG_FROM = 0.55, 0.6
"""Chances of a match at which the verdict changes. The first is the highest at which fewer than one in ten true queries
are told to be absent on the tuning half of `edit_quality`, with its topics said over other footage too."""

NEAR_SECONDS = 4.0
"""Utterances further apart are no context for each other."""

NEIGHBOUR = 0.5
"""What a neighbour's words and meaning count beside an utterance's own."""

LINKED = 0.24
"""An utterance carries on from its neighbour if its cosines with it and with the query add up to this: so it is with
most that belong together, and with one in ten of others. Chosen on the tuning half of `edit_quality`."""

STEP = 0.4
"""Log odds that each further utterance of a passage lies below the one that answers."""

SAID, NOT_SAID = 0.98, 0.02
"""Chances where a query had to be said word for word."""

_SAMPLE_WORDS = 300
_SAMPLE_LETTERS = 2000
_UNKNOWN_WORDS = 0.35
"""Share of a transcript's words that no vocabulary of English holds, from which a language detector is asked."""


@dataclass(frozen=True)
class SpeechQuery:
    """A query as it is compared with what is said."""

    text: str
    vector: FloatArray
    """(D,) unit length."""
    rarities: Mapping[str, float]
    """How rare each of its words is, in [0, 1]; 1 for names and words that no dictionary has."""
    understood: bool = True
    """Whether the encoder knows its language."""
    aim: float = 0.0
    """Log odds that it asks for what can be seen or heard (`aim_at_pictures`)."""

    @classmethod
    def of(cls, query: Query, rarities: Callable[[Sequence[str]], FloatArray]) -> SpeechQuery:
        """A query as the encoder of what is said embeds it; `rarities` as for `understood`."""
        words, known = list(dict.fromkeys(words_of(query.text))), not not_english(query)
        rarity = dict(zip(words, rarities(words).tolist(), strict=True))
        return cls(query.text, query.vector, rarity, known, aim_at_pictures(query.vector) if known else 0.0)


@dataclass(frozen=True)
class Speech:
    """What is said, and what it means."""

    transcript: Transcript
    vectors: FloatArray
    """(utterances, D) unit length."""
    understood: bool = True
    """Whether the encoder knows the language."""

    @cached_property
    def words(self) -> list[list[str]]:
        """Of each utterance."""
        return [words_of(each.text) for each in self.transcript.utterances]

    @cached_property
    def places(self) -> Mapping[str, npt.NDArray[np.int64]]:
        """Word to the utterances that hold it."""
        found: dict[str, set[int]] = {}
        for number, words in enumerate(self.words):
            for word in words:
                found.setdefault(word, set()).add(number)
        return {word: np.array(sorted(numbers)) for word, numbers in found.items()}

    @cached_property
    def near(self) -> npt.NDArray[np.bool_]:
        """(utterances - 1,) whether each is near enough to the next to be its context."""
        edges = np.array([(each.start_seconds, each.stop_seconds) for each in self.transcript.utterances])
        return np.asarray(edges[1:, 0] - edges[:-1, 1] <= NEAR_SECONDS)


@dataclass(frozen=True)
class Answer:
    """What of a transcript answers a query."""

    chances: FloatArray
    """(utterances,) in [0, 1]."""
    match: Match
    must_be_said: bool = False
    """The query was in quotation marks: pictures and sounds are no answer."""
    aim: float = 0.0
    """Of the query."""


def understood(transcript: Transcript, rarities: Callable[[Sequence[str]], FloatArray]) -> bool:
    """Whether a transcript is English: as it says itself, or else by its words.

    `rarities` tells how rare words are in English, 1 for those that it does not know.
    """
    if transcript.language is not None:
        return transcript.language.lower().startswith("en")
    text = " ".join(each.text for each in transcript.utterances[:_SAMPLE_WORDS])[:_SAMPLE_LETTERS].lower()
    words = sorted(set(words_of(text)))[:_SAMPLE_WORDS]
    unknown = rarities(words) >= 1 if words else np.ones(1)
    return float(unknown.mean()) < _UNKNOWN_WORDS or not of_another_language(text)


def spoken_answer(speech: Speech, query: SpeechQuery) -> Answer:
    """Compare a query with everything that is said; there is at least one utterance."""
    phrase = quoted(query.text)
    if phrase is not None:
        return _said_word_for_word(speech, words_of(phrase))
    known = speech.understood and query.understood
    own = speech.vectors @ query.vector
    telling = telling_words(speech, query)
    meaning = MEANING * own + CONTEXT * (with_neighbours(speech) @ query.vector)
    odds = meaning + WORDS * telling + OFFSET if known else WORDS_ALONE * telling + OFFSET_ALONE
    odds = odds - AIM * max(0.0, query.aim)
    best = float(odds.max()) - LUCK * math.log(max(1.0, len(odds) / USUAL_UTTERANCES))
    chance = float(sigmoid(np.array(best, dtype=np.float32)))
    verdict = Match("none" if chance < NONE_BELOW else "strong" if chance >= STRONG_FROM else "weak", chance)
    return Answer(sigmoid(_passages(speech, own, odds) if known else odds), verdict, aim=query.aim)


def _said_word_for_word(speech: Speech, phrase: list[str]) -> Answer:
    chances = np.zeros(len(speech.words), dtype=np.float32)
    for first, last in find_phrase(speech.words, phrase):
        chances[first : last + 1] = SAID
    said = bool(chances.any())
    return Answer(chances, Match("strong", SAID) if said else Match("none", NOT_SAID), must_be_said=True)


def with_neighbours(speech: Speech) -> FloatArray:
    """(utterances, D) each utterance with what is said right before and after it, unit length."""
    rows = speech.vectors.copy()
    near = (NEIGHBOUR * speech.near[:, None]).astype(np.float32)
    rows[1:] += near * speech.vectors[:-1]
    rows[:-1] += near * speech.vectors[1:]
    return unit_rows(rows)


def telling_words(speech: Speech, query: SpeechQuery) -> FloatArray:
    """(utterances,) in [0, 1]: the share of the query's telling words that is said, times how rare the rarest is.

    A word tells by its rarity in the language and in this transcript; the second factor is the inverse document
    frequency of Sparck Jones 1972, in [0, 1]. Words of neighbours count in part.
    """
    count, total = len(speech.words), 0.0
    found, rarest = np.zeros(count, dtype=np.float32), np.zeros(count, dtype=np.float32)
    for word, rarity in query.rarities.items():
        hits = np.zeros(count, dtype=np.float32)
        for other in alike(word, tuple(speech.places), spelling=rarity >= 1 and not word.isdigit()):
            hits[speech.places[other]] = 1
        weight = rarity * (1 - math.log(max(1.0, float(hits.sum()))) / math.log(1 + count))
        around = np.where(speech.near, NEIGHBOUR, 0).astype(np.float32)
        own = hits.copy()
        hits[1:] = np.maximum(hits[1:], around * own[:-1])
        hits[:-1] = np.maximum(hits[:-1], around * own[1:])
        total += weight
        found += weight * hits
        rarest = np.maximum(rarest, weight * hits)
    return np.asarray(rarest * found / max(total, 1e-6), dtype=np.float32)


def _passages(speech: Speech, own: FloatArray, odds: FloatArray) -> FloatArray:
    """(utterances,) log odds, where what carries on from an answer answers nearly as well."""
    raised = odds.copy()
    alike_next = np.einsum("ij,ij->i", speech.vectors[1:], speech.vectors[:-1])
    onward = speech.near & (alike_next + own[1:] >= LINKED)
    back = speech.near & (alike_next + own[:-1] >= LINKED)
    for at in np.flatnonzero(onward).tolist():
        raised[at + 1] = max(raised[at + 1], raised[at] - STEP)
    for at in np.flatnonzero(back).tolist()[::-1]:
        raised[at] = max(raised[at], raised[at + 1] - STEP)
    return raised
