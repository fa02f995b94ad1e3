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
from highlightr.core.types import FloatArray, Query
from highlightr.features.base import TextEncoder, check_query, given_file
from highlightr.features.engines.onnx import Model, open_graph

TOKENIZER = "minilm-tokenizer"

_BATCH_TEXTS = 32

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
    longest_tokens: ClassVar[int] = 256
    checkpoints: ClassVar[tuple[str, ...]] = ("minilm", TOKENIZER)

    def __init__(self, *, weights: Mapping[str, Path] | None = None, device: str = "cpu") -> None:
        """Find the files; they are opened with the first text, because label vectors are often kept already."""
        del device
        self._weights = weights
        self.sha256 = file_sha256(given_file(self, weights, "minilm"))

    @cached_property
    def _graph(self) -> Model:
        return open_graph(given_file(self, self._weights, "minilm"))

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(given_file(self, self._weights, TOKENIZER)))
        tokenizer.enable_truncation(max_length=self.longest_tokens)
        tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")  # noqa: S106  the padding token, not a password
        return tokenizer

    def encode(self, text: str) -> Query:
        """Embed one query.

        Raises:
            ConfigError: an empty query.
        """
        check_query(text)
        tokens, mask = self._run([text])
        vector = _pool(tokens, mask)[0]
        return Query(text=text, tokens=tokens[0], vector=vector)

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """(len(texts), 384) float32 unit vectors; texts of like length share a batch."""
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        for start in range(0, len(order), _BATCH_TEXTS):
            batch = order[start : start + _BATCH_TEXTS]
            vectors[batch] = _pool(*self._run([texts[index] for index in batch]))
        return vectors

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

    def _run(self, texts: Sequence[str]) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """(n, L, 384) token rows and the (n, L) mask that is 1 where a token is and 0 where padding is."""
        encodings = self._tokenizer.encode_batch(list(texts))
        ids = np.asarray([encoding.ids for encoding in encodings], dtype=np.int64)
        mask = np.asarray([encoding.attention_mask for encoding in encodings], dtype=np.int64)
        (tokens,) = self._graph({"ids": ids, "mask": mask})
        return tokens, mask


def _pool(tokens: FloatArray, mask: npt.NDArray[np.int64]) -> FloatArray:
    weights = mask[:, :, None].astype(np.float32)
    means = (tokens * weights).sum(axis=1) / weights.sum(axis=1)
    unit: FloatArray = means / np.linalg.norm(means, axis=1, keepdims=True).clip(1e-12)
    return unit
