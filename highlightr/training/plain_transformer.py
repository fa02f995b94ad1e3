"""The plain row of every table: two transformer layers over clips and tokens together, and a linear head.

In and out: as `CFSum`, so that the same loop trains both and the same scorer runs both. Logits. It has no module for
any modality: what a published architecture gains must be gained over this.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from highlightr.scorers.attention import full_mask, padding_mask, positions_of, zero_padding
from highlightr.scorers.cfsum.config import CFSumConfig
from highlightr.scorers.cfsum.modules import CFSumOutput

_LAYERS = 2
_TYPE_STD = 0.02


class PlainTransformer(nn.Module):
    """Post-norm layers, feed-forward 4x; positions and a learned vector per modality are added to the rows."""

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        width = config.width
        # As in CFSum, LayerNorm first: backbones differ in scale.
        self.inputs = nn.ModuleDict(
            {name: nn.Sequential(nn.LayerNorm(size), nn.Linear(size, width)) for name, size in config.widths.items()}
        )
        self.types = nn.ParameterDict({name: nn.Parameter(torch.randn(width) * _TYPE_STD) for name in config.widths})
        layer = nn.TransformerEncoderLayer(width, config.heads, 4 * width, config.dropout, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, _LAYERS, enable_nested_tensor=False)
        self.head = nn.Linear(width, 1)

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        clip_lengths: Tensor | None = None,
        token_lengths: Tensor | None = None,
        *,
        explain: bool = False,  # noqa: ARG002  there is nothing to explain
    ) -> CFSumOutput:
        """See `CFSumModules.forward`; the score comes from the rows of the first clip modality."""
        names = [name for name in self.inputs if name in inputs]
        rows, masks = [], []
        for name in names:
            part = self.inputs[name](inputs[name])
            rows.append(part + positions_of(part) + self.types[name])
            masks.append(
                full_mask(part, padding_mask(token_lengths if name == "text" else clip_lengths, part.shape[1]))
            )
        encoded = self.encoder(torch.cat(rows, dim=1), src_key_padding_mask=torch.cat(masks, dim=1))
        clips = encoded[:, : rows[0].shape[1]]
        scores = zero_padding(self.head(clips), masks[0]).squeeze(-1)
        return CFSumOutput(scores, {f"{names[0]}-text" if "text" in names else names[0]: scores}, {})
