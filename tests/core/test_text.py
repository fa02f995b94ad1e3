"""What anyone may have written is shown without doing anything to a terminal."""

from __future__ import annotations

import json

import pytest

from highlightr.core.text import json_shown, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, ä, 猫, 🐈", "plain, ä, 猫, 🐈"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\rb\nc\td", "a\\x0db\\x0ac\\x09d"),
        ("a\x9b2Jb\x7f", "a\\x9b2Jb\\x7f"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800", "\\ud800"),
        ("\u2028", "\\u2028"),
    ],
)
def test_what_a_terminal_acts_upon_is_escaped(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_json_keeps_its_meaning() -> None:
    value = {"ä\x9b": ["a\x1b\n\u202e", 1.5, None], "b": "\x7f"}
    for indent in (None, 2):
        text = json_shown(value, indent)
        assert json.loads(text) == value
        assert "ä" in text
        assert not set("\x1b\x7f\x9b\u202e") & set(text)
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_shown({"a": float("inf")})
