"""Reading of JSON Lines from outside: a path goes in, records with their line numbers come out.

Every complaint is a ConfigError of one line that names the file, the line and the field. Files are read line by line;
a line is bounded, numbers must be finite, and nothing is ever unpickled.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.core.reading import read_limited

SCORES_FIELD = "pred_saliency_scores"
"""Field of a prediction that holds one number per clip."""

LONGEST_LINE_BYTES = 16 * 2**20
"""A video of a week at one clip a second fits in."""

_NAMED = 3
"""How many offending keys an error names."""


@dataclass(frozen=True)
class Record:
    """One line of a file."""

    path: Path
    line: int
    """From 1."""
    fields: Mapping[str, Any]

    @property
    def where(self) -> str:
        """For error messages."""
        return f"{self.path}, line {self.line}"

    def get(self, name: str) -> Any:
        """The value of a field; a `ConfigError` where it is absent or null."""
        value = self.fields.get(name)
        if value is None:
            raise ConfigError(f"{self.where}: no {name!r}; it has {sorted(self.fields)}")
        return value

    def key(self, name: str) -> str:
        """A field that identifies, a string or an integer, as text."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise ConfigError(f"{self.where}: {name!r} must be a text or an integer, got {value!r}")
        return str(value)

    def number(self, name: str, *, positive: bool = False) -> float:
        """A field that is a finite number."""
        value = self.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # A whole number may have so many digits that no float holds it.
        if not is_number or not abs(value) <= sys.float_info.max or (positive and value <= 0):
            raise ConfigError(f"{self.where}: {name!r} must be a {'positive' if positive else 'finite'} number")
        return float(value)

    def vector(self, name: str) -> npt.NDArray[np.float64]:
        """A field that is a non-empty list of finite numbers, (n,)."""
        return numbers(self.get(name), f"{self.where}: {name!r}", 1)

    def matrix(self, name: str) -> npt.NDArray[np.float64]:
        """A field that is a non-empty list of equally long lists of finite numbers, (n, m)."""
        return numbers(self.get(name), f"{self.where}: {name!r}", 2)


_SHAPES = {1: "a list of numbers", 2: "a list of lists of numbers, all of one length"}


def numbers(value: object, what: str, ndim: int) -> npt.NDArray[np.float64]:
    """A list or array of finite numbers, (n,) or (n, m), not empty; else a `ConfigError`, which `what` starts."""
    try:
        array = np.array(value)
    except ValueError as error:  # ragged
        raise ConfigError(f"{what} must be {_SHAPES[ndim]}") from error
    if array.ndim != ndim or array.dtype.kind not in "iuf" or not array.size:
        raise ConfigError(f"{what} must be {_SHAPES[ndim]}, not empty")
    if not np.isfinite(array).all():
        raise ConfigError(f"{what} holds numbers that are not finite")
    return array.astype(np.float64)


def read_json_value(path: Path, largest_bytes: int) -> Any:
    """Plain types from a file of one JSON value; a `ConfigError` as for `read_limited`, or for what is not JSON."""
    try:
        return json.loads(read_limited(path, largest_bytes))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not JSON ({error})") from error


def read_json_lines(path: Path, rejected: list[str] | None = None) -> Iterator[Record]:
    """Every line that is not blank, as an object; `rejected` collects what is wrong with those that are none.

    Raises:
        ConfigError: no such file, text that is not UTF-8; a file without any object; without `rejected`, a line that is
            too long, not JSON or not an object.
    """
    count = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE_BYTES), b""), start=1):
                if len(line) == LONGEST_LINE_BYTES:
                    raise ConfigError(f"{path}, line {number}: longer than {LONGEST_LINE_BYTES} bytes")
                if not line.strip():
                    continue
                count += 1
                try:
                    fields = _parse(path, number, line)
                except ConfigError as error:
                    if rejected is None:
                        raise
                    rejected.append(str(error))
                else:
                    yield Record(path, number, fields)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error}); give a JSON Lines file") from error
    if not count:
        raise ConfigError(f"{path}: holds no lines; give a JSON Lines file")


def _parse(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}, line {number}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path}, line {number}: must be a JSON object, got {type(value).__name__}")
    return value


def read_keyed(path: Path, key: str) -> dict[str, Record]:
    """Records by one of their fields; a `ConfigError` for one that is absent or comes twice."""
    records: dict[str, Record] = {}
    for record in read_json_lines(path):
        name = record.key(key)
        if name in records:
            raise ConfigError(f"{record.where}: {key} {name!r} was already given on line {records[name].line}")
        records[name] = record
    return records


def read_predictions(path: Path, key: str) -> dict[str, Record]:
    """Predictions by `key`; each is known to hold ``pred_saliency_scores``, a list of finite numbers."""
    records = read_keyed(path, key)
    for record in records.values():
        record.vector(SCORES_FIELD)
    return records


def read_judged(
    predictions: Path, annotations: Path, key: str, *, allow_missing: bool = False
) -> tuple[list[tuple[Record, Record]], int]:
    """Each annotated item with its prediction, in the order of the annotations; and how many items are annotated.

    Raises:
        ConfigError: as both readers; predictions for items that are not annotated; no item with a prediction, or
            without `allow_missing` one that has none.
    """
    predicted, annotated = read_predictions(predictions, key), read_keyed(annotations, key)
    missing = [name for name in annotated if name not in predicted]
    unknown = [name for name in predicted if name not in annotated]
    if missing and not (allow_missing and len(missing) < len(annotated)):
        remedy = "" if len(missing) == len(annotated) else "; --allow-missing judges the others"
        raise ConfigError(
            f"{predictions}: no prediction for {len(missing)} of {len(annotated)} items of {annotations}: "
            f"{_some(missing)}{remedy}"
        )
    if unknown:
        where = predicted[unknown[0]].where
        raise ConfigError(f"{where}: {len(unknown)} items are not in {annotations}: {_some(unknown)}")
    return [(record, predicted[name]) for name, record in annotated.items() if name in predicted], len(annotated)


def _some(keys: Sequence[str]) -> str:
    return ", ".join(map(repr, keys[:_NAMED])) + (", …" if len(keys) > _NAMED else "")
