"""DAViHD: every block recomputed, the seven pathway subsets and four fusions, sizes to the last parameter."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from highlightr.core.errors import ConfigError
from highlightr.scorers.attention import parameter_counts
from highlightr.scorers.davihd.config import DAViHDConfig
from highlightr.scorers.davihd.convert import authors_name
from highlightr.scorers.davihd.network import DAViHD
from tests.scorers import factories, reference

CLIPS = 11
SUBSETS = [c for n in (1, 2, 3) for c in itertools.combinations(("visual", "semantic", "dynamics"), n)]
FUSIONS = list(itertools.product(("early", "late"), ("multiply", "concatenate")))
TVSUM_BLOCKS = {
    "visual_encoder": 3_152_384,
    "semantic_encoder": 50_358_272,
    "dynamics_convolutions": 1_885_064,
    "dynamics_projection": 526_336,
    "dynamics_transformer": 100_716_544,
    "audio_to_visual": 23_083_008,
    "visual_to_audio": 3_411_456,
    "head": 5_772_289,
}


def small(**changes: object) -> DAViHDConfig:
    sizes = {
        "visual_streams": {"v": 8},
        "audio_streams": {"a": 16},
        "visual_width": 8,
        "audio_width": 16,
        "hidden_width": 6,
        "heads": 2,
        "dynamics_heads": 4,
        "dynamics_channels": (4, 6, 8, 20, 8, 6),
        "temperature": 2.0,
    }
    return DAViHDConfig(**{**sizes, **changes})  # type: ignore[arg-type]


def network(config: DAViHDConfig, seed: int = 0) -> DAViHD:
    """In float64, with weights and running statistics away from their defaults."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        built = DAViHD(config).double().eval()
        for name, value in built.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2)
            elif value.is_floating_point():
                value.copy_(torch.randn_like(value) * 0.35)
    return built


def inputs(config: DAViHDConfig, clips: int = CLIPS, batch: int = 1, seed: int = 1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    widths = {
        "visual": sum(config.visual_streams.values()),
        "semantic": sum(config.audio_streams.values()),
        "dynamics": 128,
    }
    names = {"visual": "visual", "semantic": "semantic", "dynamics": "mel"}
    return {
        names[pathway]: torch.randn(batch, clips, widths[pathway], generator=generator, dtype=torch.float64)
        for pathway in config.pathways
    }


def expected(built: DAViHD, given: dict[str, torch.Tensor], sample: int = 0) -> np.ndarray:
    arrays = {name: value[sample].numpy() for name, value in given.items()}
    rows = (arrays.get("visual"), arrays.get("semantic"), arrays.get("mel"))
    return reference.davihd(reference.state_of(built), *rows, built.config)


@pytest.mark.parametrize(
    ("changes", "total", "blocks"),
    [
        ({}, 188_905_353, TVSUM_BLOCKS),
        ({"visual_streams": {"inception": 1024}, "visual_width": 1024}, 207_527_817, None),
    ],
    ids=["tvsum", "mrhisum"],
)
def test_the_published_models_have_the_published_size(
    changes: dict[str, object], total: int, blocks: dict[str, int] | None
) -> None:
    with torch.device("meta"):
        built = DAViHD(DAViHDConfig(**changes))  # type: ignore[arg-type]
    assert sum(p.numel() for p in built.parameters()) == total
    counts = parameter_counts(built.blocks())
    assert sum(counts.values()) == total
    assert blocks is None or counts == blocks


def test_one_frequency_dynamic_layer_has_the_published_size() -> None:
    with torch.device("meta"):
        layer = DAViHD(DAViHDConfig()).audio_encoder.dynamics.convolutions[4].convolution
    assert sum(p.numel() for p in layer.parameters()) == 725_860


@pytest.mark.parametrize("pathways", SUBSETS, ids="+".join)
@pytest.mark.parametrize(("self_attention", "fusion"), FUSIONS, ids="-".join)
def test_every_subset_and_fusion_equals_the_equations(
    pathways: tuple[str, ...], self_attention: str, fusion: str
) -> None:
    config = small(pathways=pathways, self_attention=self_attention, fusion=fusion)
    built = network(config)
    given = inputs(config)
    found = built(**given, explain=True)
    np.testing.assert_allclose(found.scores[0].detach(), expected(built, given), rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(sum(found.contributions.values()), found.scores)
    assert sum(parameter_counts(built.blocks()).values()) == sum(p.numel() for p in built.parameters())


@pytest.mark.parametrize("clips", [1, 2, 3, 4, 5, 8, 13])
def test_videos_of_few_clips(clips: int) -> None:
    config = small()
    built, given = network(config), inputs(config, clips)
    found = built(**given)
    np.testing.assert_allclose(found.scores[0].detach(), expected(built, given), rtol=1e-8, atol=1e-10)
    assert found.scores.shape == (1, clips)


def test_a_backbone_of_another_width_is_projected() -> None:
    config = small(visual_streams={"v": 7, "w": 4}, audio_streams={"a": 5})
    built, given = network(config), inputs(config)
    np.testing.assert_allclose(built(**given).scores[0].detach(), expected(built, given), rtol=1e-8, atol=1e-10)
    assert set(parameter_counts(built.blocks())) == {*TVSUM_BLOCKS, "visual_input", "audio_input"}


@pytest.mark.parametrize("config", [small(), small(self_attention="late", fusion="concatenate")], ids=["early", "late"])
def test_masked_and_unmasked_batches_agree_whatever_the_padding_holds(config: DAViHDConfig) -> None:
    built = network(config)
    lengths = [CLIPS, 4, 7, 4]
    given = inputs(config, batch=len(lengths))
    for name, value in given.items():
        for row, length in enumerate(lengths):
            value[row, length:] = 1e3 if name == "mel" else -50.0
    together = built(**given, lengths=torch.tensor(lengths), explain=True)
    for row, length in enumerate(lengths):
        alone = built(**{name: value[row : row + 1, :length] for name, value in given.items()}, explain=True)
        torch.testing.assert_close(together.scores[row, :length], alone.scores[0])
        assert (together.scores[row, length:] == 0).all()
        for name, share in alone.contributions.items():
            torch.testing.assert_close(together.contributions[name][row, :length], share[0])


def test_contributions_are_the_shapley_values_of_the_two_sides() -> None:
    config = small()
    built, given = network(config), inputs(config)
    seen: list[torch.Tensor] = []
    hook = built.head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    found = built(**given, explain=True)
    hook.remove()
    whole = seen[0]
    visual_columns = torch.zeros(whole.shape[-1], dtype=torch.bool)
    visual_columns[:8] = visual_columns[24:32] = True  # V and its crossed rows; A and its own between and after

    def score(visual: bool, audio: bool) -> torch.Tensor:
        kept = torch.where(visual_columns, float(visual), float(audio))
        return torch.sigmoid(built.head(whole * kept))[..., 0]

    share = ((score(True, False) - score(False, False)) + (score(True, True) - score(False, True))) / 2
    torch.testing.assert_close(found.contributions["visual"], share)
    torch.testing.assert_close(found.contributions["baseline"], score(False, False))


def test_the_gate_says_how_much_of_the_semantic_stream_is_let_through() -> None:
    config = small()
    built, given = network(config), inputs(config)
    state = reference.state_of(built)
    semantic = reference.post_norm_layer(
        given["semantic"][0].numpy(), reference.under(state, "audio_encoder.semantic"), config.heads
    )
    fused = reference.davihd_audio(state, given["semantic"][0].numpy(), given["mel"][0].numpy(), config)
    gate = built(**given).gate[0].detach().numpy()
    np.testing.assert_allclose(gate * np.linalg.norm(semantic, axis=1), np.linalg.norm(fused, axis=1), rtol=1e-8)
    assert network(small(fusion="concatenate"))(**given).gate is None


def test_gradients_reach_every_parameter() -> None:
    config = small()
    with torch.random.fork_rng():
        torch.manual_seed(5)
        built = DAViHD(config).double().train()
        # Random inputs close some ReLU for every input; a wide hidden layer of biases above zero keeps them open.
        for name, parameter in built.named_parameters():
            if parameter.ndim == 1 and "norm" not in name:
                torch.nn.init.constant_(parameter, 0.5)
        (built(**inputs(config, batch=2)).scores ** 2).sum().backward()
    assert [name for name, p in built.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_a_pathway_without_input_is_named() -> None:
    config = small()
    given = inputs(config)
    del given["semantic"]
    with pytest.raises(ValueError, match="pathway 'semantic' is configured but has no input"):
        network(config)(**given)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pathways": ()}, "one or more of visual, semantic, dynamics"),
        ({"audio_width": 18}, "audio_width must be even and a multiple of its 4"),
        ({"dynamics_channels": (1, 2)}, "six numbers from 1 to 4096"),
        ({"mel_pooling": "authors-62", "clip_seconds": 2.0}, "authors-62 is for clips of 1 s"),
        ({"visual_streams": {}}, "pathway 'visual' is used"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        small(**changes)


def test_the_authors_initialisation_draws_everything_again() -> None:
    config = DAViHDConfig.from_mapping({**factories.settings("davihd"), "init": "authors"})
    torch.manual_seed(0)
    network = DAViHD(config)
    norms, drawn = [], []
    for name, parameter in network.named_parameters():
        theirs = authors_name(name) or name
        if theirs.endswith("bias"):
            assert (parameter == 0.1).all(), name
        elif parameter.ndim >= 2:
            fan_in, fan_out = torch.nn.init._calculate_fan_in_and_fan_out(parameter)
            bound = (2 * 6 / (fan_in + fan_out)) ** 0.5
            assert parameter.abs().max() <= bound + 1e-6, name
            assert parameter.abs().max() > 0.5 * bound, name
        else:
            (norms if "norm" in theirs else drawn).append((name, parameter))
    assert all((parameter == 1).all() for _, parameter in norms)
    assert all(parameter.abs().max() <= 0.1 for _, parameter in drawn)
    assert "head.1.weight" in {name for name, _ in drawn}, "the MLP's LayerNorms are called by number"
    assert "visual_encoder.attention_norm.weight" in {name for name, _ in norms}
