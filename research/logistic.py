"""Logistic regression by Newton's method.

In: rows of facts and labels in [0, 1]. Out: the weights of least cross-entropy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ROUNDS = 50
"""It converges in a few."""

_DAMPING = 1e-9
"""Keeps the curvature invertible where all chances are 0 or 1."""

Array = npt.NDArray[np.float64]


def chances_of(log_odds: npt.ArrayLike) -> Array:
    """1 / (1 + exp(-x)) in [0, 1], float64; large values saturate instead of overflowing."""
    return np.asarray((1 + np.tanh(np.asarray(log_odds, dtype=np.float64) / 2)) / 2)


def logistic_weights(
    rows: npt.ArrayLike, labels: npt.ArrayLike, shares: npt.ArrayLike = 1.0, penalty: npt.ArrayLike = 0.0
) -> Array:
    """(width,) weights; a column of ones in the rows makes the last an offset.

    Args:
        rows: (n, width).
        labels: (n,) in [0, 1].
        shares: (n,) how much each row counts, or one number.
        penalty: (width,) on half of each weight's square, or one number.
    """
    facts, wanted, counts = (np.asarray(each, dtype=np.float64) for each in (rows, labels, shares))
    held = np.broadcast_to(np.asarray(penalty, dtype=np.float64), facts.shape[1:])
    weights = np.zeros(facts.shape[1])
    for _ in range(ROUNDS):
        chances = chances_of(facts @ weights)
        slope = facts.T @ (counts * (chances - wanted)) + held * weights
        curvature = (facts * (counts * chances * (1 - chances))[:, None]).T @ facts + np.diag(held + _DAMPING)
        weights -= np.linalg.solve(curvature, slope)
    return weights
