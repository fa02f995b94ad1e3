"""What a score means: fitting it to the share of clips that are right, and showing how well it does.

In: cases of held-out videos with scores in (0, 1). Out: the slope and shift of their logits (Platt scaling), a table of
reliability, its picture, and weights with the slope and shift folded in. Numpy alone, weights aside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.evaluation import Case
from research.logistic import Array, chances_of, logistic_weights

if TYPE_CHECKING:
    from torch import Tensor

_LIMIT = 1e-6
"""Scores this close to 0 or 1 count as this close: their logits would be without bounds."""


@dataclass(frozen=True)
class Platt:
    """Calibrated score = sigmoid(slope · logit + shift)."""

    slope: float
    shift: float

    def __call__(self, scores: npt.ArrayLike) -> Array:
        """Scores in (0, 1), calibrated."""
        return chances_of(self.slope * _logit(scores) + self.shift)


@dataclass(frozen=True)
class Bin:
    """The clips whose scores lie in one interval."""

    low: float
    high: float
    count: int
    mean_score: float
    share: float
    """Of clips that are positive: equal to `mean_score` where scores mean what they say."""


def _logit(scores: npt.ArrayLike) -> Array:
    kept = np.clip(np.asarray(scores, dtype=np.float64), _LIMIT, 1 - _LIMIT)
    return np.log(kept) - np.log1p(-kept)


def _flat(cases: Sequence[Case]) -> tuple[Array, Array]:
    """Scores and labels of all clips together."""
    filled = [case.filled() for case in cases]
    if not filled:
        raise ConfigError("calibration needs at least one case")
    return np.concatenate([case.scores for case in filled]), np.concatenate([case.relevance for case in filled])


def fit_platt(cases: Sequence[Case]) -> Platt:
    """Slope and shift of least cross-entropy; labels are the clips' mean ratings in [0, 1].

    Raises:
        ConfigError: no case, or labels that are all 0 or all 1: there is nothing to fit.

    Source: Platt 1999, without his prior on the targets: there are tens of thousands of clips.
    """
    scores, labels = _flat(cases)
    if not 0 < labels.mean() < 1:
        raise ConfigError("calibration needs clips that are positive and clips that are not")
    inputs = np.stack([_logit(scores), np.ones(len(scores))], axis=1)
    slope, shift = logistic_weights(inputs, labels).tolist()
    return Platt(slope, shift)


def reliability(cases: Sequence[Case], bins: int = 10) -> tuple[Bin, ...]:
    """Equal intervals of the score, and what share of their clips is positive; empty intervals are left out."""
    scores, labels = _flat(cases)
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(scores, edges[1:-1]), 0, bins - 1)
    return tuple(
        Bin(
            float(edges[i]),
            float(edges[i + 1]),
            int(inside.sum()),
            float(scores[inside].mean()),
            float(labels[inside].mean()),
        )
        for i in range(bins)
        if (inside := place == i).any()
    )


def expected_error(table: Sequence[Bin]) -> float:
    """Mean distance between score and share, weighted by the number of clips: the expected calibration error."""
    total = sum(each.count for each in table)
    return sum(each.count * abs(each.mean_score - each.share) for each in table) / total


def fold_in(state: Mapping[str, Tensor], platt: Platt) -> dict[str, Tensor]:
    """The weights of a regularised CFSum whose logits are `slope` times as large and moved by `shift`.

    Exact, because the head and the gains of the linear paths are the last thing before the sum.

    Raises:
        ConfigError: weights without a head, which are of another network.
    """
    found = dict(state)
    heads = [name for name in state if name.endswith("head.weight")]
    if not heads:
        raise ConfigError("these weights have no linear head to fold a calibration into")
    for name, value in state.items():
        if name.endswith(("head.weight", "head.bias")) or (".gain" in name and "similarities" in name):
            found[name] = value * platt.slope
    for name in heads:
        bias = name.removesuffix("weight") + "bias"
        found[bias] = found[bias] + platt.shift
    return found


def reliability_svg(tables: Mapping[str, Sequence[Bin]], title: str) -> str:
    """The reliability curve as a picture: score against share, one line per table, and the diagonal."""
    size, left, top = 260, 50, 36
    colours = ("#1b6ca8", "#d1495b", "#2e933c")
    body = f'<path d="M{left} {top}v{size}h{size}M{left} {top + size}l{size} {-size}" fill="none" stroke="#999"/>'
    for place, (name, table) in enumerate(tables.items()):
        points = " ".join(f"{left + size * b.mean_score:.1f},{top + size * (1 - b.share):.1f}" for b in table)
        colour = colours[place % len(colours)]
        body += f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        body += f'<text x="{left + 10}" y="{top + 16 + 16 * place}" fill="{colour}">{escape(name)}</text>'
    body += f'<text x="{left + size}" y="{top + size + 20}" text-anchor="end">score</text>'
    body += f'<text x="{left - 6}" y="{top + 10}" text-anchor="end">share</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size + 90} {size + 70}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/><text x="10" y="20">{escape(title)}</text>'
        f"{body}</svg>\n"
    )
