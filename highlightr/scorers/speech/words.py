"""Words, as they are compared: without case, accents or punctuation; and what a query asks of what is said.

In: texts. Out: their words; the phrase of a query that must be said word for word; where a phrase is said; and whether
a query asks for what is said, or for what is seen and heard.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import numpy as np

from highlightr.core.tensors import read_tensors
from highlightr.core.types import FloatArray

_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"
"""Thai, Lao, Japanese and Chinese are written without spaces: each of their letters counts as a word."""

_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")

_DROPPED = re.compile("['\u2019\u0300-\u036f]")
"""Apostrophes, and the accents of European scripts; marks of other scripts make another letter."""

_QUOTES = ('""', "''", "\u201c\u201d", "\u201e\u201c", "\u201e\u201d", "\u00ab\u00bb", "\u00bb\u00ab", "\u2018\u2019")

_ENDINGS = frozenset({"s", "es", "ed", "d", "ing", "er", "ers", "ly"})
"""What may follow the shorter of two words that count as one."""

AIM_WEIGHTS = Path(__file__).with_name("aim.safetensors")
"""Written by `python -m research.speech_aim`."""

_SHORTEST_STEM = 3
_TYPO = 0.8
"""Share of letters that two spellings of one name have in common, by difflib's ratio."""


def words_of(text: str) -> list[str]:
    """The words of a text in order, in lower case, without accents, apostrophes and punctuation."""
    plain = _DROPPED.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return _WORD.findall(unicodedata.normalize("NFC", plain))


def quoted(query: str) -> str | None:
    """What stands between the quotation marks that enclose a whole query; `None` for another query."""
    text = query.strip()
    enclosed = len(text) > 2 and text[0] + text[-1] in _QUOTES
    inner = text[1:-1]
    return inner if enclosed and words_of(inner) and not set(inner) & {text[0], text[-1]} - {"'", "\u2019"} else None


def find_phrase(utterances: Sequence[Sequence[str]], phrase: Sequence[str]) -> list[tuple[int, int]]:
    """First and last utterance of each place where a phrase is said, however its words are parted or hyphenated."""
    said = [(word, number) for number, words in enumerate(utterances) for word in words]
    text, wanted = "".join(word for word, _ in said), "".join(phrase)
    owners: dict[int, int] = {}
    ends: dict[int, int] = {}
    at = 0
    for word, number in said:
        owners[at] = number
        at += len(word)
        ends[at] = number
    places, start = [], text.find(wanted) if wanted else -1
    while start >= 0:
        stop = start + len(wanted)
        if start in owners and stop in ends:  # Whole words only.
            places.append((owners[start], ends[stop]))
        start = text.find(wanted, start + 1)
    return places


def alike(word: str, others: Sequence[str], *, spelling: bool) -> list[str]:
    """Which of the others count as this word, made by `words_of`; with `spelling` near spellings too, as for names."""
    found = [other for other in others if other == word or _same_stem(word, other)]
    return found or (get_close_matches(word, others, n=3, cutoff=_TYPO) if spelling else [])


def _same_stem(word: str, other: str) -> bool:
    short, long = sorted((word, other), key=len)
    return len(short) >= _SHORTEST_STEM and long.startswith(short) and long[len(short) :] in _ENDINGS


def aim_at_pictures(vector: FloatArray) -> float:
    """Log odds that a query, a vector in MiniLM's space, asks for what can be seen or heard.

    They move each sense's match where there is a transcript: pictures resemble most sentences a little, "quitting your
    job" too, and a talk holds something near to most captions. Small, because their weights were held small.
    """
    weights, offset = _weights()
    return float(vector @ weights) + offset


@cache
def _weights() -> tuple[FloatArray, float]:
    tensors = read_tensors(AIM_WEIGHTS)
    return np.asarray(tensors["weights"], dtype=np.float32), float(tensors["offset"][0])
