"""DAViHD: a visual and a dual-pathway audio encoder, joined by cross-attention into one score per clip.

In: visual and semantic audio features (batch, clips, width) and one log-mel row per clip (batch, clips, 128). Out:
scores (batch, clips) in (0, 1) and what they are made of. The names of the paper are V, A_s (semantic) and A_d
(dynamics). Query-free. No files and no pipeline here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from highlightr.scorers.attention import feed_forward, padding_mask, zero_padding
from highlightr.scorers.davihd.config import DAViHDConfig
from highlightr.scorers.davihd.convert import initialise_as_authors
from highlightr.scorers.davihd.dynamics import DynamicsEncoder


@dataclass(frozen=True)
class DAViHDOutput:
    """One pass of `DAViHD`; padded clips hold zeros."""

    scores: Tensor
    """(B, N) in (0, 1)."""
    contributions: Mapping[str, Tensor]
    """`visual`, `audio` and `baseline`, each (B, N); they sum to `scores`. Empty unless explained."""
    gate: Tensor | None
    """(B, N): length of the gated semantic vector over its length before, |A_s ⊙ A_d| / |A_s|; `None` where the
    pathways are not multiplied."""


class SelfAttentionEncoder(nn.Module):
    """One post-norm transformer layer without positions: x ← LN(x + MHSA(x)); x ← LN(x + FFN(x)), FFN 4x, ReLU.

    Source: DAViHD, visual and semantic encoders, and its authors' code (no positional encoding).
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.feed_forward = feed_forward(width, 4 * width, dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.feed_forward_norm = nn.LayerNorm(width)

    def forward(self, values: Tensor, padding: Tensor | None) -> Tensor:
        """(B, N, width) to the same shape, padded rows zero."""
        attended, _ = self.attention(values, values, values, key_padding_mask=padding, need_weights=False)
        values = self.attention_norm(values + attended)
        return zero_padding(self.feed_forward_norm(values + self.feed_forward(values)), padding)


class CrossAttention(nn.Module):
    """Queries of one pathway attend to the clips of the other, in the width of the queries' pathway.

    The q, k, v projections to one width come before those inside the attention: the authors' code has both.

    Source: DAViHD, bidirectional cross-attention; the residual is added by the caller.
    """

    def __init__(self, query_width: int, key_width: int, heads: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_width, query_width)
        self.key = nn.Linear(key_width, query_width)
        self.value = nn.Linear(key_width, query_width)
        self.attention = nn.MultiheadAttention(query_width, heads, batch_first=True)

    def forward(self, queries: Tensor, keys: Tensor, padding: Tensor | None) -> Tensor:
        """(B, N, query_width) and (B, N, key_width) to (B, N, query_width), padded rows zero."""
        out, _ = self.attention(
            self.query(queries), self.key(keys), self.value(keys), key_padding_mask=padding, need_weights=False
        )
        return zero_padding(out, padding)


def _project(width_in: int, width: int) -> nn.Module:
    """The papers' backbones enter at their own width; another backbone is projected to it."""
    return nn.Identity() if width_in == width else nn.Linear(width_in, width)


class _AudioEncoder(nn.Module):
    """A_s and A_d, one fused stream.

    Early self-attention contextualises each pathway, then fuses (published). Late fuses what the backbone and the
    convolutions give and contextualises the result once, with the semantic encoder's layer. Concatenation is
    brought back to the common width by one linear layer, so that everything after it stays the same; the paper
    does not say how.
    """

    def __init__(self, config: DAViHDConfig) -> None:
        super().__init__()
        width, pathways = config.audio_width, config.pathways
        self.late = config.self_attention == "late"
        self.input = _project(sum(config.audio_streams.values()), width) if "semantic" in pathways else None
        encoded = "semantic" in pathways or self.late
        self.semantic = SelfAttentionEncoder(width, config.heads, config.dropout) if encoded else None
        self.dynamics = DynamicsEncoder(config) if "dynamics" in pathways else None
        joined = config.fusion == "concatenate" and self.input is not None and self.dynamics is not None
        self.join = nn.Linear(2 * width, width) if joined else None

    def forward(
        self, semantic: Tensor | None, mel: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """To the audio stream (B, N, width) and the gate (B, N)."""
        streams: list[Tensor] = []
        if self.input is not None and semantic is not None:
            padding = padding_mask(lengths, semantic.shape[1])
            entered = self.input(semantic)
            streams.append(entered if self.late or self.semantic is None else self.semantic(entered, padding))
        if self.dynamics is not None and mel is not None:
            streams.append(self.dynamics(mel, lengths))
        fused, gate = self._fuse(streams)
        padding = padding_mask(lengths, fused.shape[1])
        if self.late and self.semantic is not None:
            fused = self.semantic(fused, padding)
        return zero_padding(fused, padding), gate

    def _fuse(self, streams: list[Tensor]) -> tuple[Tensor, Tensor | None]:
        if len(streams) == 1:
            return streams[0], None
        semantic, dynamic = streams
        if self.join is not None:
            return self.join(torch.cat(streams, dim=-1)), None
        fused = semantic * dynamic
        smallest = torch.finfo(semantic.dtype).tiny
        return fused, fused.norm(dim=-1) / semantic.norm(dim=-1).clamp_min(smallest)


class DAViHD(nn.Module):
    """The whole network.

    With one modality only there is nothing to cross: its encoding alone enters the MLP (the paper's table 2 does
    not say how the rows with one modality are built).

    Source: Joo and Oh 2026, arXiv 2602.03891, and the authors' code (MIT).
    """

    def __init__(self, config: DAViHDConfig) -> None:
        super().__init__()
        self.config = config
        visual, audio = config.visual_width, config.audio_width
        self.has_visual, self.has_audio = "visual" in config.pathways, config.has_audio
        if self.has_visual:
            self.visual_input = _project(sum(config.visual_streams.values()), visual)
            self.visual_encoder = SelfAttentionEncoder(visual, config.heads, config.dropout)
        if self.has_audio:
            self.audio_encoder = _AudioEncoder(config)
        if self.has_visual and self.has_audio:
            self.audio_to_visual = CrossAttention(audio, visual, config.heads)
            self.visual_to_audio = CrossAttention(visual, audio, config.heads)
        width = self.has_visual * visual + self.has_audio * audio
        self.head = _head(2 * width if self.has_visual and self.has_audio else width, config)
        if config.init == "authors":
            initialise_as_authors(self)

    def blocks(self) -> dict[str, nn.Module]:
        """The blocks that parameters are reported for; together they hold every parameter."""
        found = {name: block for name, block in self.named_children() if name != "audio_encoder"}
        if self.has_audio:
            encoder = self.audio_encoder
            parts = {"audio_input": encoder.input, "semantic_encoder": encoder.semantic, "audio_join": encoder.join}
            if encoder.dynamics is not None:
                parts["dynamics_convolutions"] = encoder.dynamics.convolutions
                parts["dynamics_projection"] = encoder.dynamics.projection
                parts["dynamics_transformer"] = encoder.dynamics.transformer
            found |= {name: part for name, part in parts.items() if part is not None}
        return found

    def forward(
        self,
        visual: Tensor | None = None,
        semantic: Tensor | None = None,
        mel: Tensor | None = None,
        lengths: Tensor | None = None,
        *,
        explain: bool = False,
    ) -> DAViHDOutput:
        """Score clips.

        Args:
            visual: V, (B, N, sum of visual stream widths); needed if the pathway is configured, as are the others.
            semantic: A_s, (B, N, sum of audio stream widths).
            mel: log-mel, (B, N, 128), log(x + 1e-8), one row per clip.
            lengths: (B,) valid clips of each sample; `None`: all.
            explain: also compute the contributions (three more passes of the MLP).

        Raises:
            ValueError: a configured pathway has no input.
        """
        self._check(visual=visual, semantic=semantic, dynamics=mel)
        present = next(part for part in (visual, semantic, mel) if part is not None)
        padding = padding_mask(lengths, present.shape[1])
        sides: list[Tensor] = []
        gate = None
        if self.has_visual:
            sides.append(self.visual_encoder(self.visual_input(visual), padding))
        if self.has_audio:
            audio, gate = self.audio_encoder(semantic, mel, lengths)
            sides.append(audio)
        parts = self._cross(sides[0], sides[1], padding) if len(sides) == 2 else sides
        scores = self._score(parts, padding)
        contributions = self._contributions(parts, scores, padding) if explain else {}
        return DAViHDOutput(scores, contributions, gate)

    def _check(self, **inputs: Tensor | None) -> None:
        missing = [name for name in self.config.pathways if inputs[name] is None]
        if missing:
            raise ValueError(f"pathway {missing[0]!r} is configured but has no input")

    def _cross(self, visual: Tensor, audio: Tensor, padding: Tensor | None) -> list[Tensor]:
        """[V, A, V + cross(V → A), A + cross(A → V)]."""
        visual_cross = visual + self.visual_to_audio(visual, audio, padding)
        audio_cross = audio + self.audio_to_visual(audio, visual, padding)
        return [visual, audio, visual_cross, audio_cross]

    def _score(self, parts: list[Tensor], padding: Tensor | None) -> Tensor:
        return zero_padding(torch.sigmoid(self.head(torch.cat(parts, dim=-1))), padding).squeeze(-1)

    def _contributions(self, parts: list[Tensor], scores: Tensor, padding: Tensor | None) -> dict[str, Tensor]:
        """Shapley values of the two sides at the MLP's input, where an absent side is zeros.

        Two players: what a side adds alone and what it adds to the other, averaged. They and the baseline (both
        absent) sum to the score exactly. Cross-attended rows belong to the side whose clips asked.
        """
        names = ["visual", "audio"] if len(parts) == 4 else ["visual" if self.has_visual else "audio"]

        def without(side: int | None) -> Tensor:
            kept = [p * 0 if side is None or i % len(names) == side else p for i, p in enumerate(parts)]
            return self._score(kept, padding)

        baseline = without(None)
        if len(names) == 1:
            return {names[0]: scores - baseline, "baseline": baseline}
        audio_alone, visual_alone = without(0), without(1)
        visual = ((visual_alone - baseline) + (scores - audio_alone)) / 2
        return {"visual": visual, "audio": scores - baseline - visual, "baseline": baseline}


def _head(width: int, config: DAViHDConfig) -> nn.Sequential:
    """MLP: width → 2H → H → 1 with LayerNorm and ReLU; weights N(0, 0.02²), biases zero. Sigmoid is applied outside."""
    hidden = config.hidden_width
    head = nn.Sequential(
        nn.Linear(width, 2 * hidden),
        nn.LayerNorm(2 * hidden, eps=1e-6),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(2 * hidden, hidden),
        nn.LayerNorm(hidden, eps=1e-6),
        nn.ReLU(),
        nn.Dropout(config.dropout),
        nn.Linear(hidden, 1),
    )
    for layer in head:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
    return head
