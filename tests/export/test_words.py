"""What results are called in front of people."""

from __future__ import annotations

import pytest

from highlightr.core.types import Match, Reason
from highlightr.export.words import reason_words, verdict_words


def test_what_is_seen_and_heard_under_one_name_is_told_once() -> None:
    reasons = (Reason("visual", "drum", 0.25), Reason("audio", "Music", 0.2), Reason("audio", "Drum", 0.22))
    assert reason_words(reasons) == ["drum 47 %", "Music 20 %"]


def test_names_that_are_only_alike_are_told_apart() -> None:
    reasons = (Reason("audio", "Bark", 0.1), Reason("visual", "bark beetle", 0.05))
    assert reason_words(reasons) == ["Bark 10 %", "bark beetle 5 %"]


@pytest.mark.parametrize(("probability", "shown"), [(0.0004, "1 %"), (0.126, "13 %"), (0.9996, "99 %")])
def test_no_verdict_is_certain(probability: float, shown: str) -> None:
    assert verdict_words(Match("strong", probability))[1].endswith(f" Probability {shown}.")
