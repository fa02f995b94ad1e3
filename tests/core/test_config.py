"""Settings that anyone may have written become dataclasses, or one line within a second."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from highlightr.core.config import LARGEST_FILE_BYTES, from_plain, parse_yaml, read_yaml
from highlightr.core.errors import ConfigError


@dataclass(frozen=True)
class Inner:
    name: str
    rate: float = 1.0
    kind: Literal["one", "two"] = "one"
    widths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ConfigError("rate must not be negative")


@dataclass(frozen=True)
class Outer:
    inner: Inner
    named: Mapping[str, Inner] = field(default_factory=dict)
    rest: Mapping[str, Any] | None = None


def test_nested_values_become_dataclasses() -> None:
    values = {"inner": {"name": "a", "rate": 2, "widths": [1, 2]}, "named": {"b": {"name": "b"}}, "rest": {"x": [1]}}
    made = from_plain(Outer, values, "mine")
    assert made == Outer(Inner("a", 2.0, "one", (1, 2)), {"b": Inner("b")}, {"x": [1]})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "mine: inner is missing"),
        ([1], r"mine: it must be a mapping, got \[1\]"),
        (None, "mine: it must be a mapping, got None"),
        ({1: 2}, "mine has no key 1; it knows inner, named, rest"),
        ({"inner": {"name": 1}}, "mine: inner.name must be str, got 1"),
        ({"inner": {"name": "a", "rate": True}}, "mine: inner.rate must be float, got True"),
        ({"inner": {"name": "a", "rate": 10**400}}, "mine: inner.rate: Number out of range"),
        ({"inner": {"name": "a", "rate": -1}}, "mine: rate must not be negative"),
        ({"inner": {"name": "a", "kind": "three"}}, "mine: inner.kind must be one of one, two, got 'three'"),
        ({"inner": {"name": "a", "widths": [1, "b"]}}, r"mine: inner.widths\[1\] must be int, got 'b'"),
        ({"inner": {"name": "a", "more": 1}}, "mine: inner has no key 'more'; it knows name, rate"),
        ({"inner": {"name": "a"}, "named": {"b": {"x": 1}}}, "mine: named: b has no key 'x'"),
        ({"inner": {"name": "a"}, "named": {2: {"name": "b"}}}, "mine: key of named: expected `str`, got `int`"),
    ],
)
def test_what_does_not_fit_is_named(values: object, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        from_plain(Outer, values, "mine")


BILLION = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        "{a: " * 5000,
        "- " * 5000,
        BILLION,
        "day: 2024-99-99",
        "!!int ''",
        "a: !!float x",
        "a: !!timestamp x",
        "a: !!bool x",
        "a: " + "9" * 6000,
        "? [a]\n: b",
        "\x00",
        "<<: 3",
        "!!python/object/apply:os.getcwd []",
        "a: 1\n" * LARGEST_FILE_BYTES,
        "a: [unclosed",
    ],
    ids=lambda text: text[:16],
)
def test_hostile_yaml_is_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^mine\.yaml (is not valid YAML|has more than)") as error:
        parse_yaml(text, "mine.yaml")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_numbers_that_yaml_alone_knows_arrive_as_they_are() -> None:
    assert parse_yaml("a: .inf", "mine") == {"a": math.inf}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"name: caf\xe9", "byte 9 is not UTF-8; save it as UTF-8"), (b"\xff\xfea\x00", "byte 0 is not UTF-8")],
)
def test_other_encodings_are_named(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_yaml(tmp_path / "mine.yaml")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"\xef\xbb\xbfname: a")
    assert read_yaml(tmp_path / "mine.yaml") == {"name": "a"}


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.yaml", Path("/dev/zero")):
        with pytest.raises(ConfigError, match="no such file"):
            read_yaml(path)
