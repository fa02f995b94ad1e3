"""From YAML or JSON that anyone may have written to frozen dataclasses, or one line that names the file and the field.

In: text, or plain types. Out: an instance of a dataclass whose annotations say what is accepted; msgspec compares them.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import yaml

from highlightr.core.errors import ConfigError

Made = TypeVar("Made")

LARGEST_FILE_BYTES = 32 << 10
"""Of a YAML file; the longest that comes with highlightr has 3,000 bytes."""

MAX_DEPTH = 32
"""Of lists and mappings inside each other."""


class _PlainLoader(yaml.SafeLoader):
    """YAML of plain types without aliases, by which a few bytes can stand for gigabytes."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not read; write the value out")
        if self.depth == MAX_DEPTH:
            raise yaml.YAMLError(f"it is nested more than {MAX_DEPTH} levels deep")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def parse_yaml(text: str, where: str) -> Any:
    """Plain types from YAML; `where` names the text in errors.

    Raises:
        ConfigError: not YAML, too large, or nested too deep.
    """
    if len(text) > LARGEST_FILE_BYTES:
        raise ConfigError(f"{where} has more than {LARGEST_FILE_BYTES} bytes; it is not a file of settings")
    try:
        return yaml.load(text, Loader=_PlainLoader)  # noqa: S506  (derived from SafeLoader)
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        # Not YAMLError alone: a date of month 99, or `!!int` of no digits, fails in the constructors in other ways.
        raise ConfigError(f"{where} is not valid YAML: {' '.join(str(error).split())[:300]}") from error


def read_yaml(path: Path) -> Any:
    """Plain types from a YAML file; a `ConfigError` where there is none, it is not UTF-8, or as for `parse_yaml`."""
    if not path.is_file():
        raise ConfigError(f"cannot read {path}: no such file")
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"cannot read {path}: byte {error.start} is not UTF-8; save it as UTF-8") from error
    return parse_yaml(text, str(path))


def read_json(path: Path, kind: type[Made]) -> Made:
    """A dataclass, or plain types, from a JSON file of highlightr's own that anyone may have changed meanwhile.

    Raises:
        OSError: the file cannot be read.
        ConfigError: not JSON, or not of this type.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"), parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON: {' '.join(str(error).split())[:200]}") from error
    return from_plain(kind, values, str(path))


def read_json_or_none(path: Path, kind: type[Made]) -> Made | None:
    """As `read_json`; `None` where there is no such file, or nothing in it that can be understood."""
    try:
        return read_json(path, kind)
    except (OSError, ConfigError):
        return None


def _finite(text: str) -> float:
    """A number; ``1e400`` and ``NaN`` are none that another program could read."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def from_plain(kind: type[Made], values: Any, where: str) -> Made:
    """An instance of a dataclass from plain types, nested dataclasses, mappings and tuples included.

    A `ConfigError` names the file and the place in it (`where`) of what is no mapping, an unknown or missing key, or a
    value of another type than the field's; and of what the dataclass refuses by one of its own.
    """
    _refuse_unknown_keys(kind, values, where)
    try:
        return msgspec.convert(values, kind)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    except (msgspec.ValidationError, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(f"{where}: {_in_words(kind, values, str(error))}") from error


_hints: Callable[[Any], dict[str, Any]] = cache(get_type_hints)
"""The annotations of a dataclass; looking them up costs more than reading a small file."""


def _refuse_unknown_keys(kind: Any, values: Any, where: str) -> None:
    """Also inside fields that are dataclasses themselves, or mappings to them."""
    if not isinstance(values, Mapping):
        return
    if is_dataclass(kind):
        known = [item.name for item in fields(kind)]
        hints = _hints(kind)
        for name, value in values.items():
            if name not in known:
                raise ConfigError(f"{where} has no key {reprlib.repr(name)}; it knows {', '.join(known) or 'none'}")
            _refuse_unknown_keys(hints[name], value, f"{where}: {name}")
    elif get_origin(kind) is not None and get_args(kind):
        for name, value in values.items():
            _refuse_unknown_keys(get_args(kind)[-1], value, f"{where}: {name}")


def _in_words(kind: Any, values: Any, message: str) -> str:
    """What msgspec says, with the field's name first, the value that was got, and the values that are accepted."""
    text, _, place = message.partition(" - at `")
    path = place.rstrip("`").replace("$.", "").removeprefix("$")
    if "[...]" in path or "` in `" in path:  # msgspec does not tell which key of a mapping it was.
        return f"{path.replace('` in `', ' of ')}: {text[:1].lower()}{text[1:]}"
    hint, value = _at(kind, values, path.split(".") if path else [])
    name = path or "it"
    if found := re.match(r"Expected `(.*?)`, got", text):
        expected = "a mapping" if found[1] == "object" else found[1]
        return f"{name} must be {expected}, got {reprlib.repr(value)}"
    words = next((each for each in (hint, *get_args(hint)) if get_origin(each) is Literal), None)
    if text.startswith("Invalid enum value") and words is not None:
        return f"{name} must be one of {', '.join(map(str, get_args(words)))}, got {reprlib.repr(value)}"
    if found := re.match(r"Object missing required field `(.*)`", text):
        return f"{path + ': ' if path else ''}{found[1]} is missing"
    return f"{name}: {text}"


def _at(kind: Any, values: Any, path: list[str]) -> tuple[Any, Any]:
    """The annotation and the value at a path of field names, as far as they can be followed."""
    for step in path:
        name, _, index = step.partition("[")
        kind = _hints(kind).get(name) if is_dataclass(kind) else None
        values = values.get(name) if isinstance(values, Mapping) else None
        if index.rstrip("]").isdecimal() and isinstance(values, list | tuple):
            values = values[int(index.rstrip("]"))]
    return kind, values
