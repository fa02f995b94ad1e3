"""CFSum as the paper has it: coarse fusion of every modality by self-attention, then fine interaction.

In and out: as `CFSumModules`; the scores are trained by MSE to labels in [0, 1]. No files, no pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from highlightr.scorers.attention import Attention, feed_forward, zero_padding
from highlightr.scorers.cfsum.config import CFSumConfig
from highlightr.scorers.cfsum.modules import CFSumModules, CFSumOutput, Padding, Rows, fuse

_MIDDLE_OF_LABELS = 0.5


class ModalAutoencoder(nn.Module):
    """AE: f_att = MHSA(f) + f, then an MLP.

    The MLP narrows to half the width and widens again: an autoencoder's shape, and the size that brings the whole to
    the paper's 12.9 M within 1 %.

    Source: CFSum eq. 1-2.
    """

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        self.attention = Attention(config.width, config.heads, config.dropout)
        self.mlp = feed_forward(config.width, config.width // 2, config.dropout)

    def forward(self, values: Tensor, padding: Tensor | None) -> Tensor:
        """(B, rows, width) to the same shape."""
        attended, _ = self.attention(values, values, padding)
        return self.mlp(attended + values)


class ModalFusion(nn.Module):
    """MFM: concatenate the modalities' rows, z = MHSA(f_c) + f_c, split, a feed-forward network per modality.

    Source: CFSum eq. 3-5; the feed-forward networks are 2x wide, which the paper leaves open.
    """

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        width, dropout = config.width, config.dropout
        self.attention = Attention(width, config.heads, dropout)
        self.feed_forward = nn.ModuleDict({name: feed_forward(width, 2 * width, dropout) for name in config.modalities})

    def forward(self, rows: Rows, padding: Padding) -> Rows:
        """Fuse the modalities that are present."""
        return fuse(rows, padding, self._attend, self.feed_forward)

    def _attend(self, joined: Tensor, positions: Tensor, padding: Tensor) -> Tensor:
        attended, _ = self.attention(joined, joined, padding, positions=(positions, positions))
        return attended + joined


class FeatureInteraction(nn.Module):
    """FIM, one module: z_tv = softmax(Q Kᵀ / √d) V between a clip modality and the text.

    Eq. 6 as printed gives one row per text token, while z_out of eq. 7-8 has one row per clip. Only clips as queries
    and tokens as keys and values fits both, so that is what is built. No residual, as printed.

    Source: CFSum eq. 6.
    """

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        self.attention = Attention(config.width, config.heads, config.dropout)

    def forward(
        self, asking: Tensor, asked: Tensor, padding: Tensor | None, explain: bool
    ) -> tuple[Tensor, Tensor | None]:
        """(B, N, width) asks (B, rows, width): z (B, N, width) and, explained, weights (B, N, rows)."""
        z, weights = self.attention(asking, asked, padding, explain)
        return z, weights


class CFSum(CFSumModules):
    """The whole network, with a switch for every row of both ablations.

    z_out = ω_tv z_tv + ω_ta z_ta (eq. 7) and s = w · z_out + b, which the loss compares with the labels (MSE, eq. 8).
    Where the interaction is switched off, or a modality has no partner, its own rows z take the term's place under
    the same ω.

    Every attention is PyTorch's multi-head attention: Q, K and V come from linear layers with biases, and the heads are
    joined by an output projection with a bias, neither of which eq. 1, 3 and 6 print.

    Source: Guo et al. 2025, arXiv 2503.00364. No code or weights were published.
    """

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__(config)
        self._add_modules(ModalAutoencoder, ModalFusion, FeatureInteraction)
        # Scores start at the middle of the labels, so that few untrained ones are clipped to [0, 1].
        self._add_head(_MIDDLE_OF_LABELS)

    def blocks(self) -> dict[str, nn.Module]:
        """The blocks that parameters are reported for; together they hold every parameter."""
        found: dict[str, nn.Module] = {"inputs": self.inputs, "autoencoders": self.autoencoders}
        if self.fusion is not None:
            found |= {"fusion_attention": self.fusion.attention, "fusion_feed_forward": self.fusion.feed_forward}
        return found | {"interactions": self.interactions, "omega": self.omega, "head": self.head}

    def _score(
        self,
        inputs: Mapping[str, Tensor],  # noqa: ARG002  a variant compares them
        terms: Rows,
        attention: Rows,
        padding: Padding,
    ) -> CFSumOutput:
        """Eq. 7, then the head; it is linear, so each term's share of the score is the head applied to that term."""
        mask = self._clip_padding(padding)
        z_out = torch.stack(list(terms.values())).sum(0)
        scores = zero_padding(self.head(z_out), mask).squeeze(-1)
        shares = {name: zero_padding(z @ self.head.weight.T, mask).squeeze(-1) for name, z in terms.items()}
        bias = zero_padding(self.head.bias.expand(*scores.shape, 1), mask).squeeze(-1)
        return CFSumOutput(scores, {**shares, "bias": bias}, attention)
