"""The loss terms, one pure function each, and their weighted sum.

In: a network's output and labels (batch, clips) in [0, 1], with a mask that is True where a clip counts. Out: scalars.
Nothing here knows which network is trained; a term that an output cannot serve refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from highlightr.core.device import autocast
from highlightr.core.errors import ConfigError

CONTRAST_SCALE = 15.0
"""Similarities in [-1, 1] are multiplied by it before the softmax."""

_HIDDEN = -1e4
"""Score of a padded clip in a softmax: its share is zero in any precision."""


@dataclass(frozen=True)
class Outcome:
    """What a network says about a batch."""

    scores: Tensor
    """(B, N)."""
    kind: Literal["labels", "logits", "probabilities"]
    vectors: Mapping[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Linear path to unit vectors of clips (B, N, D) and of queries (B, D)."""

    @property
    def unit(self) -> Tensor:
        """(B, N) scores as they are compared with labels."""
        return torch.sigmoid(self.scores) if self.kind == "logits" else self.scores


def mean_squared_error(outcome: Outcome, labels: Tensor, mask: Tensor) -> Tensor:
    """Mean over the clips that count.

    Source: CFSum eq. 8 and DAViHD, whose losses are the MSE to the saliency labels.
    """
    return functional.mse_loss(outcome.unit[mask].float(), labels[mask])


def binary_cross_entropy(outcome: Outcome, labels: Tensor, mask: Tensor) -> Tensor:
    """Mean over the clips that count; labels may be soft.

    Raises:
        ConfigError: an output that is neither logits nor probabilities.
    """
    if outcome.kind == "probabilities":
        return functional.binary_cross_entropy(outcome.scores[mask].float(), labels[mask])
    if outcome.kind != "logits":
        raise ConfigError("the term bce needs logits: set scorer.config.output to logits")
    return functional.binary_cross_entropy_with_logits(outcome.scores[mask].float(), labels[mask])


def listwise(outcome: Outcome, labels: Tensor, mask: Tensor) -> Tensor:
    """Cross-entropy between the labels' share of each clip and the softmax of scores over the video.

    Mean over the examples that have a positive clip; 0 if none has.

    Raises:
        ConfigError: an output that is not logits.

    Source: ListNet's top-one loss (Cao et al. 2007) with the labels themselves, not their softmax, as the target.
    """
    if outcome.kind != "logits":
        raise ConfigError("the term listwise needs logits: set scorer.config.output to logits")
    kept = labels.masked_fill(~mask, 0.0)
    total = kept.sum(1)
    shares = functional.log_softmax(outcome.scores.float().masked_fill(~mask, _HIDDEN), dim=1)
    losses = -(kept * shares).sum(1) / total.clamp_min(torch.finfo(total.dtype).tiny)
    answered = total > 0
    return torch.where(answered, losses, losses.new_zeros(())).sum() / answered.sum().clamp_min(1)


def contrastive(outcome: Outcome, labels: Tensor, mask: Tensor) -> Tensor:
    """In the batch, each query should be most like the mean of its own positive clips, and the other way round.

    Examples without a positive clip take no part; fewer than two give 0. Mean over the linear paths.

    Raises:
        ConfigError: a network without a linear path.

    Source: InfoNCE (van den Oord et al. 2018), symmetric as in CLIP.
    """
    if not outcome.vectors:
        raise ConfigError("the term contrastive needs a linear path: set scorer.config.similarity_width")
    kept = labels.masked_fill(~mask, 0.0)
    answered = kept.sum(1) > 0
    if int(answered.sum()) < 2:
        return outcome.scores.sum() * 0  # Unlike a plain 0, it has a gradient when it is all of the loss.
    losses = []
    for clips, queries in outcome.vectors.values():
        moments = torch.einsum("bn,bnd->bd", kept[answered], clips[answered].float())
        alike = CONTRAST_SCALE * queries[answered].float() @ functional.normalize(moments, dim=-1).T
        own = torch.arange(len(alike), device=alike.device)
        losses.append((functional.cross_entropy(alike, own) + functional.cross_entropy(alike.T, own)) / 2)
    return torch.stack(losses).mean()


_TERMS = {
    "mse": mean_squared_error,
    "bce": binary_cross_entropy,
    "listwise": listwise,
    "contrastive": contrastive,
}


def weighted_loss(
    weights: Mapping[str, float], outcome: Outcome, labels: Tensor, mask: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum of the named terms, and each term alone."""
    # In single precision whatever the network ran in; CUDA's autocast refuses the cross-entropy of probabilities.
    with autocast(labels.device.type, "fp32"):
        terms = {name: _TERMS[name](outcome, labels, mask) for name in weights}
    total = torch.stack([weight * terms[name] for name, weight in weights.items()]).sum()
    return total, terms
