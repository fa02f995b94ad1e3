"""What scorers' configurations share: they are read from a preset's mapping, frozen, and refuse what cannot be.

In: a mapping such as a preset's `scorer.config`. Out: a frozen dataclass that is valid, or a `ConfigError`. No torch
here, so a contract can be read without loading a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from highlightr.core.config import from_plain
from highlightr.core.errors import ConfigError


class FromMapping:
    """Build a frozen dataclass from the plain types of a YAML file, refusing what it does not know."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """The configuration that a preset's mapping describes; a `ConfigError` for what it does not know or refuses."""
        return from_plain(cls, values, cls.__name__)

    def to_mapping(self) -> dict[str, Any]:
        """The configuration as the plain types of a YAML or JSON file; `from_mapping` reads it back."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}


def check_heads(heads: int, width: int, what: str) -> None:
    """Refuse a width that so many attention heads cannot share, with a `ConfigError`."""
    if width % heads or width % 2:
        raise ConfigError(f"{what} must be even and a multiple of its {heads} attention heads, got {width}")
