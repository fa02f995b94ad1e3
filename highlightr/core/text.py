"""Text that anyone may have written: fit to be shown on a terminal and in a log, and which language it is in."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls, by which a name could move the cursor or paint over a line; marks that turn the direction of writing; and
what stands for bytes that are no UTF-8."""

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::[^/]*)*://")


def is_address(text: str) -> bool:
    """Whether this is an address, such as ``https://…``, and not a path."""
    return _ADDRESS.match(text) is not None


def shown(text: str) -> str:
    """The text with every character that a terminal would act upon written as an escape, such as ``\\x1b``."""
    return _UNSAFE.sub(_escape, text)


def json_shown(value: Any, indent: int | None = None) -> str:
    """JSON that keeps the letters of all languages and escapes what `shown` escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    return _UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    if 0xDC80 <= number <= 0xDCFF:  # A byte of a name that is not UTF-8.
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def columns_of(text: str) -> int:
    """Columns that a text takes on a terminal: letters of some languages, and emoji, take two; accents take none.

    Source: Unicode's East Asian Width (UAX 11). Rich counts alike, and takes longer to import than a query to answer.
    """
    return len(text) if text.isascii() else sum(map(_columns, text))


def in_columns(text: str, width: int) -> list[str]:
    """The text in pieces of at most so many columns, two at least."""
    pieces, piece, left = list[str](), "", width
    for letter in text:
        if (needed := _columns(letter)) > left and piece:
            pieces.append(piece)
            piece, left = "", width
        piece += letter
        left -= needed
    return [*pieces, piece]


def _columns(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def language_of(text: str) -> tuple[str, float]:
    """The likeliest language of a text in lower case, such as ``en``, and its chance in [0, 1]."""
    name, chance = _detector().classify(text)
    return str(name), float(chance)


def language_chances(text: str) -> Mapping[str, float]:
    """The chance of every language that the model knows, for a text in lower case; they sum to 1."""
    return {str(name): float(chance) for name, chance in _detector().rank(text)}


@cache
def _detector() -> Any:
    """py3langid's model of 140 languages, opened on first use."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
