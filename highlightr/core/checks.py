"""Checks that classes of options share: each names the field, what is accepted, and the value that was got.

For `__post_init__` of dataclasses whose types have been checked; a field that is `None` passes.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from highlightr.core.errors import ConfigError


def check_positive(options: object, *names: str) -> None:
    """Refuse fields that are no positive finite number, with a `ConfigError`."""
    for name in names:
        value = getattr(options, name)
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"{name} must be a positive number, got {value!r}")


def check_between(options: object, low: float, high: float, *names: str, where: str = "") -> None:
    """Refuse fields outside [low, high], with a `ConfigError`; `where` comes before their names."""
    accepted = f"lie between {low:g} and {high:g}"
    if high == math.inf:
        accepted = f"be at least {low:g}"
    for name in names:
        value = getattr(options, name)
        if value is not None and not low <= value <= high:
            raise ConfigError(f"{where}{name} must {accepted}, got {value!r}")


def check_switches(options: object, *names: str) -> None:
    """Refuse fields that are not True or False, with a `ConfigError`: a text such as "no" would be true."""
    for name in names:
        if not isinstance(getattr(options, name), bool):
            raise ConfigError(f"{name} must be True or False, got {getattr(options, name)!r}")


def check_subset(name: str, values: Collection[str], known: Collection[str]) -> None:
    """Refuse words that are unknown, doubled or none, with a `ConfigError`."""
    if not values or len(set(values)) != len(values) or not set(values) <= set(known):
        raise ConfigError(f"{name} must be one or more of {', '.join(known)}, each once, got {list(values)!r}")
