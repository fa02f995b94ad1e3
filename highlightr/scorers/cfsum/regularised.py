"""CFSum, regularised: the paper's modules with what it takes to learn from a few thousand queries.

In and out: as `CFSum`, and one more input, `place` (batch, clips, 1), where in the video a clip lies. The scores are
logits. What differs from the paper: a residual connection and LayerNorm after every block, attention among clips after
the interaction, a linear path from clips to query, dropout on the inputs, scores averaged over neighbouring clips, and
members that are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from highlightr.scorers.attention import Attention, feed_forward, zero_padding
from highlightr.scorers.cfsum.config import CFSumConfig
from highlightr.scorers.cfsum.modules import CFSumModules, CFSumOutput, Padding, Rows, fuse

_SIMILARITY_GAIN = 5.0
"""Where the linear path's weight starts: similarities lie in [-1, 1], logits in about ±5."""


def smoothed(values: Tensor, deviation: float, padding: Tensor | None) -> Tensor:
    """(B, N) averaged over neighbouring clips with Gaussian weights of this deviation, in clips.

    Padded clips, (B, N) True in `padding`, take no part and get 0.
    """
    reach = math.ceil(3 * deviation)
    steps = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype)
    weights = torch.exp(-0.5 * (steps / deviation) ** 2)[None, None]
    valid = torch.ones_like(values) if padding is None else (~padding).to(values.dtype)
    total = functional.conv1d((values * valid)[:, None], weights, padding=reach)[:, 0]
    share = functional.conv1d(valid[:, None], weights, padding=reach)[:, 0]
    return valid * total / share.clamp_min(torch.finfo(share.dtype).tiny)


class _Attend(nn.Module):
    """x ← LN(x + dropout(attention of x to others)), sinusoidal positions on queries and keys."""

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        self.attention = Attention(config.width, config.heads, config.dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.norm = nn.LayerNorm(config.width)

    def forward(
        self,
        rows: Tensor,
        others: Tensor,
        padding: Tensor | None,
        explain: bool = False,
        positions: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """(B, M, width) and (B, L, width) to (B, M, width) and, explained, weights (B, M, L)."""
        attended, weights = self.attention(rows, others, padding, explain, positions)
        return self.norm(rows + self.dropout(attended)), weights


class _Feed(nn.Module):
    """x ← LN(x + dropout(MLP(x))), twice the width inside."""

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        self.mlp = feed_forward(config.width, 2 * config.width, config.dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.norm = nn.LayerNorm(config.width)

    def forward(self, rows: Tensor) -> Tensor:
        """(B, rows, width) to the same shape."""
        return self.norm(rows + self.dropout(self.mlp(rows)))


class _Layer(nn.Module):
    """Attention among the rows of one modality, then the MLP: the autoencoder, and the refinement."""

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        self.attend, self.feed = _Attend(config), _Feed(config)

    def forward(self, rows: Tensor, padding: Tensor | None) -> Tensor:
        """(B, rows, width) to the same shape."""
        attended, _ = self.attend(rows, rows, padding)
        return self.feed(attended)


class _Layers(nn.Module):
    """The refinement: `refinement_layers` layers among the clips, one after another."""

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.refinement_layers))

    def forward(self, rows: Tensor, padding: Tensor | None) -> Tensor:
        """(B, N, width) to the same shape."""
        for layer in self.layers:
            rows = layer(rows, padding)
        return rows


class _Fusion(nn.Module):
    """Attention over all modalities' rows together, then an MLP per modality."""

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        self.attend = _Attend(config)
        self.feed = nn.ModuleDict({name: _Feed(config) for name in config.modalities})

    def forward(self, rows: Rows, padding: Padding) -> Rows:
        """Fuse the modalities that are present."""
        return fuse(rows, padding, self._attend, self.feed)

    def _attend(self, joined: Tensor, positions: Tensor, padding: Tensor) -> Tensor:
        return self.attend(joined, joined, padding, positions=(positions, positions))[0]


class _Similarity(nn.Module):
    """gain · cos(A clip, B mean of tokens): a path that has no layer to overfit with."""

    def __init__(self, clip_width: int, text_width: int, config: CFSumConfig) -> None:
        super().__init__()
        self.clip_norm, self.text_norm = nn.LayerNorm(clip_width), nn.LayerNorm(text_width)
        self.dropout = nn.Dropout(config.input_dropout)
        self.clip = nn.Linear(clip_width, config.similarity_width)
        self.text = nn.Linear(text_width, config.similarity_width)
        self.gain = nn.Parameter(torch.tensor(_SIMILARITY_GAIN))

    def forward(self, clips: Tensor, tokens: Tensor, padding: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (B, N), unit vectors of clips (B, N, D) and of queries (B, D)."""
        kept = zero_padding(self.text_norm(tokens), padding)
        count = tokens.shape[1] if padding is None else (~padding).sum(1, keepdim=True)
        query = functional.normalize(self.text(self.dropout(kept.sum(1) / count)), dim=-1)
        clip = functional.normalize(self.clip(self.dropout(self.clip_norm(clips))), dim=-1)
        return self.gain * torch.einsum("bnd,bd->bn", clip, query), clip, query


class CFSumRegularised(CFSumModules):
    """CFSum's modules, each with a residual connection and LayerNorm, and a linear path beside them.

    s = w · Σ_m ω_m z_m + b + Σ_m similarity_m over the clip modalities m, where z_m is refined by attention among the
    clips. The paper's ablation switches work on this variant too.

    Source: CFSum (Guo et al. 2025), eq. 1-8, with the deviations that the module's docstring names. Why each: without
    residuals the cross-attention alone must carry what a clip shows; the similarity is what a linear map from CLIP to
    sentence vectors can learn, which on small data is half of what there is to learn; the score of a single clip is
    noisy, and what a query describes lasts for seconds.
    """

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__(config)
        self._add_modules(_Layer, _Fusion, _Attend, _Layers)
        widths = config.widths
        linear = self.clip_modalities if "text" in widths and config.similarity_width else []
        self.similarities = nn.ModuleDict({m: _Similarity(widths[m], config.text_width, config) for m in linear})
        self._add_head(0.0)

    def blocks(self) -> dict[str, nn.Module]:
        """The blocks that parameters are reported for; together they hold every parameter."""
        return dict(self.named_children())

    def _score(self, inputs: Mapping[str, Tensor], terms: Rows, attention: Rows, padding: Padding) -> CFSumOutput:
        """The head is linear, so each term's share of the score is the head applied to that term."""
        mask = self._clip_padding(padding)
        similar = {
            f"{name}-text similarity": compare(inputs[name], inputs["text"], padding["text"])
            for name, compare in self.similarities.items()
            if {name, "text"} <= inputs.keys()
        }
        shares = {name: (z @ self.head.weight.T).squeeze(-1) for name, z in terms.items()}
        shares |= {name: logits for name, (logits, _, _) in similar.items()}
        shares["bias"] = self.head.bias.expand_as(next(iter(shares.values())))
        if mask is not None:
            shares = {name: share.masked_fill(mask, 0.0) for name, share in shares.items()}
        deviation = self.config.smoothing_seconds / self.config.clip_seconds
        if deviation:
            shares = {name: smoothed(share, deviation, mask) for name, share in shares.items()}
        vectors = {name: (clip, query) for name, (_, clip, query) in similar.items()}
        return CFSumOutput(torch.stack(list(shares.values())).sum(0), shares, attention, vectors)


class CFSumMembers(nn.Module):
    """Several networks of one configuration, trained from different seeds; scores, terms and attention are averaged."""

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        self.config = config
        self.members = nn.ModuleList(CFSumRegularised(config) for _ in range(config.members))

    def blocks(self) -> dict[str, nn.Module]:
        """The blocks of every member."""
        parts = [(i, member.blocks()) for i, member in enumerate(self.members)]  # type: ignore[operator]
        return {f"member {i} {name}": block for i, blocks in parts for name, block in blocks.items()}

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        clip_lengths: Tensor | None = None,
        token_lengths: Tensor | None = None,
        *,
        explain: bool = False,
    ) -> CFSumOutput:
        """The mean of the members' outputs; see `CFSumModules.forward`."""
        found = [member(inputs, clip_lengths, token_lengths, explain=explain) for member in self.members]
        first = found[0]
        terms = {name: _mean([each.terms[name] for each in found]) for name in first.terms}
        attention = {name: _mean([each.attention[name] for each in found]) for name in first.attention}
        return CFSumOutput(_mean([each.scores for each in found]), terms, attention)


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean(0)
