"""How the tensors of a weights file differ from what a scorer expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from highlightr.core.errors import WeightsError
from highlightr.core.types import FloatArray


def check_tensors(
    name: str, origin: str, expected: Mapping[str, Sequence[int]], tensors: Mapping[str, FloatArray]
) -> None:
    """Refuse tensors that a scorer cannot run on.

    Raises:
        WeightsError: names or shapes that do not fit, or a value that is not finite.
    """
    problem = misfit(expected, {key: value.shape for key, value in tensors.items()})
    broken = sorted(key for key, value in tensors.items() if not np.isfinite(value).all())
    if problem is None and broken:
        problem = f"{broken[0]!r} holds a value that is not finite"
    if problem is not None:
        raise WeightsError(f"{origin} does not fit {name}: {problem}; fetch or train it again")


def misfit(expected: Mapping[str, Sequence[int]], found: Mapping[str, Sequence[int]]) -> str | None:
    """The first difference between two sets of named shapes, in words; `None` if there is none."""
    missing = sorted(set(expected) - set(found))
    unknown = sorted(set(found) - set(expected))
    if missing:
        return f"{len(missing)} tensors are missing, first {missing[0]!r}"
    if unknown:
        return f"{len(unknown)} tensors are unknown, first {unknown[0]!r}"
    wrong = next((key for key in sorted(expected) if tuple(expected[key]) != tuple(found[key])), None)
    if wrong is None:
        return None
    return f"{wrong!r} is {tuple(found[wrong])} where the configuration makes {tuple(expected[wrong])}"
