"""The dynamics encoder against first principles: closed forms, limits and symmetries, not another implementation."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from highlightr.scorers.davihd.config import DAViHDConfig
from highlightr.scorers.davihd.dynamics import (
    DynamicsEncoder,
    FrequencyAttention,
    FrequencyDynamicConv,
    frame_difference,
)

CHANNELS, FRAMES, BINS = 8, 10, 16


@pytest.fixture(autouse=True)
def _seeded() -> object:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def convolution(kernels: int = 4, temperature: float = 31.0) -> FrequencyDynamicConv:
    built = FrequencyDynamicConv(CHANNELS, 6, kernels, temperature).eval().double()
    torch.nn.init.normal_(built.attention.expand.weight)
    torch.nn.init.normal_(built.attention.expand.bias)  # no ties between kernels
    return built


def values(seed: int = 1) -> torch.Tensor:
    shape = (2, CHANNELS, FRAMES, BINS)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def focus(logits: torch.Tensor) -> torch.Tensor:
    """(B, T): attention over time, averaged over channels and bins."""
    return logits.softmax(dim=2).mean((1, 3))


def test_one_kernel_is_a_plain_convolution() -> None:
    built = convolution(kernels=1)
    found = built(values())
    torch.testing.assert_close(found, functional.conv2d(values(), built.kernels[0], padding=1))


def test_equal_kernels_are_a_plain_convolution_whatever_the_attention() -> None:
    built = convolution()
    built.kernels.data[:] = built.kernels.data[:1]
    found = built(values())
    torch.testing.assert_close(found, functional.conv2d(values(), built.kernels[0], padding=1))


def test_temperature_goes_from_one_kernel_to_the_mean_of_all() -> None:
    entropies = []
    for temperature in (1e-4, 0.1, 1.0, 31.0, 1e6):
        built = convolution(temperature=temperature)
        torch.manual_seed(3)
        for module in (built.attention.squeeze, built.attention.expand):
            torch.nn.init.normal_(module.weight)
        weights = built.attention(values())
        torch.testing.assert_close(weights.sum(1), torch.ones(2, BINS, dtype=torch.float64))
        entropies.append(-(weights * weights.clamp_min(1e-300).log()).sum(1).mean().item())
    assert entropies == sorted(entropies)
    assert entropies[0] == pytest.approx(0, abs=1e-3)
    assert entropies[-1] == pytest.approx(torch.tensor(4.0).log().item(), abs=1e-6)


def test_an_endless_temperature_is_the_mean_kernel() -> None:
    built = convolution(temperature=1e12)
    found = built(values())
    torch.testing.assert_close(found, functional.conv2d(values(), built.kernels.mean(0), padding=1))


def test_a_cold_temperature_takes_the_strongest_kernel_of_each_bin() -> None:
    built = convolution(temperature=1e-6)
    weights = built.attention(values())
    found = built(values())
    each = torch.stack([functional.conv2d(values(), kernel, padding=1) for kernel in built.kernels], dim=1)
    chosen = weights.argmax(1)  # (B, F)
    for sample in range(2):
        for bin_ in range(BINS):
            torch.testing.assert_close(found[sample, :, :, bin_], each[sample, chosen[sample, bin_], :, :, bin_])


def test_the_difference_of_a_ramp_is_its_slope_and_zero_at_the_start() -> None:
    slope = torch.linspace(-2, 3, BINS, dtype=torch.float64)
    ramp = torch.arange(FRAMES, dtype=torch.float64)[:, None] * slope + 5
    found = frame_difference(ramp.expand(1, CHANNELS, FRAMES, BINS))
    assert (found[:, :, 0] == 0).all()
    torch.testing.assert_close(found[:, :, 1:], slope.abs().expand(1, CHANNELS, FRAMES - 1, BINS))


def test_the_difference_does_not_wrap_from_the_end_to_the_start() -> None:
    still = torch.zeros(1, 1, FRAMES, 1)
    still[:, :, -1] = 9
    assert frame_difference(still).flatten().tolist() == [0.0] * (FRAMES - 1) + [9.0]


def test_a_sound_that_stands_still_has_no_velocity_to_attend_to() -> None:
    attention = FrequencyAttention(CHANNELS, 4, 31.0).eval().double()
    still = torch.randn(1, CHANNELS, 1, BINS, dtype=torch.float64).expand(1, CHANNELS, FRAMES, BINS)
    moved = still.clone()
    moved[:, :, 6:] += 30.0
    velocity, after = (focus(attention.velocity(frame_difference(each))) for each in (still, moved))
    inside = velocity[0, 1:-1]  # the zero padding of the 3x3 convolution shows at the two ends
    torch.testing.assert_close(inside, inside[:1].expand(FRAMES - 2))
    assert (after[0] - velocity[0]).abs().argmax() in (5, 6, 7)


def test_weights_depend_on_the_frequency_not_on_the_frame() -> None:
    weights = convolution().attention(values())
    assert weights.shape == (2, 4, BINS)


def test_time_attention_sums_to_one_behind_an_open_gate_and_to_nothing_behind_a_closed_one() -> None:
    attention = FrequencyAttention(CHANNELS, 4, 31.0).eval().double()
    # With the gate shut the two attentions add nothing and the mean over time is all that is left.
    torch.nn.init.zeros_(attention.saliency_gate[3].weight)
    torch.nn.init.constant_(attention.saliency_gate[3].bias, -1e3)
    seen: list[torch.Tensor] = []
    attention.squeeze.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    attention(values())
    torch.testing.assert_close(seen[0], values().mean(2))
    # With the gate open each attention adds one, because it sums to one.
    torch.nn.init.constant_(attention.saliency_gate[3].bias, 1e3)
    attention(values())
    torch.testing.assert_close(seen[1], values().mean(2) + 2)


def encoder() -> DynamicsEncoder:
    config = DAViHDConfig(
        audio_streams={"a": 16}, audio_width=16, dynamics_channels=(4, 4, 8, 8, 8, 8), pathways=("dynamics",)
    )
    return DynamicsEncoder(config).double()


def test_padding_is_never_heard() -> None:
    built = encoder().eval()
    mel = torch.randn(2, 12, 128, dtype=torch.float64)
    lengths = torch.tensor([12, 6])
    first = built(mel, lengths)
    mel[1, 6:] = 1e4
    second = built(mel, lengths)
    assert torch.equal(first, second)
    alone = built(mel[1:, :6], None)
    torch.testing.assert_close(first[1, :6], alone[0])
    assert (first[1, 6:] == 0).all()


def test_while_training_each_video_is_convolved_alone_in_the_order_of_the_batch() -> None:
    together, alone = encoder().train(), encoder().train()
    alone.load_state_dict(together.state_dict())
    mel, lengths = torch.randn(3, 12, 128, dtype=torch.float64), [6, 12, 6]
    made = together._convolve_apart(mel, lengths)
    rows = [alone.convolve(mel[index : index + 1, :length])[0] for index, length in enumerate(lengths)]
    wanted = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    assert torch.equal(made, wanted)
    for built, out in ((together, made), (alone, wanted)):
        (out * torch.arange(out.shape[2])).sum().backward()
        assert built.convolutions[0].norm.num_batches_tracked == 3
    for one, other in zip(together.convolutions.parameters(), alone.convolutions.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    buffers = zip(together.buffers(), alone.buffers(), strict=True)
    assert all(torch.equal(one, other) for one, other in buffers), "the statistics follow the last video"


def test_gradients_reach_every_parameter() -> None:
    built = encoder().train()
    out = built(torch.randn(2, 16, 128, dtype=torch.float64), None)
    (out * torch.randn_like(out)).sum().backward()
    assert [name for name, p in built.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
