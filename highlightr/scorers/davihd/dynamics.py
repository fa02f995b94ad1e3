"""The dynamics encoder of DAViHD: frequency-dynamic convolutions over the log-mel spectrogram.

In: log-mel rows, one per clip, (batch, clips, mels). Out: one vector per clip, (batch, clips, width). Inside the
convolutions the layout is (batch, channels, frames, mels).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from highlightr.scorers.attention import padding_mask, positions_of, zero_padding
from highlightr.scorers.davihd.config import DAViHDConfig

_POOLING = ((2, 2), (2, 2), (1, 2), (1, 2), (1, 2), (1, 2))
"""Average pooling after each convolution, (frames, mels)."""
_MELS = 128
_POOLED_MELS = _MELS // 2 ** len(_POOLING)
_FEWEST_FRAMES = 4
"""Pooling divides frames by 4, so a shorter input is extended by repeating its last frame."""


def frame_difference(values: Tensor) -> Tensor:
    """|S_t - S_(t-1)| along frames of (B, C, T, F); frame 0 has no predecessor and is zero."""
    moved = (values[:, :, 1:] - values[:, :, :-1]).abs()
    return functional.pad(moved, (0, 0, 1, 0))


def _branch(channels: int, hidden: int) -> nn.Sequential:
    """3x3 convolution to C/4, BatchNorm, ReLU, 1x1 convolution back to C."""
    return nn.Sequential(
        nn.Conv2d(channels, hidden, 3, padding=1),
        nn.BatchNorm2d(hidden),
        nn.ReLU(),
        nn.Conv2d(hidden, channels, 1),
    )


class FrequencyAttention(nn.Module):
    """Which basis kernel counts how much, per frequency bin.

    Pooling over time: Σ_t softmax_t(time(S)) · g + Σ_t softmax_t(velocity(|S_t - S_(t-1)|)) · g + mean_t S, with
    the saliency gate g = sigmoid(gate(S)). Then a convolution over frequency (k 3, no bias) to C/4, BatchNorm,
    ReLU, a convolution (k 1) to K, and a softmax over K at a temperature.

    Source: DAViHD, dynamics pathway; Nam and Park 2025 (temporal attention pooling). Frame 0 of the difference
    is zero as in the DAViHD authors' code; the older code wraps around from the last frame.
    """

    def __init__(self, channels: int, kernels: int, temperature: float) -> None:
        super().__init__()
        hidden = max(channels // 4, 4)
        self.temperature = temperature
        self.saliency_gate = _branch(channels, hidden)
        self.velocity = _branch(channels, hidden)
        self.time = _branch(channels, hidden)
        self.squeeze = nn.Conv1d(channels, hidden, 3, padding=1, bias=False)
        self.squeeze_norm = nn.BatchNorm1d(hidden)
        self.expand = nn.Conv1d(hidden, kernels, 1)
        for convolution in (self.squeeze, self.expand):
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.expand.bias)  # type: ignore[arg-type]

    def forward(self, values: Tensor) -> Tensor:
        """From S (B, C, T, F) to kernel weights (B, K, F) that sum to 1 over K."""
        gate = torch.sigmoid(self.saliency_gate(values))
        velocity = torch.softmax(self.velocity(frame_difference(values)), dim=2)
        time = torch.softmax(self.time(values), dim=2)
        pooled = (gate * velocity).sum(2) + (gate * time).sum(2) + values.mean(2)  # (B, C, F)
        squeezed = torch.relu(self.squeeze_norm(self.squeeze(pooled)))
        return torch.softmax(self.expand(squeezed) / self.temperature, dim=1)


class FrequencyDynamicConv(nn.Module):
    """3x3 convolution whose kernel is, in each frequency bin, a mixture of K basis kernels.

    y = Σ_k α_k(f) · (W_k * S). With K = 1 every α is 1 and this is a plain convolution without bias.

    Source: DAViHD, dynamics pathway; Nam et al. 2022 (frequency dynamic convolution).
    """

    def __init__(self, channels_in: int, channels_out: int, kernels: int, temperature: float) -> None:
        super().__init__()
        self.kernels = nn.Parameter(torch.empty(kernels, channels_out, channels_in, 3, 3))
        for kernel in self.kernels:
            nn.init.kaiming_normal_(kernel)
        self.attention = FrequencyAttention(channels_in, kernels, temperature)

    def forward(self, values: Tensor) -> Tensor:
        """From (B, C_in, T, F) to (B, C_out, T, F)."""
        out = functional.conv2d(values, self.kernels.flatten(0, 1), padding=1)
        out = out.reshape(len(out), *self.kernels.shape[:2], *out.shape[2:])  # (B, K, C_out, T, F)
        return torch.einsum("bkctf,bkf->bctf", out, self.attention(values))


class _Layer(nn.Module):
    """Convolution, BatchNorm, ReLU, average pooling."""

    def __init__(self, convolution: nn.Module, channels: int, pooling: tuple[int, int]) -> None:
        super().__init__()
        self.convolution = convolution
        # Keras's 0.99 is the share that is kept; here it is the share that is new. The authors' code has 0.99.
        self.norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.99)
        self.pooling = nn.AvgPool2d(pooling)

    def forward(self, values: Tensor) -> Tensor:
        """From (B, C_in, T, F) to the pooled (B, C_out, T', F')."""
        return self.pooling(torch.relu(self.norm(self.convolution(values))))


class DynamicsEncoder(nn.Module):
    """Six convolutions, projection, positions, pre-norm transformer.

    Videos are convolved without padding: the pooling over time reads every frame, so a padded frame would change the
    others. While training, one video at a time in the order of the batch, as the authors do: BatchNorm's statistics are
    each video's own, and its running ones follow the last. Afterwards those of one length go together, which gives the
    same numbers.

    Source: DAViHD, dynamics pathway, and its authors' code. `adaptive_avg_pool1d` brings the pooled frames back
    to one per clip: it repeats them, because there is one log-mel row per clip and the convolutions pool by 4.
    """

    def __init__(self, config: DAViHDConfig) -> None:
        super().__init__()
        channels, width = config.dynamics_channels, config.audio_width
        convolutions: list[nn.Module] = [nn.Conv2d(1, channels[0], 3, padding=1)]
        for before, after in pairwise(channels):
            convolutions.append(FrequencyDynamicConv(before, after, config.kernels, config.temperature))
        self.convolutions = nn.Sequential(*map(_Layer, convolutions, channels, _POOLING))
        self.projection = nn.Linear(channels[-1] * _POOLED_MELS, width)
        # With late self-attention the fused stream is contextualised instead.
        self.transformer = self._transformer(config) if config.self_attention == "early" else None
        self.dropout = nn.Dropout(config.dropout)

    @staticmethod
    def _transformer(config: DAViHDConfig) -> nn.TransformerEncoder:
        layer = nn.TransformerEncoderLayer(
            config.audio_width,
            config.dynamics_heads,
            4 * config.audio_width,
            config.dropout,
            batch_first=True,
            norm_first=True,
        )
        return nn.TransformerEncoder(layer, config.dynamics_layers, enable_nested_tensor=False)

    def convolve(self, mel: Tensor) -> Tensor:
        """From (B, N, 128), no padding, to flattened channels and bins (B, N, C · 2)."""
        missing = max(0, _FEWEST_FRAMES - mel.shape[1])
        frames = torch.cat((mel, mel[:, -1:].expand(-1, missing, -1)), dim=1)
        values = self.convolutions(frames[:, None])  # (B, C, T', 2)
        flat = values.transpose(2, 3).flatten(1, 2)  # (B, C * 2, T')
        return functional.adaptive_avg_pool1d(flat, mel.shape[1]).transpose(1, 2)

    def forward(self, mel: Tensor, lengths: Tensor | None) -> Tensor:
        """From log-mel rows (B, N, 128) to (B, N, width), padded rows zero."""
        if lengths is None and not self.training:
            flat = self.convolve(mel)
        else:
            flat = self._convolve_apart(mel, [mel.shape[1]] * len(mel) if lengths is None else lengths.tolist())
        padding = padding_mask(lengths, mel.shape[1])
        out: Tensor = self.projection(flat)
        if self.transformer is not None:
            out = self.dropout(out + positions_of(out))
            out = self.transformer(out, src_key_padding_mask=padding)
        return zero_padding(out, padding)

    def _convolve_apart(self, mel: Tensor, lengths: list[int]) -> Tensor:
        """Videos of unlike lengths, padded with zeros afterwards."""
        alone = [[member] for member in range(len(lengths))]
        alike = [[m for m, length in enumerate(lengths) if length == each] for each in sorted(set(lengths))]
        parts: dict[int, Tensor] = {}
        for members in alone if self.training else alike:
            length = lengths[members[0]]
            flat = functional.pad(self.convolve(mel[members, :length]), (0, 0, 0, mel.shape[1] - length))
            parts |= dict(zip(members, flat, strict=True))
        return torch.stack([parts[member] for member in range(len(lengths))])
