"""How clips and tokens go through CFSum, whatever its modules are made of: the paper's, or the regularised ones.

In: video and audio features (batch, clips, width) and query tokens (batch, tokens, width), any subset that holds a
clip modality. Out: raw saliency (batch, clips), and the terms it is the sum of. Names follow the paper: f for features,
z for fused features, ω for the weights of eq. 7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from highlightr.scorers.attention import full_mask, padding_mask, positions_of
from highlightr.scorers.cfsum.config import CFSumConfig

OMEGA = {"video": 2.0, "audio": 1.0}
"""Where ω of eq. 7 starts, by the modality whose clips ask: ω_tv = 2.0 and ω_ta = 1.0."""

Rows = dict[str, Tensor]
"""Modality to its rows (B, rows, width)."""

Padding = Mapping[str, Tensor | None]
"""Modality to (B, rows), True where padded; `None`: nothing is."""

Make = Callable[[CFSumConfig], nn.Module]


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


def interaction_pairs(modalities: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """(asking, asked) of each cross-attention.

    With text, clips of each clip modality ask the text. Without, video asks audio and audio asks video: the same
    two modules and weights with the other clip modality in the text's place. A lone modality has no partner.
    """
    clips = [name for name in OMEGA if name in modalities]
    if "text" in modalities:
        return tuple((name, "text") for name in clips)
    return tuple(zip(clips, reversed(clips), strict=True)) if len(clips) == 2 else ()


def fuse(rows: Rows, padding: Padding, attend: Callable[[Tensor, Tensor, Tensor], Tensor], feed: nn.ModuleDict) -> Rows:
    """Attend over the rows of all modalities together, then `feed` each modality's own.

    Positions count within each modality, so that a video clip and the audio of the same clip share one.

    Args:
        attend: takes the joined rows (B, all rows, width), their positions (all rows, width) and their padding mask
            (B, all rows), and keeps their shape.
    """
    joined = torch.cat(list(rows.values()), dim=1)
    positions = torch.cat([positions_of(part) for part in rows.values()])
    mask = torch.cat([full_mask(part, padding[name]) for name, part in rows.items()], dim=1)
    split = torch.split(attend(joined, positions, mask), [part.shape[1] for part in rows.values()], dim=1)
    return {name: feed[name](part) for name, part in zip(rows, split, strict=True)}


_PLACE_WAVES = 8
PLACE_WIDTH = 2 * _PLACE_WAVES
"""Sines and cosines of π p, 2π p, … 8π p, where p in (0, 1) is the clip's middle over the video's length."""


def place_waves(place: Tensor) -> Tensor:
    """(B, N, 1) places in [0, 1] to (B, N, `PLACE_WIDTH`)."""
    waves = torch.arange(1, _PLACE_WAVES + 1, device=place.device, dtype=place.dtype) * math.pi
    angles = place * waves
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class InputProjection(nn.Module):
    """From a modality's own width to the common one; regularised, clips also learn from their place in the video.

    Not in the paper: attention at the raw widths would alone hold 49.5 M parameters, against 12.9 M reported for the
    whole, so a projection comes first. LayerNorm before it, because backbones differ in scale by orders of magnitude.
    """

    def __init__(self, width_in: int, config: CFSumConfig, *, placed: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width_in)
        self.dropout = nn.Dropout(config.input_dropout)
        self.linear = nn.Linear(width_in, config.width)
        self.place = nn.Linear(PLACE_WIDTH, config.width, bias=False) if placed else None

    def forward(self, values: Tensor, place: Tensor | None) -> Tensor:
        """(B, rows, width_in) to (B, rows, width)."""
        rows: Tensor = self.linear(self.dropout(self.norm(values)))
        return rows if self.place is None or place is None else rows + self.place(place_waves(place))


class CFSumModules(nn.Module):
    """How rows go through CFSum's modules; a variant says what they are made of, and scores the terms."""

    inputs: nn.ModuleDict
    autoencoders: nn.ModuleDict
    fusion: Any
    interactions: nn.ModuleDict
    refinement: nn.ModuleDict
    omega: nn.ParameterDict
    head: nn.Linear

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        self.config = config
        self.clip_modalities = [name for name in OMEGA if name in config.modalities]

    def _add_modules(self, encoder: Make, fusion: Make, interaction: Make, refinement: Make | None = None) -> None:
        """Make what the ablation switches leave; clips that are refined know their place in the video, too."""
        config, widths = self.config, self.config.widths
        refined = self.clip_modalities if refinement else []
        self.inputs = nn.ModuleDict(
            {name: InputProjection(width, config, placed=name in refined) for name, width in widths.items()}
        )
        self.autoencoders = nn.ModuleDict({name: encoder(config) for name in (widths if config.autoencoder else ())})
        self.fusion = fusion(config) if config.fusion else None
        pairs = interaction_pairs(config.modalities) if config.interaction else ()
        self.interactions = nn.ModuleDict({"-".join(pair): interaction(config) for pair in pairs})
        self.refinement = nn.ModuleDict({name: refinement(config) for name in refined} if refinement else {})

    def _add_head(self, bias: float) -> None:
        """Make ω and the linear head, whose scores start at `bias`."""
        self.omega = nn.ParameterDict({name: nn.Parameter(torch.tensor(OMEGA[name])) for name in self.clip_modalities})
        self.head = nn.Linear(self.config.width, 1)
        nn.init.constant_(self.head.bias, bias)

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
            inputs: `video` and `audio` (B, N, width of its streams), `text` (B, L, text_width); without the regularised
                variant's `place` (B, N, 1) clips do not know where they lie.
            clip_lengths: (B,) valid clips; `None`: all.
            token_lengths: (B,) valid tokens; `None`: all.
            explain: also return the attention of the interaction.

        Raises:
            ValueError: neither video nor audio is given.
        """
        names = [name for name in self.config.widths if name in inputs]
        if not set(self.clip_modalities) & set(names):
            raise ValueError(f"CFSum needs video or audio among its inputs, got {sorted(inputs)}")
        rows: Rows = {name: self.inputs[name](inputs[name], inputs.get("place")) for name in names}
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
        partners = dict(interaction_pairs(self.config.modalities)) if self.interactions else {}
        for name in (name for name in self.clip_modalities if name in rows):
            term, z, asked = name, rows[name], partners.get(name)
            if asked in rows:
                term = f"{name}-{asked}"
                z, weights = self.interactions[term](z, rows[asked], padding[asked], explain)
                if weights is not None:
                    attention[term] = weights
            refined = self.refinement[name](z, padding[name]) if name in self.refinement else z
            terms[term] = self.omega[name] * refined
        return terms, attention

    def _clip_padding(self, padding: Padding) -> Tensor | None:
        return next(padding[name] for name in self.clip_modalities if name in padding)

    def _score(self, inputs: Mapping[str, Tensor], terms: Rows, attention: Rows, padding: Padding) -> CFSumOutput:
        """From ω z by term to scores; `inputs` as for `forward`."""
        raise NotImplementedError
