"""Scorers: from features (and a query) to one saliency score per clip.

In: `Features` on the grid. Out: `Scores`. Made by name with `create_scorer`; importing this package imports no torch.
"""

from highlightr.scorers.base import Contract, QueryUse, Scorer, ScorerContext
from highlightr.scorers.registry import SCORERS, check_weights, create_scorer, describe, scorer_class

__all__ = [
    "SCORERS",
    "Contract",
    "QueryUse",
    "Scorer",
    "ScorerContext",
    "check_weights",
    "create_scorer",
    "describe",
    "scorer_class",
]
