"""Checks of what a caller gives: each names the field, what is accepted, and the value that was got.

For `__post_init__` of dataclasses, `check_fields` first: the others compare values whose types have been checked, and
pass a field that is `None`. The `given_` ones are for arguments of functions.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import logging
import math
import os
import sys
from collections.abc import Collection, Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
import numpy as np

from highlightr.core.errors import ConfigError

Given = TypeVar("Given")

LARGEST_SEED = 1e9
"""Of random numbers; what draws them takes no more than 64 bits, and none below 0."""

logger = logging.getLogger(__name__)


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


def check_fields(options: Any) -> None:
    """Refuse fields of a dataclass whose values have not the type that is annotated, with a `ConfigError`.

    Words of a `Literal` among other types are left to the class, which knows what each means.
    """
    hints = get_type_hints(type(options))
    for item in fields(options):
        value, hint = getattr(options, item.name), hints[item.name]
        if (words := _words(hint)) and not is_word(value, words) and not (value is None and NoneType in _kinds(hint)):
            raise ConfigError(f"{item.name} must be {' or '.join(words)}, got {value!r}")
        if not _fits(value, hint):
            raise ConfigError(f"{item.name} must be {_in_words(hint)}, got {value!r}")


def _fits(value: object, hint: Any) -> bool:
    if isinstance(hint, type) and is_dataclass(hint):
        return isinstance(value, hint)
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        return any(get_origin(each) is Literal for each in _kinds(hint)) or str(error).startswith("Invalid enum value")
    except (ValueError, OverflowError, RecursionError, AttributeError):  # A number of a thousand digits, an array.
        return False
    return True


def kinds_of(hint: Any) -> list[Any]:
    """The types that an annotation accepts, beside `None`."""
    return [kind for kind in _kinds(hint) if kind is not NoneType]


def _words(hint: Any) -> tuple[str, ...]:
    """What is accepted beside `None` by an annotation that names words and no other type."""
    kinds = kinds_of(hint)
    return get_args(kinds[0]) if len(kinds) == 1 and get_origin(kinds[0]) is Literal else ()


def _kinds(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _in_words(hint: Any) -> str:
    """An annotation as people write it."""
    words = {bool: "True or False", NoneType: "None"}
    return " or ".join(words.get(each) or (str(each) if get_args(each) else each.__name__) for each in _kinds(hint))


@cache
def field_docs(kind: type) -> dict[str, str]:
    """What each field of a dataclass means: the text under it in the source, on one line; empty without the source."""
    found = field_docs(kind.__base__) if is_dataclass(kind.__base__) else {}
    try:
        tree = ast.parse(inspect.getsource(sys.modules[kind.__module__]))
    except (OSError, TypeError):
        logger.debug("the source of %s is not here; its fields have no help", kind.__name__)
        return {}
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    for before, after in itertools.pairwise(body):
        if isinstance(before, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            text = " ".join(str(after.value.value).replace("``", "`").split())
            found = found | {ast.unparse(before.target): text}
    return found


def is_word(value: object, words: Collection[str]) -> bool:
    """Whether a value is one of some words; arrays compare with them one by one."""
    return isinstance(value, str) and value in words


def plain(value: Any) -> Any:
    """The value with Python's own numbers and lists in place of NumPy's."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return tuple(map(plain, value)) if type(value) in (list, tuple) else value


def given_flag(name: str, value: object) -> bool:
    """A caller's True or False; a `ConfigError` for anything else: a text such as "no" would be true."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be True or False, got {value!r}")
    return value


def given_path(name: str, value: object) -> Path:
    """A caller's path; a `ConfigError` where it is none."""
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(path, str):
        raise ConfigError(f"{name} must be a path, got {value!r}")
    return Path(path)


def given_list(name: str, values: Iterable[Given], *kinds: type) -> tuple[Given, ...]:
    """A caller's list of things of these kinds; a `ConfigError` where it is one thing, or holds others."""
    things = tuple(values) if isinstance(values, Iterable) and not isinstance(values, str | os.PathLike) else None
    if things is None or not all(isinstance(each, kinds) for each in things):
        raise ConfigError(f"{name} must be a list of {' or '.join(kind.__name__ for kind in kinds)}, got {values!r}")
    return things


def check_text(name: str, *texts: str) -> None:
    """Refuse texts that no file can hold: half a letter, or bytes that are no UTF-8; with a `ConfigError`."""
    for text in texts:
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise ConfigError(f"{name} {text.strip()!r} holds bytes that are no text in UTF-8: write it in UTF-8")


def given_options(value: Given | None, kind: type[Given]) -> Given:
    """A caller's options, or the default ones; a `ConfigError` where they are of another class."""
    if value is not None and not isinstance(value, kind):
        raise ConfigError(f"options must be {kind.__name__}, got {value!r}")
    return kind() if value is None else value


def check_subset(name: str, values: Collection[str], known: Collection[str]) -> None:
    """Refuse words that are unknown, doubled or none, with a `ConfigError`."""
    if not values or len(set(values)) != len(values) or not set(values) <= set(known):
        raise ConfigError(f"{name} must be one or more of {', '.join(known)}, each once, got {list(values)!r}")
