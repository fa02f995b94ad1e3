"""What scorers' configurations share: they are read from a preset's mapping, frozen, and refuse what cannot be.

In: a mapping such as a preset's `scorer.config`. Out: a frozen dataclass that is valid, or a `ConfigError`; and how
tensors differ from what it asks for. No torch here, so a contract can be read without loading a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from highlightr.core.config import from_plain
from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.types import FloatArray

LARGEST_WIDTH = 65_536
"""Of a layer; a preset that anyone may have written is refused before memory is taken for it."""

MOST_LAYERS = 100


class FromMapping:
    """Build a frozen dataclass from the plain types of a YAML file, refusing what it does not know."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """The configuration that a preset's mapping describes; a `ConfigError` for what it does not know or refuses."""
        return from_plain(cls, values, "scorer.config")

    def to_mapping(self) -> dict[str, Any]:
        """The configuration as the plain types of a YAML or JSON file; `from_mapping` reads it back."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


def check_heads(heads: int, width: int, what: str) -> None:
    """Refuse a width that so many attention heads cannot share, with a `ConfigError`."""
    if width % heads or width % 2:
        raise ConfigError(f"{what} must be even and a multiple of its {heads} attention heads, got {width}")


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


def misfit(expected: Mapping[str, Sequence[int]], shapes: Mapping[str, Sequence[int]]) -> str | None:
    """The first difference of tensors' shapes, by name, from those that they should have, in words; `None` without."""
    found = {name: tuple(shape) for name, shape in shapes.items()}
    missing, unknown = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing:
        return f"{len(missing)} tensors are missing, first {missing[0]!r}"
    if unknown:
        return f"{len(unknown)} tensors are unknown, first {unknown[0]!r}"
    wrong = next((key for key in sorted(expected) if tuple(expected[key]) != found[key]), None)
    if wrong is None:
        return None
    return f"{wrong!r} is {found[wrong]} where the configuration makes {tuple(expected[wrong])}"


def check_streams(what: str, streams: Mapping[str, int]) -> None:
    """Refuse streams, name to width, that together are no input of a network, with a `ConfigError`."""
    if not streams or min(streams.values()) < 1 or sum(streams.values()) > LARGEST_WIDTH:
        raise ConfigError(
            f"{what} is used, so its streams must be named, each at least 1 and all at most {LARGEST_WIDTH} wide, "
            f"got {dict(streams)}"
        )
