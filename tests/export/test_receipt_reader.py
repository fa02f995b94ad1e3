"""A receipt that was edited until it describes what cannot be is refused, in one line that says what is wrong."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from highlightr.core.errors import ConfigError
from highlightr.export.receipt_reader import receipt_from_plain
from tests.export.timelines.receipts import plain_receipt


def _plain() -> dict[str, Any]:
    return plain_receipt(Fraction(25), [(0, 100), (200, 300)], None)


def test_one_that_was_not_edited_is_read() -> None:
    receipt = receipt_from_plain(_plain(), "r.json")
    assert [(each.start_seconds, each.stop_seconds) for each in receipt.segments] == [(0, 4), (8, 12)]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("segments",), [], "it has no segments"),
        (("segments", 1, "stop_seconds"), 100.1, r"segment 2 .* within the video \(0 to 100 s\); got 8 to 100.1"),
        (("segments", 1, "stop_seconds"), 8.0, "segment 2 must begin before it ends"),
        (("segments", 0, "start_seconds"), -1.0, "segment 1 must begin before it ends"),
        (("scores",), [], "must say how long the video is"),
        (("source", "duration_seconds"), 0.0, "must say how long the video is"),
        (("clip_seconds",), 0.0, "must say how long the video is"),
        (("source", "video", "frames_per_second"), "25/0", "frames_per_second must be a positive fraction .* '25/0'"),
        (("source", "duration_seconds"), 1e308, r"numbers must be from -1e\+15 to 1e\+15, got 1e\+308"),
        (("segments", 0, "score"), 1e308, r"numbers must be .* got 1e\+308"),
        (("segments", 0, "rank"), 10**400, r"numbers must be .* got 10{29}$"),
        (("segments", 0, "rank"), 10**19, r"numbers must be .* got 10{19}$"),
        (("source", "video", "sample_aspect_ratio"), "-1", "sample_aspect_ratio must be a positive fraction"),
    ],
)
def test_what_cannot_be_is_refused(place: tuple[Any, ...], value: object, words: str) -> None:
    receipt = _plain()
    *folders, last = place
    inner: Any = receipt
    for each in folders:
        inner = inner[each]
    inner[last] = value
    with pytest.raises(ConfigError, match=f"r.json: .*{words}"):
        receipt_from_plain(receipt, "r.json")
