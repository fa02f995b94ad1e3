"""Calibration: a known distortion is found again, reliability by hand, and folding into weights is exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.evaluation import Case
from highlightr.scorers.cfsum.config import CFSumConfig
from highlightr.scorers.cfsum.regularised import CFSumMembers
from research.calibration import Platt, expected_error, fit_platt, fold_in, reliability, reliability_svg
from research.members import join_members, write_members
from tests.training import moments


def case(scores: np.ndarray, labels: np.ndarray) -> Case:
    return Case("k", "v", scores, labels.astype(np.float64)[:, None])


def overconfident(count: int = 40_000) -> list[Case]:
    """Labels drawn from probabilities; the scores' logits are twice too large and moved by 1."""
    rng = np.random.default_rng(0)
    logits = rng.standard_normal(count)
    labels = rng.random(count) < 1 / (1 + np.exp(-logits))
    scores = 1 / (1 + np.exp(-(2 * logits + 1)))
    return [case(scores[i::50], labels[i::50]) for i in range(50)]


def test_a_known_distortion_is_undone() -> None:
    cases = overconfident()
    platt = fit_platt(cases)
    assert platt.slope == pytest.approx(0.5, abs=0.02)
    assert platt.shift == pytest.approx(-0.5, abs=0.03)
    after = [each.scored(platt(each.scores)) for each in cases]
    assert expected_error(reliability(cases)) > 0.1
    assert expected_error(reliability(after)) < 0.01


def test_reliability_by_hand() -> None:
    table = reliability([case(np.array([0.05, 0.05, 0.95, 0.85, 1.0]), np.array([0, 1, 1, 1, 0]))], bins=2)
    assert [(each.low, each.high, each.count) for each in table] == [(0, 0.5, 2), (0.5, 1, 3)]
    assert [each.share for each in table] == pytest.approx([0.5, 2 / 3])
    assert [each.mean_score for each in table] == pytest.approx([0.05, 2.8 / 3])
    assert expected_error(table) == pytest.approx((2 * 0.45 + 3 * abs(2.8 / 3 - 2 / 3)) / 5)
    assert reliability_svg({"a <b": table}, "t").count("<polyline") == 1
    assert "a &lt;b" in reliability_svg({"a <b": table}, "t")


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one case"):
        fit_platt([])
    with pytest.raises(ConfigError, match="positive and clips that are not"):
        fit_platt([case(np.array([0.2, 0.3]), np.array([0, 0]))])


def network(members: int, seed: int = 0) -> CFSumMembers:
    torch.manual_seed(seed)
    settings = {**moments.SCORER, **moments.REGULARISED, "members": members}
    return CFSumMembers(CFSumConfig.from_mapping(settings)).double().eval()


def test_folding_in_is_exact() -> None:
    built = network(2)
    inputs = {
        "video": torch.randn(1, 6, moments.WIDTH, dtype=torch.float64),
        "text": torch.randn(1, 3, moments.TEXT_WIDTH, dtype=torch.float64),
        "place": torch.rand(1, 6, 1, dtype=torch.float64),
    }
    before = built(inputs).scores
    built.load_state_dict(fold_in(built.state_dict(), Platt(0.7, -0.3)))
    torch.testing.assert_close(built(inputs).scores, 0.7 * before - 0.3)


def test_weights_without_a_head_are_refused() -> None:
    with pytest.raises(ConfigError, match="no linear head"):
        fold_in({"a": torch.zeros(1)}, Platt(1, 0))


def test_members_are_joined_and_stored_small(tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    alone = [network(1, seed).members[0].float().state_dict() for seed in (1, 2)]
    for index, state in enumerate(alone):
        save_file({name: value.contiguous() for name, value in state.items()}, tmp_path / f"{index}.safetensors")
    write_members([tmp_path / "0.safetensors", tmp_path / "1.safetensors"], tmp_path / "both.safetensors")
    joined = load_file(tmp_path / "both.safetensors")
    assert set(joined) == {f"members.{i}.{name}" for i in range(2) for name in alone[0]}
    assert {value.dtype for value in joined.values()} == {torch.float16}
    torch.testing.assert_close(joined["members.1.head.weight"].float(), alone[1]["head.weight"], atol=1e-3, rtol=1e-3)
    assert join_members(alone[:1]) == alone[0]


def test_members_of_other_shapes_are_refused(tmp_path) -> None:
    with pytest.raises(ConfigError, match="of one configuration"):
        join_members([{"a": torch.zeros(1)}, {"a": torch.zeros(2)}])
    with pytest.raises(ConfigError, match="no network to join"):
        join_members([])
    with pytest.raises(WeightsError, match="cannot be read as safetensors"):
        write_members([tmp_path / "none.safetensors"], tmp_path / "out.safetensors")
