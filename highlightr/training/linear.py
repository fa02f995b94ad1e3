"""Linear maps in closed form: ridge regression where there are fewer examples than features.

In: rows of features and what they should become. Out: the map. The lite preset's own map is fitted with it, a user's
labels move that map, and without a query they make one score per clip.
"""

from __future__ import annotations

import numpy as np

from highlightr.core.types import FloatArray


def ridge_map(rows: FloatArray, targets: FloatArray, ridge: float) -> FloatArray:
    """(width, outputs) map from rows (n, width) to targets (n, outputs), both centred.

    It has the least squared error plus `ridge`, above 0, times its own squared size.
    """
    if len(rows) < rows.shape[1]:
        return np.asarray(rows.T @ np.linalg.solve(rows @ rows.T + ridge * np.eye(len(rows)), targets))
    return np.asarray(np.linalg.solve(rows.T @ rows + ridge * np.eye(rows.shape[1]), rows.T @ targets))


def moved_map(map_: FloatArray, rows: FloatArray, targets: FloatArray, ridge: float) -> FloatArray:
    """A map moved as little as it takes towards new examples: ridge regression of what it leaves over.

    Rows are centred as for the map. The larger `ridge`, the penalty on the move, the less it moves.
    """
    left = targets - rows @ map_
    return np.asarray(map_ + ridge_map(rows, left, ridge), dtype=np.float32)
