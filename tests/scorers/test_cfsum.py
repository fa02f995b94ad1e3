"""CFSum: every equation recomputed, every ablation row, masks, and shares that add up."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from highlightr.core.errors import ConfigError
from highlightr.scorers.attention import parameter_counts
from highlightr.scorers.cfsum.config import CFSumConfig
from highlightr.scorers.cfsum.modules import CFSumModules, CFSumOutput, interaction_pairs
from highlightr.scorers.cfsum.network import CFSum
from tests.scorers import reference

PUBLISHED_TOTAL = 12.9e6
WIDTHS = {"video": 24, "audio": 10, "text": 14}
CLIPS, TOKENS = 9, 5
MODALITIES = [("video",), ("video", "text"), ("video", "audio"), ("video", "audio", "text"), ("audio", "text")]


def small(**changes: object) -> CFSumConfig:
    streams = {"video_streams": {"a": 16, "b": 8}, "audio_streams": {"c": 10}, "text_width": 14}
    return CFSumConfig(**{**streams, "width": 16, "heads": 2, **changes})  # type: ignore[arg-type]


def network(config: CFSumConfig, kind: type[CFSumModules] = CFSum) -> CFSumModules:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        built = kind(config).double().eval()
        for parameter in built.parameters():
            torch.nn.init.normal_(parameter, std=0.4)  # away from zero, where a wrong sign would hide
    return built


def inputs(modalities: tuple[str, ...], batch: int = 1, seed: int = 1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    rows = {"video": CLIPS, "audio": CLIPS, "text": TOKENS}
    return {
        name: torch.randn(batch, rows[name], WIDTHS[name], generator=generator, dtype=torch.float64)
        for name in modalities
    }


def beside_a_longer_one(built: CFSumModules, short: dict[str, torch.Tensor]) -> CFSumOutput:
    """What is made of one video that is padded with 7 to the length of another."""
    padded = {
        name: torch.nn.functional.pad(rows, (0, 0, 0, 3 if name == "text" else 4), value=7.0)
        for name, rows in short.items()
    }
    batch = {name: torch.cat((rows, torch.randn_like(rows))) for name, rows in padded.items()}
    return built(batch, torch.tensor([CLIPS, CLIPS + 4]), torch.tensor([TOKENS, TOKENS + 3]), explain=True)


def assert_same_and_zero(together: torch.Tensor, alone: torch.Tensor) -> None:
    """Padded clips get 0, and the others what they get alone."""
    torch.testing.assert_close(together[0, :CLIPS], alone[0])
    assert (together[0, CLIPS:] == 0).all()


def test_the_published_model_has_the_published_size() -> None:
    with torch.device("meta"):
        built = CFSum(CFSumConfig())
    total = sum(p.numel() for p in built.parameters())
    assert abs(total - PUBLISHED_TOTAL) / PUBLISHED_TOTAL < 0.01
    assert total == 13_008_131
    assert parameter_counts(built.blocks()) == {
        "inputs": 2_764_800,
        "autoencoders": 3_940_608,
        "fusion_attention": 1_050_624,
        "fusion_feed_forward": 3_150_336,
        "interactions": 2_101_248,
        "omega": 2,
        "head": 513,
    }


def test_omega_starts_as_published() -> None:
    built = CFSum(small())
    assert {name: value.item() for name, value in built.omega.items()} == {"video": 2.0, "audio": 1.0}
    assert all(value.requires_grad for value in built.omega.values())


@pytest.mark.parametrize("modalities", MODALITIES, ids="+".join)
@pytest.mark.parametrize("modules", itertools.product([True, False], repeat=3), ids=str)
def test_every_ablation_row_equals_the_equations(modalities: tuple[str, ...], modules: tuple[bool, bool, bool]) -> None:
    switches = dict(zip(("autoencoder", "fusion", "interaction"), modules, strict=True))
    config = small(modalities=modalities, **switches)
    built = network(config)
    given = inputs(modalities)
    asks = dict(interaction_pairs(modalities)) if config.interaction else {}
    arrays = {name: value[0].numpy() for name, value in given.items()}
    scores, terms = reference.cfsum(reference.state_of(built), arrays, config.heads, asks)

    found = built(given)

    np.testing.assert_allclose(found.scores[0].detach(), scores, rtol=1e-9, atol=1e-9)
    assert set(found.terms) == {*terms, "bias"}
    for name, share in terms.items():
        np.testing.assert_allclose(found.terms[name][0].detach(), share, rtol=1e-9, atol=1e-9)


def test_the_interaction_asks_text_where_there_is_text_and_the_other_clips_where_not() -> None:
    assert interaction_pairs(("video", "audio", "text")) == (("video", "text"), ("audio", "text"))
    assert interaction_pairs(("video", "text")) == (("video", "text"),)
    assert interaction_pairs(("video", "audio")) == (("video", "audio"), ("audio", "video"))
    assert interaction_pairs(("video",)) == ()


def test_terms_add_up_to_the_score_and_attention_to_one() -> None:
    found = network(small())(inputs(("video", "audio", "text"), batch=3), explain=True)
    torch.testing.assert_close(sum(found.terms.values()), found.scores)
    assert set(found.attention) == {"video-text", "audio-text"}
    for weights in found.attention.values():
        assert weights.shape == (3, CLIPS, TOKENS)
        torch.testing.assert_close(weights.sum(-1), torch.ones(3, CLIPS, dtype=torch.float64))


def test_explaining_does_not_change_scores() -> None:
    built, given = network(small()), inputs(("video", "audio", "text"))
    torch.testing.assert_close(built(given, explain=True).scores, built(given).scores)


def test_padding_changes_nothing_whatever_it_holds() -> None:
    built = network(small())
    short = inputs(("video", "audio", "text"), seed=3)
    alone = built(short, explain=True)
    together = beside_a_longer_one(built, short)
    assert_same_and_zero(together.scores, alone.scores)
    for name, share in alone.terms.items():
        assert_same_and_zero(together.terms[name], share)
    for name, weights in alone.attention.items():
        torch.testing.assert_close(together.attention[name][0, :CLIPS, :TOKENS], weights[0])
        assert (together.attention[name][0, :, TOKENS:] == 0).all()


def test_a_video_without_sound_is_scored_from_what_it_has() -> None:
    built = network(small())
    given = inputs(("video", "audio", "text"))
    silent = {name: value for name, value in given.items() if name != "audio"}
    found = built(silent)
    assert set(found.terms) == {"video-text", "bias"}
    scores, _ = reference.cfsum(
        reference.state_of(built), {n: v[0].numpy() for n, v in silent.items()}, 2, {"video": "text"}
    )
    np.testing.assert_allclose(found.scores[0].detach(), scores, rtol=1e-9, atol=1e-9)


def test_gradients_reach_every_parameter() -> None:
    built = CFSum(small()).double()
    found = built(inputs(("video", "audio", "text")))
    (found.scores**2).sum().backward()
    assert [name for name, p in built.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_clips_are_needed() -> None:
    with pytest.raises(ValueError, match="video or audio"):
        network(small())(inputs(("text",)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modalities": ("text",)}, "video or audio beside text"),
        ({"modalities": ("video", "smell")}, "one or more of video, audio, text"),
        ({"modalities": ("video", "video")}, "each once"),
        ({"width": 15}, "multiple of its 2 attention heads, got 15"),
        ({"audio_streams": {}}, "modality 'audio' is used, so its streams must be named"),
        ({"longest_clips": 0}, "longest_clips must be a positive number"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small(**changes)


def test_a_configuration_survives_a_file() -> None:
    config = small(modalities=("video", "text"))
    plain = config.to_mapping()
    assert plain["modalities"] == ["video", "text"]
    assert CFSumConfig.from_mapping(plain) == config
    with pytest.raises(ConfigError, match="no key 'depth'"):
        CFSumConfig.from_mapping({"depth": 3})
    with pytest.raises(ConfigError, match="variant must be one of paper, regularised, got 'other'"):
        CFSumConfig.from_mapping({"variant": "other"})
