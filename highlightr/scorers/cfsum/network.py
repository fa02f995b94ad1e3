"""CFSum: coarse fusion of every modality by self-attention, then fine interaction by cross-attention.

In: video and audio features (batch, clips, width) and query tokens (batch, tokens, width), any subset that holds a
clip modality. Out: raw saliency (batch, clips), trained by MSE to labels in [0, 1], and the terms it is the sum of.
Names follow the paper: f for features, z for fused features, ω for the weights of eq. 7. No files, no pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from highlightr.scorers.attention import Attention, full_mask, padding_mask, positions_of, zero_padding
from highlightr.scorers.cfsum.config import CFSumConfig

OMEGA = {"video": 2.0, "audio": 1.0}
"""Where ω of eq. 7 starts, by the modality whose clips ask: ω_tv = 2.0 and ω_ta = 1.0."""

_MIDDLE_OF_LABELS = 0.5

Rows = dict[str, Tensor]
"""Modality to its rows (B, rows, width)."""

Padding = Mapping[str, Tensor | None]
"""Modality to (B, rows), True where padded; `None`: nothing is."""


@dataclass(frozen=True)
class CFSumOutput:
    """One pass of `CFSum`; padded clips hold zeros."""

    scores: Tensor
    """(B, N), unbounded."""
    terms: Mapping[str, Tensor]
    """Each term of eq. 7 through the linear head, (B, N), named `asking-asked` such as `video-text`, and `bias`; they
    sum to `scores`."""
    attention: Mapping[str, Tensor]
    """Term to the rows its clips attended to, (B, N, rows), mean over heads; empty unless explained."""
    vectors: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Linear paths of the regularised variant: unit vectors of clips (B, N, D) and of queries (B, D), for a loss."""


class InputProjection(nn.Module):
    """From a modality's own width to the common one.

    Not in the paper: attention at the raw widths would alone hold 49.5 M parameters, against 12.9 M reported for the
    whole, so a projection comes first. LayerNorm before it, because backbones differ in scale by orders of magnitude.
    """

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width_in)
        self.linear = nn.Linear(width_in, width)

    def forward(self, values: Tensor) -> Tensor:
        """(B, rows, width_in) to (B, rows, width)."""
        out: Tensor = self.linear(self.norm(values))
        return out


def _mlp(width: int, hidden: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, width))


class ModalAutoencoder(nn.Module):
    """AE: f_att = MHSA(f) + f, then an MLP.

    The MLP narrows to half the width and widens again: an autoencoder's shape, and the size that brings the whole to
    the paper's 12.9 M within 1 %.

    Source: CFSum eq. 1-2.
    """

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        self.attention = Attention(config.width, config.heads, config.dropout)
        self.mlp = _mlp(config.width, config.width // 2, config.dropout)

    def forward(self, values: Tensor, padding: Tensor | None) -> Tensor:
        """(B, rows, width) to the same shape."""
        positions = positions_of(values)
        attended, _ = self.attention(values, values, (positions, positions), padding, False)
        out: Tensor = self.mlp(attended + values)
        return out


class ModalFusion(nn.Module):
    """MFM: concatenate the modalities' rows, z = MHSA(f_c) + f_c, split, a feed-forward network per modality.

    Positions count within each modality, so that a video clip and the audio of the same clip share one.

    Source: CFSum eq. 3-5; the feed-forward networks are 2x wide, which the paper leaves open.
    """

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        self.attention = Attention(config.width, config.heads, config.dropout)
        self.feed_forward = nn.ModuleDict(
            {name: _mlp(config.width, 2 * config.width, config.dropout) for name in config.modalities}
        )

    def forward(self, rows: Rows, padding: Padding) -> Rows:
        """Fuse the modalities that are present."""
        joined = torch.cat(list(rows.values()), dim=1)
        positions = torch.cat([positions_of(part) for part in rows.values()])
        masks = [full_mask(part, padding[name]) for name, part in rows.items()]
        attended, _ = self.attention(joined, joined, (positions, positions), torch.cat(masks, dim=1), False)
        split = (attended + joined).split([part.shape[1] for part in rows.values()], dim=1)
        return {name: self.feed_forward[name](part) for name, part in zip(rows, split, strict=True)}


def interaction_pairs(modalities: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """(asking, asked) of each cross-attention.

    With text, clips of each clip modality ask the text. Without, video asks audio and audio asks video: the same
    two modules and weights with the other clip modality in the text's place. A lone modality has no partner.
    """
    clips = [name for name in ("video", "audio") if name in modalities]
    if "text" in modalities:
        return tuple((name, "text") for name in clips)
    return tuple(zip(clips, reversed(clips), strict=True)) if len(clips) == 2 else ()


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
        z, weights = self.attention(asking, asked, (positions_of(asking), positions_of(asked)), padding, explain)
        return z, weights


class CFSumModules(nn.Module):
    """How rows go through CFSum's modules; a variant builds them, and scores the terms."""

    config: CFSumConfig
    inputs: nn.ModuleDict
    autoencoders: nn.ModuleDict
    fusion: Any
    interactions: nn.ModuleDict
    omega: nn.ParameterDict

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        clip_lengths: Tensor | None = None,
        token_lengths: Tensor | None = None,
        *,
        explain: bool = False,
    ) -> CFSumOutput:
        """Score clips from the configured modalities that `inputs` holds; one that a video lacks is left out.

        Args:
            inputs: `video` and `audio` (B, N, width of its streams), `text` (B, L, text_width).
            clip_lengths: (B,) valid clips; `None`: all.
            token_lengths: (B,) valid tokens; `None`: all.
            explain: also return the attention of the interaction.

        Raises:
            ValueError: neither video nor audio is given.
        """
        names = [name for name in self.config.widths if name in inputs]
        if not set(OMEGA) & set(names):
            raise ValueError(f"CFSum needs video or audio among its inputs, got {sorted(inputs)}")
        rows = {name: self._project(name, inputs) for name in names}
        lengths = {"video": clip_lengths, "audio": clip_lengths, "text": token_lengths}
        padding = {name: padding_mask(lengths[name], part.shape[1]) for name, part in rows.items()}
        for name in rows if self.autoencoders else ():
            rows[name] = self.autoencoders[name](rows[name], padding[name])
        if self.fusion is not None:
            rows = self.fusion(rows, padding)
        terms, attention = self._interact(rows, padding, explain)
        return self._score(inputs, terms, attention, padding)

    def _interact(self, rows: Rows, padding: Padding, explain: bool) -> tuple[Rows, Rows]:
        """Term name to ω z (B, N, width), and to attention (B, N, rows)."""
        terms: Rows = {}
        attention: Rows = {}
        for name in (name for name in OMEGA if name in rows):
            asked = next((b for a, b in interaction_pairs(self.config.modalities) if a == name and b in rows), None)
            term, z = name, rows[name]
            if asked is not None and f"{name}-{asked}" in self.interactions:
                term = f"{name}-{asked}"
                z, weights = self.interactions[term](z, rows[asked], padding[asked], explain)
                if weights is not None:
                    attention[term] = weights
            terms[term] = self.omega[name] * self._refined(name, z, padding[name])
        return terms, attention

    def _project(self, name: str, inputs: Mapping[str, Tensor]) -> Tensor:
        """A modality's rows (B, rows, width)."""
        rows: Tensor = self.inputs[name](inputs[name])
        return rows

    def _refined(self, name: str, z: Tensor, padding: Tensor | None) -> Tensor:  # noqa: ARG002  a variant has it
        return z

    def _score(self, inputs: Mapping[str, Tensor], terms: Rows, attention: Rows, padding: Padding) -> CFSumOutput:
        """From ω z by term to scores; `inputs` as for `forward`."""
        raise NotImplementedError


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
        super().__init__()
        self.config = config
        widths = config.widths
        self.inputs = nn.ModuleDict({name: InputProjection(size, config.width) for name, size in widths.items()})
        names = widths if config.autoencoder else ()
        self.autoencoders = nn.ModuleDict({name: ModalAutoencoder(config) for name in names})
        self.fusion = ModalFusion(config) if config.fusion else None
        pairs = interaction_pairs(config.modalities) if config.interaction else ()
        self.interactions = nn.ModuleDict({"-".join(pair): FeatureInteraction(config) for pair in pairs})
        clips = [name for name in OMEGA if name in widths]
        self.omega = nn.ParameterDict({name: nn.Parameter(torch.tensor(OMEGA[name])) for name in clips})
        self.head = nn.Linear(config.width, 1)
        # Scores start at the middle of the labels, so that few untrained ones are clipped to [0, 1].
        nn.init.constant_(self.head.bias, _MIDDLE_OF_LABELS)

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
        mask = next(padding[name] for name in OMEGA if name in padding)
        z_out = torch.stack(list(terms.values())).sum(0)
        scores = zero_padding(self.head(z_out), mask).squeeze(-1)
        shares = {name: zero_padding(z @ self.head.weight.T, mask).squeeze(-1) for name, z in terms.items()}
        bias = zero_padding(self.head.bias.expand(*scores.shape, 1), mask).squeeze(-1)
        return CFSumOutput(scores, {**shares, "bias": bias}, attention)
