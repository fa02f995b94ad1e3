"""The authors' checkpoint layout: the full set of keys, a renaming that loses nothing, and files that are refused."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path

import pytest
import torch

from highlightr.core.errors import OutputError, WeightsError
from highlightr.core.tensors import write_tensors
from highlightr.scorers import ScorerContext
from highlightr.scorers.attention import positions_of
from highlightr.scorers.davihd.convert import (
    authors_name,
    convert_davihd,
    davihd_config_of,
    davihd_from_authors,
    read_checkpoint,
)
from highlightr.scorers.davihd.network import DAViHD
from highlightr.scorers.davihd.scorer import DAViHDScorer

AUDIO = 2048
POSITIONS = "dynamic_audio_encoder.positional_encoding.pe"


def layer_of(prefix: str, width_in: int, width_out: int) -> dict[str, tuple[int, ...]]:
    return {f"{prefix}.weight": (width_out, width_in), f"{prefix}.bias": (width_out,)}


def attention_of(prefix: str, width: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {f"{prefix}.in_proj_weight": (3 * width, width)}
    shapes[f"{prefix}.in_proj_bias"] = (3 * width,)
    return shapes | layer_of(f"{prefix}.out_proj", width, width)


def norm_of(prefix: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{prefix}.weight": (width,), f"{prefix}.bias": (width,)}


def batch_norm_of(prefix: str, width: int) -> dict[str, tuple[int, ...]]:
    statistics = {f"{prefix}.running_mean": (width,), f"{prefix}.running_var": (width,)}
    return norm_of(prefix, width) | statistics | {f"{prefix}.num_batches_tracked": ()}


def encoder_of(prefix: str, width: int) -> dict[str, tuple[int, ...]]:
    shapes = attention_of(f"{prefix}.attn", width)
    shapes |= layer_of(f"{prefix}.ffn.0", width, 4 * width) | layer_of(f"{prefix}.ffn.3", 4 * width, width)
    return shapes | norm_of(f"{prefix}.norm1", width) | norm_of(f"{prefix}.norm2", width)


def dynamic_of(prefix: str, before: int, after: int) -> dict[str, tuple[int, ...]]:
    hidden = max(before // 4, 4)
    shapes: dict[str, tuple[int, ...]] = {f"{prefix}.weight": (4, after, before, 3, 3)}
    shapes |= {f"{prefix}.attention.conv1d1.weight": (hidden, before, 3)}
    shapes |= {f"{prefix}.attention.conv1d2.weight": (4, hidden, 1), f"{prefix}.attention.conv1d2.bias": (4,)}
    shapes |= batch_norm_of(f"{prefix}.attention.bn", hidden)
    for branch in ("xforward", "attention", "attention2"):
        own = f"{prefix}.attention.time_pool.{branch}"
        shapes |= {f"{own}.0.weight": (hidden, before, 3, 3), f"{own}.0.bias": (hidden,)}
        shapes |= batch_norm_of(f"{own}.1", hidden)
        shapes |= {f"{own}.3.weight": (before, hidden, 1, 1), f"{own}.3.bias": (before,)}
    return shapes


def authors_shapes(visual: int) -> dict[str, tuple[int, ...]]:
    """Every tensor of the authors' state dict and its shape, written out from their published network."""
    shapes = encoder_of("visual_encoder", visual) | encoder_of("semantic_audio_encoder", AUDIO)
    cnn = "dynamic_audio_encoder.tfd_conv.cnn"
    channels = [16, 32, 64, 128, 128, 128]
    shapes |= {f"{cnn}.conv0.weight": (16, 1, 3, 3), f"{cnn}.conv0.bias": (16,)}
    for i, (before, after) in enumerate(itertools.pairwise(channels), start=1):
        shapes |= dynamic_of(f"{cnn}.conv{i}", before, after)
    for i, width in enumerate(channels):
        shapes |= batch_norm_of(f"{cnn}.batchnorm{i}", width)
    shapes |= layer_of("dynamic_audio_encoder.feature_projection", 256, AUDIO)
    for i in range(2):
        own = f"dynamic_audio_encoder.transformer_encoder.layers.{i}"
        shapes |= attention_of(f"{own}.self_attn", AUDIO) | norm_of(f"{own}.norm1", AUDIO)
        shapes |= layer_of(f"{own}.linear1", AUDIO, 4 * AUDIO) | layer_of(f"{own}.linear2", 4 * AUDIO, AUDIO)
        shapes |= norm_of(f"{own}.norm2", AUDIO)
    shapes |= {POSITIONS: (5000, 1, AUDIO)}
    for name, query, key in (("cross_audio_to_visual", AUDIO, visual), ("cross_visual_to_audio", visual, AUDIO)):
        shapes |= layer_of(f"{name}.q_proj", query, query) | attention_of(f"{name}.attn", query)
        shapes |= layer_of(f"{name}.k_proj", key, query) | layer_of(f"{name}.v_proj", key, query)
    mlp = "fusion_mlp"
    shapes |= layer_of(f"{mlp}.0", 2 * (visual + AUDIO), 1024) | norm_of(f"{mlp}.1", 1024)
    shapes |= layer_of(f"{mlp}.4", 1024, 512) | norm_of(f"{mlp}.5", 512) | layer_of(f"{mlp}.8", 512, 1)
    return shapes


def positions() -> torch.Tensor:
    time = torch.arange(5000, dtype=torch.float64)[:, None]
    angle = time / 10_000 ** (torch.arange(0, AUDIO, 2, dtype=torch.float64) / AUDIO)
    return torch.stack((angle.sin(), angle.cos()), dim=-1).reshape(5000, 1, AUDIO).float()


def authors_state(visual: int, device: str = "meta") -> dict[str, torch.Tensor]:
    """Tensors without memory, but for the positions, which are checked."""
    state = {name: torch.empty(shape, device=device) for name, shape in authors_shapes(visual).items()}
    return {**state, POSITIONS: positions()}


@pytest.mark.parametrize(("visual", "total"), [(512, 188_905_353), (1024, 207_527_817)])
def test_the_key_set_is_complete(visual: int, total: int) -> None:
    learnable = {
        name: shape
        for name, shape in authors_shapes(visual).items()
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked", ".pe"))
    }
    assert sum(torch.Size(shape).numel() for shape in learnable.values()) == total


@pytest.mark.parametrize("visual", [512, 1024])
def test_renaming_is_a_bijection_onto_the_network(visual: int) -> None:
    theirs = authors_state(visual)
    ours = davihd_from_authors(theirs)
    with torch.device("meta"):
        expected = {name: value.shape for name, value in DAViHD(davihd_config_of(theirs)).state_dict().items()}
    assert {name: value.shape for name, value in ours.items()} == expected
    assert len(ours) == len(theirs) - 1  # all but the positions

    back = {authors_name(name): tensor for name, tensor in ours.items()}
    assert set(back) == set(theirs) - {POSITIONS}
    assert all(back[name] is theirs[name] for name in back)
    positions = positions_of(torch.empty(1, 5000, AUDIO))[:, None]
    torch.testing.assert_close(positions, theirs[POSITIONS], atol=1e-3, rtol=0)


def test_each_tensor_goes_where_its_role_is() -> None:
    theirs = authors_state(512)
    ours = davihd_from_authors(theirs)
    convolution = "dynamic_audio_encoder.tfd_conv.cnn.conv3"
    mine = "audio_encoder.dynamics.convolutions.3.convolution"
    for old, new in {
        f"{convolution}.weight": f"{mine}.kernels",
        f"{convolution}.attention.time_pool.xforward.0.weight": f"{mine}.attention.saliency_gate.0.weight",
        f"{convolution}.attention.time_pool.attention.3.bias": f"{mine}.attention.velocity.3.bias",
        f"{convolution}.attention.time_pool.attention2.1.running_var": f"{mine}.attention.time.1.running_var",
        f"{convolution}.attention.conv1d1.weight": f"{mine}.attention.squeeze.weight",
        "semantic_audio_encoder.norm2.bias": "audio_encoder.semantic.feed_forward_norm.bias",
        "cross_audio_to_visual.k_proj.weight": "audio_to_visual.key.weight",
        "fusion_mlp.8.weight": "head.8.weight",
    }.items():
        assert ours[new] is theirs[old]


def test_what_does_not_belong_is_named() -> None:
    state = authors_state(512)
    with pytest.raises(WeightsError, match=r"it holds 'optimizer\.lr'"):
        davihd_from_authors({**state, "optimizer.lr": torch.zeros(1)})
    fewer = {name: value for name, value in state.items() if name != "fusion_mlp.8.bias"}
    with pytest.raises(WeightsError, match=r"1 tensors are missing, first 'head\.8\.bias'"):
        davihd_from_authors(fewer)
    with pytest.raises(WeightsError, match="is \\(2, 512\\) where the configuration makes \\(1, 512\\)"):
        davihd_from_authors({**state, "fusion_mlp.8.weight": torch.empty(2, 512, device="meta")})
    with pytest.raises(WeightsError, match="is not the usual sinusoids"):
        davihd_from_authors({**state, POSITIONS: torch.zeros(5000, 1, AUDIO)})
    with pytest.raises(WeightsError, match="visual width 1, expected 512 or 1024"):
        davihd_from_authors({**state, "visual_encoder.norm1.weight": torch.tensor(1.0)})
    with pytest.raises(WeightsError, match="visual width None"):
        davihd_config_of({})


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (open, (str(tmp_path / "pwned"), "w"))

    path = tmp_path / "best_model.pt"
    path.write_bytes(pickle.dumps({"weight": Attack()}, protocol=2))
    with pytest.raises(WeightsError, match=r"is refused: (it needs the code of|it is damaged)"):
        read_checkpoint(path)
    torch.save({"epoch": 3}, path)
    with pytest.raises(WeightsError, match="give the state dict alone"):
        read_checkpoint(path)
    assert not (tmp_path / "pwned").exists()


def test_files_are_whole_or_absent(tmp_path: Path) -> None:
    target = tmp_path / "out.safetensors"
    write_tensors(target, {"b": torch.ones(2), "a": torch.zeros(3)})
    first = target.read_bytes()
    write_tensors(target, {"a": torch.zeros(3), "b": torch.ones(2)})
    assert target.read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["out.safetensors"]
    with pytest.raises(OutputError, match="exists already"):
        convert_davihd(tmp_path / "any.pt", target)
    with pytest.raises(OutputError, match="cannot be written"):
        write_tensors(target / "no" / "folder.safetensors", {"a": torch.zeros(3)})


@pytest.mark.slow
def test_a_checkpoint_file_converts_and_runs(tmp_path: Path) -> None:
    """755 MB through the disk: the real size, zeros where values do not matter."""
    source, target = tmp_path / "fold1.pt", tmp_path / "fold1.safetensors"
    state = {name: torch.zeros(shape) for name, shape in authors_shapes(512).items()}
    torch.save({**state, POSITIONS: positions(), "fusion_mlp.8.bias": torch.tensor([0.7])}, source)
    config = convert_davihd(source, target)
    assert config.mel_pooling == "authors-62"
    scorer = DAViHDScorer(config, ScorerContext(target))
    assert scorer.network.head[8].bias.item() == pytest.approx(0.7)
