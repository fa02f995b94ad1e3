"""The parts that the networks share: masks from lengths, sinusoidal positions, attention, feed-forward.

In and out: tensors, batch first, (batch, rows, width). A padding mask is boolean and True where a row is padding,
as `torch.nn.MultiheadAttention` reads it. `lengths` is None where every row counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

_LONGEST_WAVELENGTH = 10_000.0


def padding_mask(lengths: Tensor | None, rows: int) -> Tensor | None:
    """(batch, rows) bool, True from each length on; `None` if nothing is padded."""
    if lengths is None:
        return None
    return torch.arange(rows, device=lengths.device)[None, :] >= lengths[:, None]


def full_mask(rows: Tensor, padding: Tensor | None) -> Tensor:
    """(batch, rows) bool: a padding mask of (batch, rows, width), also where nothing is padded."""
    return rows.new_zeros(rows.shape[:2], dtype=torch.bool) if padding is None else padding


def zero_padding(values: Tensor, padding: Tensor | None) -> Tensor:
    """`values` (batch, rows, width) with padded rows set to zero."""
    return values if padding is None else values.masked_fill(padding[:, :, None], 0.0)


def positions_of(rows: Tensor) -> Tensor:
    """(rows, width) positions of (batch, rows, width).

    Even columns sin(t / 10000^(c / width)), odd columns the cosine of the same angle.

    Source: Vaswani et al. 2017, section 3.5. Computed, not stored, so that no length is the longest.
    """
    _, count, width = rows.shape
    exact = torch.promote_types(rows.dtype, torch.float32)  # half precision cannot count past 2048
    time = torch.arange(count, device=rows.device, dtype=exact)[:, None]
    even = torch.arange(0, width, 2, device=rows.device, dtype=exact)
    angle = time * torch.exp(even * (-math.log(_LONGEST_WAVELENGTH) / width))  # (rows, width / 2)
    return torch.stack((angle.sin(), angle.cos()), dim=-1).flatten(1).to(rows.dtype)


def feed_forward(width: int, hidden: int, dropout: float) -> nn.Sequential:
    """(..., width) to the same shape, through ReLU in `hidden` units."""
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, width))


class Attention(nn.Module):
    """Multi-head attention with sinusoidal positions added to queries and keys, never to values.

    Positions go to queries and keys only, as in UMT, whose features and protocols CFSum uses: values stay free
    of them, so that what is summed is content.

    Source: softmax(Q Kᵀ / √d) V per head, Vaswani et al. 2017, eq. 1.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        padding: Tensor | None,
        explain: bool = False,
        positions: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from queries (B, M, D) to keys (B, L, D), whose positions, (M, D) and (L, D), count their rows.

        Returns:
            (B, M, D), and where `explain` the weights (B, M, L), averaged over heads; rows sum to 1.
        """
        places = positions or (positions_of(queries), positions_of(keys))
        q, k = queries + places[0], keys + places[1]
        out, weights = self.attention(q, k, keys, key_padding_mask=padding, need_weights=explain)
        return out, weights


def parameter_counts(blocks: Mapping[str, nn.Module]) -> dict[str, int]:
    """Block name to its number of learnable numbers, of the blocks that have some."""
    counts = {name: sum(p.numel() for p in block.parameters()) for name, block in blocks.items()}
    return {name: count for name, count in counts.items() if count}
