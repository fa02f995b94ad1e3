"""How the tensors of a weights file differ from what a scorer expects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


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
