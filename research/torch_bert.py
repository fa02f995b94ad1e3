"""A BERT encoder of plain torch operations: what MiniLM would be on another backend.

In: (batch, length) token ids and mask. Out: (batch, length, width) rows of the last layer. torch's own encoder layer
is not used because its fused fast path has no ONNX form. `load_bert` takes a checkpoint with the names that BERT
models are published under.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

_MASKED = -1e9
"""Added to the attention to padding: no weight is left after the softmax, and no row of only -inf can arise."""


class BertEncoder(nn.Module):
    """Embeddings and post-norm encoder layers, without BERT's pooler.

    Source: J. Devlin et al., BERT (2019).
    """

    def __init__(
        self,
        *,
        layers: int,
        width: int,
        heads: int,
        inner_width: int,
        vocabulary: int,
        positions: int,
        norm_epsilon: float,
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(positions, width)
        self.segments = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=norm_epsilon)
        self.layers = nn.ModuleList(_Layer(width, heads, inner_width, norm_epsilon) for _ in range(layers))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Encode.

        Args:
            ids: (batch, length) int64.
            mask: (batch, length) int64, 1 where a token is and 0 where padding is.

        Returns:
            (batch, length, width) float; rows of padding are meaningless.
        """
        places = torch.arange(ids.shape[1], device=ids.device)
        rows = self.norm(self.words(ids) + self.positions(places) + self.segments.weight[0])
        bias = (1.0 - mask[:, None, None, :].to(rows.dtype)) * _MASKED  # (batch, 1, 1, length)
        for layer in self.layers:
            rows = layer(rows, bias)
        return rows  # type: ignore[no-any-return]

    def load_bert(self, state: Mapping[str, torch.Tensor]) -> None:
        """Load a checkpoint that uses BERT's published names; every parameter must be in it."""
        names = self._names()
        self.load_state_dict({key: state[_their_key(key, names)] for key in self.state_dict()})

    def published(self) -> dict[str, torch.Tensor]:
        """The parameters under BERT's published names."""
        names = self._names()
        return {_their_key(key, names): value for key, value in self.state_dict().items()}

    def _names(self) -> dict[str, str]:
        names = {**_EMBEDDING_NAMES}
        for index in range(len(self.layers)):
            for ours, theirs in _LAYER_NAMES.items():
                names[f"layers.{index}.{ours}"] = f"encoder.layer.{index}.{theirs}"
        return names


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, inner_width: int, norm_epsilon: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.mix = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=norm_epsilon)
        self.widen = nn.Linear(width, inner_width)
        self.narrow = nn.Linear(inner_width, width)
        self.last_norm = nn.LayerNorm(width, eps=norm_epsilon)

    def forward(self, rows: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        query, key, value = (self._split(part(rows)) for part in (self.query, self.key, self.value))
        weights = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + bias  # (batch, heads, length, length)
        attended = (weights.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)  # (batch, length, width)
        rows = self.norm(rows + self.mix(attended))
        inner = nn.functional.gelu(self.widen(rows))
        return self.last_norm(rows + self.narrow(inner))  # type: ignore[no-any-return]

    def _split(self, rows: torch.Tensor) -> torch.Tensor:
        """(batch, length, width) to (batch, heads, length, width / heads)."""
        batch, length, width = rows.shape
        return rows.view(batch, length, self.heads, width // self.heads).transpose(1, 2)


_EMBEDDING_NAMES = {
    "words": "embeddings.word_embeddings",
    "positions": "embeddings.position_embeddings",
    "segments": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
}
_LAYER_NAMES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "mix": "attention.output.dense",
    "norm": "attention.output.LayerNorm",
    "widen": "intermediate.dense",
    "narrow": "output.dense",
    "last_norm": "output.LayerNorm",
}


def _their_key(key: str, names: Mapping[str, str]) -> str:
    module, _, kind = key.rpartition(".")
    return f"{names[module]}.{kind}"


def minilm_module(config_beside: Path, content: bytes) -> BertEncoder:
    """MiniLM: (batch, length) ids and mask to (batch, length, 384) token rows.

    Args:
        config_beside: the weights file, whose folder has the `config.json`.
        content: of the weights file, in safetensors.
    """
    config = json.loads((config_beside.parent / "config.json").read_text(encoding="utf-8"))
    encoder = BertEncoder(
        layers=config["num_hidden_layers"],
        width=config["hidden_size"],
        heads=config["num_attention_heads"],
        inner_width=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        positions=config["max_position_embeddings"],
        norm_epsilon=config["layer_norm_eps"],
    )
    encoder.load_bert(safetensors.torch.load(content))
    return encoder.eval()
