"""The regularised variant: its switches, shares that add up, masks, places and members."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from highlightr.core.errors import ConfigError
from highlightr.core.types import Features, Query, TimeGrid
from highlightr.scorers import ScorerContext, create_scorer
from highlightr.scorers.attention import parameter_counts
from highlightr.scorers.cfsum.config import CFSumConfig
from highlightr.scorers.cfsum.modules import PLACE_WIDTH, CFSumModules, place_waves
from highlightr.scorers.cfsum.regularised import CFSumMembers, CFSumRegularised, smoothed
from highlightr.scorers.cfsum.scorer import places
from tests.scorers import test_cfsum
from tests.scorers.test_cfsum import CLIPS, MODALITIES, WIDTHS


def small(**changes: object) -> CFSumConfig:
    settings = {
        "variant": "regularised",
        "output": "logits",
        "refinement_layers": 1,
        "similarity_width": 6,
        "input_dropout": 0.2,
        "smoothing_seconds": 2.0,
    }
    return test_cfsum.small(**{**settings, **changes})


def network(config: CFSumConfig) -> CFSumModules:
    return test_cfsum.network(config, CFSumRegularised)


def inputs(modalities: tuple[str, ...], batch: int = 1, seed: int = 1) -> dict[str, torch.Tensor]:
    place = ((torch.arange(CLIPS, dtype=torch.float64) + 0.5) / CLIPS)[None, :, None]
    return test_cfsum.inputs(modalities, batch, seed) | {"place": place.expand(batch, -1, -1)}


@pytest.mark.parametrize("modalities", MODALITIES, ids="+".join)
@pytest.mark.parametrize("modules", itertools.product([True, False], repeat=3), ids=str)
def test_terms_add_up_in_every_ablation_row(modalities: tuple[str, ...], modules: tuple[bool, bool, bool]) -> None:
    switches = dict(zip(("autoencoder", "fusion", "interaction"), modules, strict=True))
    found = network(small(modalities=modalities, **switches))(inputs(modalities, batch=2), explain=True)
    assert found.scores.shape == (2, CLIPS)
    torch.testing.assert_close(sum(found.terms.values()), found.scores)
    linear = {f"{name}-text similarity" for name in modalities if name != "text" and "text" in modalities}
    assert linear == {name for name in found.terms if name.endswith("similarity")} == set(found.vectors)


def test_scores_are_averaged_over_neighbours_and_never_over_padding() -> None:
    values = torch.zeros(2, 30, dtype=torch.float64)
    values[:, 10] = 1
    padding = torch.arange(30)[None] >= torch.tensor([30, 12])[:, None]
    found = smoothed(values, 1.5, padding)
    weights = torch.exp(-0.5 * (torch.arange(-5, 6) / 1.5).double() ** 2)
    torch.testing.assert_close(found[0, 5:16], weights / weights.sum())
    assert (found[1, 12:] == 0).all()
    torch.testing.assert_close(found[1, 10], 1 / weights[4:].flip(0)[-7:].sum())
    constant = smoothed(torch.full((1, 7), 0.3, dtype=torch.float64), 2.0, None)
    torch.testing.assert_close(constant, torch.full((1, 7), 0.3, dtype=torch.float64))


def test_the_linear_path_is_the_gain_times_the_cosine() -> None:
    built = network(small(modalities=("video", "text"), smoothing_seconds=0.0))
    given = inputs(("video", "text"))
    path = built.similarities["video"]
    clips = path.clip_norm(given["video"]) @ path.clip.weight.T + path.clip.bias
    query = path.text_norm(given["text"]).mean(1) @ path.text.weight.T + path.text.bias
    cosine = torch.nn.functional.cosine_similarity(clips, query[:, None], dim=-1)
    torch.testing.assert_close(built(given).terms["video-text similarity"], path.gain * cosine)


def test_the_blocks_hold_every_parameter() -> None:
    built = network(small())
    total = sum(parameter.numel() for parameter in built.parameters())
    assert sum(parameter_counts(built.blocks()).values()) == total


def test_gradients_reach_every_parameter() -> None:
    built = CFSumRegularised(small()).double()
    found = built(inputs(("video", "audio", "text"), batch=2))
    (found.scores**2).sum().backward()
    assert [name for name, p in built.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_padding_changes_nothing_whatever_it_holds() -> None:
    built = network(small())
    short = inputs(("video", "audio", "text"), seed=3)
    alone = built(short, explain=True)
    together = test_cfsum.beside_a_longer_one(built, short)
    test_cfsum.assert_same_and_zero(together.scores, alone.scores)
    for name, share in alone.terms.items():
        torch.testing.assert_close(together.terms[name][0, :CLIPS], share[0])


def test_a_clip_knows_its_place_in_the_video_and_only_by_it() -> None:
    built = network(small(modalities=("video",), autoencoder=False, fusion=False, refinement_layers=0))
    same = torch.ones(1, CLIPS, WIDTHS["video"], dtype=torch.float64)
    blind = built({"video": same}).scores[0]
    torch.testing.assert_close(blind, blind[:1].expand(CLIPS))
    assert built(inputs(("video",)) | {"video": same}).scores[0].std() > 0.01
    assert place_waves(torch.rand(2, 3, 1)).shape == (2, 3, PLACE_WIDTH)
    np.testing.assert_allclose(places(TimeGrid(4.0, 1.0))[:, 0], [0.125, 0.375, 0.625, 0.875])


def test_members_are_averaged() -> None:
    config = small(members=3, modalities=("video", "text"))
    built = CFSumMembers(config).double().eval()
    given = inputs(("video", "text"))
    alone = [member(given, explain=True) for member in built.members]
    found = built(given, explain=True)
    torch.testing.assert_close(found.scores, torch.stack([each.scores for each in alone]).mean(0))
    torch.testing.assert_close(sum(found.terms.values()), found.scores)
    torch.testing.assert_close(found.attention["video-text"].sum(-1), torch.ones(1, CLIPS, dtype=torch.float64))
    assert sum(parameter_counts(built.blocks()).values()) == sum(p.numel() for p in built.parameters())


def test_the_scorer_gives_probabilities_of_the_logits_and_names_every_part() -> None:
    settings = small(modalities=("video", "text"), video_streams={"v": 24}, clip_seconds=1.0, members=2).to_mapping()
    scorer = create_scorer("cfsum", settings, ScorerContext(random_seed=0))
    rng = np.random.default_rng(0)
    features = Features(TimeGrid(200.0, 1.0), {"v": rng.standard_normal((200, 24), dtype=np.float32)})
    tokens = rng.standard_normal((4, 14), dtype=np.float32)
    scores = scorer.score(features, Query("a b", tokens, tokens.mean(0)), ())
    total = np.sum(list(scores.parts.values()), axis=0)
    np.testing.assert_allclose(scores.values, 1 / (1 + np.exp(-total)), atol=1e-5)
    assert set(scores.parts) == {"video-text", "video-text similarity", "bias"}
    labels = {reason.label for reason in scores.reasons[0]}
    assert {"picture against query", "picture like query"} <= labels


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variant": "paper", "output": "labels"}, "need variant: regularised"),
        ({"output": "labels"}, "gives logits"),
        ({"input_dropout": 1.0}, "input_dropout must lie between 0 and 0.99"),
        ({"smoothing_seconds": -1.0}, "smoothing_seconds must lie between 0 and"),
        ({"similarity_width": float("nan")}, "similarity_width must lie between 0 and"),
        ({"members": 0}, "members must lie between 1 and 100"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small(**changes)
