"""The loss terms against closed forms, with padding that must not matter."""

from __future__ import annotations

import math

import pytest
import torch

from highlightr.core.errors import ConfigError
from highlightr.training.objectives import CONTRAST_SCALE, Outcome, weighted_loss

LABELS = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 9.0]])
MASK = torch.tensor([[True, True, True], [True, True, False]])
SCORES = torch.tensor([[0.5, -1.0, 2.0], [0.0, 1.0, 77.0]])


def term(name: str, outcome: Outcome, labels: torch.Tensor = LABELS) -> float:
    return float(weighted_loss({name: 1.0}, outcome, labels, MASK)[0])


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_mse_is_taken_on_the_scale_of_the_labels() -> None:
    kept, truth = [0.5, -1.0, 2.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0, 1.0]
    raw = sum((s - y) ** 2 for s, y in zip(kept, truth, strict=True)) / 5
    assert term("mse", Outcome(SCORES, "labels")) == pytest.approx(raw)
    assert term("mse", Outcome(SCORES, "probabilities")) == pytest.approx(raw)
    through = sum((sigmoid(s) - y) ** 2 for s, y in zip(kept, truth, strict=True)) / 5
    assert term("mse", Outcome(SCORES, "logits")) == pytest.approx(through)


def test_bce_of_logits_and_of_probabilities_agree() -> None:
    kept, truth = [0.5, -1.0, 2.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0, 1.0]
    expected = -sum(math.log(sigmoid(s) if y else 1 - sigmoid(s)) for s, y in zip(kept, truth, strict=True)) / 5
    assert term("bce", Outcome(SCORES, "logits")) == pytest.approx(expected)
    assert term("bce", Outcome(torch.sigmoid(SCORES), "probabilities")) == pytest.approx(expected)


def test_listwise_is_the_cross_entropy_of_shares() -> None:
    first = -(0.5 * 0.5 + 0.5 * 2.0) + math.log(math.exp(0.5) + math.exp(-1) + math.exp(2))
    second = -1.0 + math.log(1 + math.e)
    assert term("listwise", Outcome(SCORES, "logits")) == pytest.approx((first + second) / 2, abs=1e-5)
    nothing = LABELS * torch.tensor([[1.0], [0.0]])
    assert term("listwise", Outcome(SCORES, "logits"), nothing) == pytest.approx(first, abs=1e-5)
    assert term("listwise", Outcome(SCORES, "logits"), LABELS * 0) == 0


def test_contrast_pulls_a_query_to_the_mean_of_its_positive_clips() -> None:
    clips = torch.zeros(2, 3, 2)
    clips[0, :, 0] = 1  # the first video points along the first axis
    clips[1, :2, 1] = 1
    clips[1, 2] = 50  # padded
    queries = torch.eye(2)
    own = Outcome(SCORES, "logits", {"v": (clips, queries)})
    crossed = Outcome(SCORES, "logits", {"v": (clips, queries.flip(0))})
    assert term("contrastive", own) == pytest.approx(math.log(1 + math.exp(-CONTRAST_SCALE)), abs=1e-5)
    assert term("contrastive", crossed) == pytest.approx(CONTRAST_SCALE, abs=1e-3)
    alone = LABELS * torch.tensor([[1.0], [0.0]])
    assert term("contrastive", crossed, alone) == 0


def test_terms_are_weighted_and_told_apart() -> None:
    outcome = Outcome(SCORES, "logits")
    total, terms = weighted_loss({"mse": 2.0, "bce": 0.5}, outcome, LABELS, MASK)
    assert float(total) == pytest.approx(2 * float(terms["mse"]) + 0.5 * float(terms["bce"]))
    assert float(terms["mse"]) == pytest.approx(term("mse", outcome))


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("bce", "labels", "bce needs logits"),
        ("listwise", "probabilities", "listwise needs logits"),
        ("contrastive", "logits", "needs a linear path"),
    ],
)
def test_an_output_that_cannot_serve_is_refused(name: str, kind: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        term(name, Outcome(SCORES, kind))  # type: ignore[arg-type]
