"""DAViHD checkpoints in the authors' layout: a renaming of tensors that loses nothing; and weights as they draw them.

In: a state dict as the authors' training writes it. Out: the same tensors under this package's names. The one tensor
without a counterpart is their table of positions, a constant: it is checked and left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from highlightr.core.errors import OutputError, WeightsError
from highlightr.core.tensors import write_tensors
from highlightr.core.torch_files import check_sizes, read_torch_file
from highlightr.scorers.attention import positions_of
from highlightr.scorers.configs import misfit
from highlightr.scorers.davihd.config import DAViHDConfig

_POSITIONS = "dynamic_audio_encoder.positional_encoding.pe"

_CONVOLUTIONS = "audio_encoder.dynamics.convolutions"
_AUTHORS_CONVOLUTIONS = "dynamic_audio_encoder.tfd_conv.cnn"

_PREFIXES = (
    ("visual_encoder.attention.", "visual_encoder.attn."),
    ("visual_encoder.feed_forward.", "visual_encoder.ffn."),
    ("visual_encoder.attention_norm.", "visual_encoder.norm1."),
    ("visual_encoder.feed_forward_norm.", "visual_encoder.norm2."),
    ("audio_encoder.semantic.attention.", "semantic_audio_encoder.attn."),
    ("audio_encoder.semantic.feed_forward.", "semantic_audio_encoder.ffn."),
    ("audio_encoder.semantic.attention_norm.", "semantic_audio_encoder.norm1."),
    ("audio_encoder.semantic.feed_forward_norm.", "semantic_audio_encoder.norm2."),
    ("audio_encoder.dynamics.projection.", "dynamic_audio_encoder.feature_projection."),
    ("audio_encoder.dynamics.transformer.", "dynamic_audio_encoder.transformer_encoder."),
    *(
        (f"{ours}.{part}.", f"cross_{ours}.{theirs}.")
        for ours in ("audio_to_visual", "visual_to_audio")
        for part, theirs in (("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj"), ("attention", "attn"))
    ),
    ("head.", "fusion_mlp."),
)
"""Names that differ only in their beginning, ours first."""

_IN_A_CONVOLUTION = (
    ("convolution.attention.saliency_gate.", "attention.time_pool.xforward."),
    ("convolution.attention.velocity.", "attention.time_pool.attention."),
    ("convolution.attention.time.", "attention.time_pool.attention2."),
    ("convolution.attention.squeeze.", "attention.conv1d1."),
    ("convolution.attention.squeeze_norm.", "attention.bn."),
    ("convolution.attention.expand.", "attention.conv1d2."),
    ("convolution.kernels", "weight"),
)
"""Names within a frequency-dynamic convolution, ours first."""

_BIAS = _SPREAD = 0.1
"""Of the weights that they draw."""


def authors_name(name: str) -> str | None:
    """What the authors call a tensor of this package; `None` for one that they have not."""
    found = re.fullmatch(rf"{re.escape(_CONVOLUTIONS)}\.(\d+)\.(.+)", name)
    if found is None:
        return _swap(name, _PREFIXES)
    layer, rest = found.groups()
    if rest.startswith("norm."):
        return f"{_AUTHORS_CONVOLUTIONS}.batchnorm{layer}.{rest.removeprefix('norm.')}"
    inside = rest.removeprefix("convolution.") if layer == "0" else _swap(rest, _IN_A_CONVOLUTION)
    return None if inside is None else f"{_AUTHORS_CONVOLUTIONS}.conv{layer}.{inside}"


def _swap(name: str, prefixes: Sequence[tuple[str, str]]) -> str | None:
    return next((theirs + name.removeprefix(ours) for ours, theirs in prefixes if name.startswith(ours)), None)


def convert_davihd(source: Path, target: Path, *, overwrite: bool = False) -> DAViHDConfig:
    """Turn a `.pt` checkpoint of the authors into safetensors for the scorer `davihd`.

    Returns:
        The configuration that runs it, with the authors' own pooling of the log-mel rows.

    Raises:
        WeightsError: a file that needs code to be read, or another network's.
        OutputError: the target exists and `overwrite` is not set, or it cannot be written.
    """
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists already; choose another place or --overwrite")
    state = read_checkpoint(source)
    write_tensors(target, davihd_from_authors(state))
    return davihd_config_of(state)


def davihd_config_of(state: Mapping[str, Tensor]) -> DAViHDConfig:
    """The configuration of an authors' checkpoint: TVSum's or Mr.HiSum's; a `WeightsError` for other widths."""
    name = "visual_encoder.norm1.weight"
    width = state[name].numel() if name in state else None
    if width == 512:
        return DAViHDConfig(mel_pooling="authors-62")
    if width == 1024:
        streams = {"inception-imagenet": 1024}
        return DAViHDConfig(visual_streams=streams, visual_width=1024, mel_pooling="authors-62")
    raise WeightsError(f"not a DAViHD checkpoint in the authors' layout: visual width {width}, expected 512 or 1024")


def davihd_from_authors(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of the authors' checkpoint to this package's names and check them against the network.

    Raises:
        WeightsError: a tensor that the network does not have, lacks, or has in another shape; other positions.
    """
    from highlightr.scorers.davihd.network import DAViHD

    with torch.device("meta"):
        expected = {name: value.shape for name, value in DAViHD(davihd_config_of(state)).state_dict().items()}
    ours = {authors_name(name): name for name in expected}
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name == _POSITIONS:
            _check_positions(tensor)
        elif name in ours:
            renamed[ours[name]] = tensor
        else:
            raise WeightsError(f"not a DAViHD checkpoint in the authors' layout: it holds {name!r}")
    problem = misfit(expected, {name: value.shape for name, value in renamed.items()})
    if problem:
        raise WeightsError(f"the checkpoint does not fit DAViHD: {problem}")
    return renamed


def _check_positions(table: Tensor) -> None:
    expected = positions_of(torch.empty(1, table.shape[0], table.shape[-1]))[:, None]
    if table.shape != expected.shape or not torch.allclose(table.float(), expected, atol=1e-3):
        raise WeightsError(f"{_POSITIONS!r} is not the usual sinusoids, so this checkpoint is of another network")


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read a `.pt` state dict without running any code that it may hold; a `WeightsError` for anything else."""
    state = read_torch_file(path)
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path} does not hold tensors by name; give the state dict alone")
    check_sizes(path, state)
    return dict(state)


def initialise_as_authors(network: nn.Module) -> None:
    """Draw again: matrices and kernels by Xavier with gain √2, vectors from U(-0.1, 0.1), biases 0.1.

    Weights of norms stay 1 where the authors' module has "norm" in its name; LayerNorms of their MLP and BatchNorms of
    their attention have not, and are drawn. Modules that only this package has follow the rule by their own names.

    Source: DAViHD, model/solver.py, ``init_weights``; all of it, the MLP's N(0, 0.02²) included, is drawn over.
    """
    for name, parameter in network.named_parameters():
        theirs = authors_name(name) or name
        if "weight" in theirs and "norm" not in theirs:
            if parameter.ndim >= 2:
                nn.init.xavier_uniform_(parameter, gain=math.sqrt(2.0))
            else:
                nn.init.uniform_(parameter, -_SPREAD, _SPREAD)
        elif "bias" in theirs:
            nn.init.constant_(parameter, _BIAS)
