"""Which language a text most likely is in, by py3langid's model of 140 languages, which is opened on first use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any


def language_of(text: str) -> tuple[str, float]:
    """The likeliest language of a text in lower case, such as ``en``, and its chance in [0, 1]."""
    name, chance = _detector().classify(text)
    return str(name), float(chance)


def language_chances(text: str) -> Mapping[str, float]:
    """The chance of every language that the model knows, for a text in lower case; they sum to 1."""
    return {str(name): float(chance) for name, chance in _detector().rank(text)}


@cache
def _detector() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
