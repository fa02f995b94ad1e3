"""MiniLM-L6: what a query means.

In: a text, in English. Out: a `Query` with (L, 384) token rows and a unit vector for the whole text, equal to what
sentence-transformers makes of all-MiniLM-L6-v2: mean over the tokens, [CLS] and [SEP] included, then unit length.
The network is small and runs on the CPU whatever the device. The text is split by `tokenizers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.hashing import file_sha256
from highlightr.core.numeric import unit_rows
from highlightr.core.types import FloatArray, Query
from highlightr.features.base import TextEncoder, check_query
from highlightr.features.engines.onnx import RunGraph, open_graph

TOKENIZER = "minilm-tokenizer"

Ids = npt.NDArray[np.int_]
"""(L,) word pieces of a text by number."""

_LONGEST_TOKENS = 256
"""Longer texts are cut to this many word pieces."""

_BATCH_TEXTS = 64
_CHUNK_TEXTS = 1024
"""What the tokenizer tells of a text, beside the numbers, is large."""

_FIRST_WORD = 1995
"""Entry of the vocabulary before the first whole word, "the"; the words follow by how often they are used."""

_ORDINARY_WORDS = 150
"""The first words are articles, pronouns and the like, and tell nothing."""

_NUMBER_RARITY = 0.8


class MiniLM(TextEncoder):
    """Token rows and a sentence vector from all-MiniLM-L6-v2.

    Source: W. Wang et al., MiniLM (2020); N. Reimers, I. Gurevych, Sentence-BERT (2019), model card of
    sentence-transformers/all-MiniLM-L6-v2 (256 word pieces at most, mean pooling, unit length).
    """

    name: ClassVar[str] = "minilm"
    width: ClassVar[int] = 384
    checkpoints: ClassVar[tuple[str, ...]] = ("minilm", TOKENIZER)

    def __init__(self, *, weights: Mapping[str, Path] | None = None, device: str = "cpu") -> None:
        """Find the files; they are opened with the first text, because label vectors are often kept already."""
        del device
        self._weights = weights
        self.sha256 = file_sha256(self._file("minilm"))

    @cached_property
    def _graph(self) -> RunGraph:
        """Its 8-bit weights are unpacked for every batch: it takes a third of the memory, and half the time to open."""
        return open_graph(self._file("minilm"), unpacked=False)

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._file(TOKENIZER)))
        tokenizer.enable_truncation(max_length=_LONGEST_TOKENS)
        tokenizer.no_padding()  # The file asks for it.
        return tokenizer

    def encode(self, text: str) -> Query:
        """Embed one query; a `ConfigError` for an empty one."""
        check_query(text)
        tokens = _run(self._graph, self.pieces([text]))
        return Query(text=text, tokens=tokens[0], vector=_pool(tokens)[0])

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """(len(texts), 384) float32 unit vectors.

        Texts of equally many word pieces share a batch: padding to like lengths took a fifth of the time. What comes
        twice is computed once.
        """
        rows = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        by_length: dict[int, list[int]] = {}
        pieces = self.pieces(list(rows))
        for row, ids in enumerate(pieces):
            by_length.setdefault(len(ids), []).append(row)
        vectors = np.zeros((len(rows), self.width), dtype=np.float32)
        for same in by_length.values():
            for start in range(0, len(same), _BATCH_TEXTS):
                batch = same[start : start + _BATCH_TEXTS]
                vectors[batch] = _pool(_run(self._graph, [pieces[row] for row in batch]))
        return vectors[[rows[text] for text in texts]]

    def release(self) -> None:
        """Close the network, which takes 60 MiB; to open it again takes a tenth of a second."""
        self.__dict__.pop("_graph", None)

    def rarities(self, words: Sequence[str]) -> FloatArray:
        """(len(words),) in [0, 1]: how rare each word is in English.

        Source: the vocabulary is in order of frequency from "the" on. A word that it does not hold whole, such as most
        names, is as rare as can be; a number tells more than its digits are rare.
        """
        rarities = np.ones(len(words), dtype=np.float32)
        for at, word in enumerate(words):
            known = self._tokenizer.token_to_id(word)
            if known is not None:
                rank = max(known - _FIRST_WORD, _ORDINARY_WORDS) / _ORDINARY_WORDS
                rarities[at] = np.log(rank) / np.log((self._tokenizer.get_vocab_size() - _FIRST_WORD) / _ORDINARY_WORDS)
            if word.isdigit():
                rarities[at] = max(rarities[at], _NUMBER_RARITY)
        return rarities

    def pieces(self, texts: Sequence[str]) -> list[Ids]:
        """The word pieces of each text, [CLS] and [SEP] included."""
        chunks = (texts[start : start + _CHUNK_TEXTS] for start in range(0, len(texts), _CHUNK_TEXTS))
        return [np.array(each.ids) for chunk in chunks for each in self._tokenizer.encode_batch_fast(chunk)]


def _run(graph: RunGraph, pieces: Sequence[Ids]) -> FloatArray:
    """(n, L, 384) token rows of n texts of L word pieces each."""
    ids = np.stack(pieces).astype(np.int64)
    (tokens,) = graph({"ids": ids, "mask": np.ones_like(ids)})
    return tokens


def _pool(tokens: FloatArray) -> FloatArray:
    return unit_rows(tokens.mean(axis=1))
