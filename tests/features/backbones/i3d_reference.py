"""Inception-I3D once more, as plain functions over a published state dict: an independent reading of both ports.

hassony2's `src/i3dpt.py` and piergiaj's `pytorch_i3d.py` are followed operation by operation, with their own names of
tensors, so that the names are checked too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.nn import functional

State = Mapping[str, torch.Tensor]

MIXED = {
    "3b": (192, 64, 96, 128, 16, 32, 32),
    "3c": (256, 128, 128, 192, 32, 96, 64),
    "4b": (480, 192, 96, 208, 16, 48, 64),
    "4c": (512, 160, 112, 224, 24, 64, 64),
    "4d": (512, 128, 128, 256, 24, 64, 64),
    "4e": (512, 112, 144, 288, 32, 64, 64),
    "4f": (528, 256, 160, 320, 32, 128, 128),
    "5b": (832, 256, 160, 320, 32, 128, 128),
    "5c": (832, 384, 192, 384, 48, 128, 128),
}


def hassony2(state: State, x: torch.Tensor) -> torch.Tensor:
    """Features as `I3D.forward` has them before its classifier: squeezed and averaged over time."""

    def unit(x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        weight = state[f"{name}.conv3d.weight"]
        total = max(weight.shape[-1] - stride, 0)
        x = nn.ConstantPad3d((total // 2, total - total // 2) * 3, 0)(x)
        return _norm(functional.conv3d(x, weight, stride=stride), state, f"{name}.batch3d", 1e-5)

    def pool(x: torch.Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> torch.Tensor:
        totals = [max(k - s, 0) for k, s in zip(kernel, stride, strict=True)][::-1]
        pads = [part for total in totals for part in (total // 2, total - total // 2)]
        return nn.MaxPool3d(kernel, stride, ceil_mode=True)(nn.ConstantPad3d(pads, 0)(x))

    def mixed(x: torch.Tensor, name: str) -> torch.Tensor:
        prefix = f"mixed_{name}"
        one = unit(x, f"{prefix}.branch_0")
        two = unit(unit(x, f"{prefix}.branch_1.0"), f"{prefix}.branch_1.1")
        three = unit(unit(x, f"{prefix}.branch_2.0"), f"{prefix}.branch_2.1")
        return torch.cat([one, two, three, unit(pool(x, (3, 3, 3), (1, 1, 1)), f"{prefix}.branch_3.1")], 1)

    return _network(x, unit, pool, mixed, ("conv3d_1a_7x7", "conv3d_2b_1x1", "conv3d_2c_3x3"))


def piergiaj(state: State, x: torch.Tensor) -> torch.Tensor:
    """Features as `InceptionI3d.extract_features`, averaged over time."""

    def padded(x: torch.Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> torch.Tensor:
        pads: list[int] = []
        for size, k, s in zip(x.shape[2:], kernel, stride, strict=True):
            total = max(k - s, 0) if size % s == 0 else max(k - size % s, 0)
            pads = [total // 2, total - total // 2, *pads]
        return functional.pad(x, pads)

    def unit(x: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        weight = state[f"{name}.conv3d.weight"]
        x = padded(x, tuple(weight.shape[2:]), (stride,) * 3)
        return _norm(functional.conv3d(x, weight, stride=stride), state, f"{name}.bn", 1e-3)

    def pool(x: torch.Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> torch.Tensor:
        return functional.max_pool3d(padded(x, kernel, stride), kernel, stride)

    def mixed(x: torch.Tensor, name: str) -> torch.Tensor:
        prefix = f"Mixed_{name}"
        one = unit(x, f"{prefix}.b0")
        two = unit(unit(x, f"{prefix}.b1a"), f"{prefix}.b1b")
        three = unit(unit(x, f"{prefix}.b2a"), f"{prefix}.b2b")
        return torch.cat([one, two, three, unit(pool(x, (3, 3, 3), (1, 1, 1)), f"{prefix}.b3b")], 1)

    return _network(x, unit, pool, mixed, ("Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"))


def hassony2_state(channels: int, seed: int) -> dict[str, torch.Tensor]:
    """A whole random checkpoint under hassony2's names: 344 tensors, the classifier's two among them."""
    names = [f"mixed_{{}}.branch_{branch}" for branch in ("0", "1.0", "1.1", "2.0", "2.1", "3.1")]
    state = _state(channels, seed, ("conv3d_1a_7x7", "conv3d_2b_1x1", "conv3d_2c_3x3"), names, "batch3d")
    return state | {
        "conv3d_0c_1x1.conv3d.weight": torch.zeros(400, 1024, 1, 1, 1),
        "conv3d_0c_1x1.conv3d.bias": torch.zeros(400),
    }


def piergiaj_state(channels: int, seed: int) -> dict[str, torch.Tensor]:
    """The same under piergiaj's names."""
    names = [f"Mixed_{{}}.{branch}" for branch in ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")]
    state = _state(channels, seed, ("Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"), names, "bn")
    return state | {"logits.conv3d.weight": torch.zeros(400, 1024, 1, 1, 1), "logits.conv3d.bias": torch.zeros(400)}


def _network(
    x: torch.Tensor,
    unit: Callable[..., torch.Tensor],
    pool: Callable[..., torch.Tensor],
    mixed: Callable[[torch.Tensor, str], torch.Tensor],
    stem: tuple[str, str, str],
) -> torch.Tensor:
    x = pool(unit(x, stem[0], 2), (1, 3, 3), (1, 2, 2))
    x = pool(unit(unit(x, stem[1]), stem[2]), (1, 3, 3), (1, 2, 2))
    x = pool(mixed(mixed(x, "3b"), "3c"), (3, 3, 3), (2, 2, 2))
    for name in ("4b", "4c", "4d", "4e", "4f"):
        x = mixed(x, name)
    x = mixed(mixed(pool(x, (2, 2, 2), (2, 2, 2)), "5b"), "5c")
    # Both ports average 7 x 7, which is the whole picture at 224 pixels.
    return nn.AvgPool3d((2, *x.shape[3:]), (1, 1, 1))(x).squeeze(3).squeeze(3).mean(2)


def _norm(x: torch.Tensor, state: State, name: str, epsilon: float) -> torch.Tensor:
    parts = [state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    return functional.relu(functional.batch_norm(x, *parts, eps=epsilon))


def _state(channels: int, seed: int, stem: tuple[str, ...], mixed: list[str], norm: str) -> dict[str, torch.Tensor]:
    convolutions = {stem[0]: (64, channels, 7), stem[1]: (64, 64, 1), stem[2]: (192, 64, 3)}
    for block, (inputs, a, b, c, d, e, f) in MIXED.items():
        shapes = [(a, inputs, 1), (b, inputs, 1), (c, b, 3), (d, inputs, 1), (e, d, 3), (f, inputs, 1)]
        convolutions |= {name.format(block): shape for name, shape in zip(mixed, shapes, strict=True)}
    random = torch.Generator().manual_seed(seed)
    state = {}
    for name, (outputs, inputs, size) in convolutions.items():
        fan_in = inputs * size**3
        state[f"{name}.conv3d.weight"] = (
            torch.randn(outputs, inputs, size, size, size, generator=random) * (2 / fan_in) ** 0.5
        )
        state[f"{name}.{norm}.weight"] = torch.rand(outputs, generator=random) + 0.5
        state[f"{name}.{norm}.bias"] = torch.randn(outputs, generator=random) * 0.1
        state[f"{name}.{norm}.running_mean"] = torch.randn(outputs, generator=random) * 0.1
        # Small variances are where the ports' epsilons show.
        state[f"{name}.{norm}.running_var"] = torch.rand(outputs, generator=random) * 0.5 + 0.5
        state[f"{name}.{norm}.num_batches_tracked"] = torch.tensor(0)
    return state
