"""What DAViHD can be built as: widths, pathways and the paper's ablation switches, as data.

Streams of one pathway are concatenated in the order in which they are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from highlightr.core.checks import check_between, check_positive, check_subset
from highlightr.core.errors import ConfigError
from highlightr.scorers.configs import LARGEST_WIDTH, MOST_LAYERS, FromMapping, check_heads, check_streams

MelPooling = Literal["grid", "authors-62"]

_MEL_WIDTH = 128

MOST_CHANNELS = 4096


@dataclass(frozen=True)
class DAViHDConfig(FromMapping):
    """One DAViHD model. The defaults are the paper's TVSum model."""

    visual_streams: Mapping[str, int] = field(default_factory=lambda: {"r3d34_davihd": 512})
    """Visual streams, name to width; concatenated."""
    audio_streams: Mapping[str, int] = field(default_factory=lambda: {"cnn14_16k": 2048})
    """Semantic audio streams, name to width; concatenated."""
    pathways: tuple[str, ...] = ("visual", "semantic", "dynamics")
    """The paper's table 2: any subset of V, A_s and A_d."""
    self_attention: Literal["early", "late"] = "early"
    """Contextualise the two audio pathways before they are fused (published) or once after."""
    fusion: Literal["multiply", "concatenate"] = "multiply"
    """How the two audio pathways become one."""
    visual_width: int = 512
    """Width of the visual pathway; a stream of another width is projected to it first."""
    audio_width: int = 2048
    """Width of both audio pathways; a semantic stream of another width is projected to it first."""
    hidden_width: int = 512
    """H of the MLP: 2H, then H, then 1."""
    heads: int = 4
    dynamics_heads: int = 8
    dynamics_layers: int = 2
    dynamics_channels: tuple[int, ...] = (16, 32, 64, 128, 128, 128)
    """Output channels of the six convolutions."""
    kernels: int = 4
    """K basis kernels of a frequency-dynamic convolution."""
    temperature: float = 31.0
    """Of the softmax over the K kernels."""
    dropout: float = 0.1
    init: Literal["torch", "authors"] = "torch"
    """How weights are drawn where none are loaded. `torch`: as PyTorch's modules start, the head from N(0, 0.02²);
    `authors`: everything again, as their solver does (`initialise_as_authors` in `convert`)."""
    mel_pooling: MelPooling = "grid"
    """`grid`: each clip averages the log-mel rows within its own time. `authors-62`: 62 rows a clip as in the
    authors' code, 0.992 s, which drifts 28.8 s in an hour; only for running their weights."""
    clip_seconds: float = 1.0
    longest_clips: int = 1024
    """Clips scored at once: more than the longest TVSum video has."""

    def __post_init__(self) -> None:
        check_subset("pathways", self.pathways, ("visual", "semantic", "dynamics"))
        check_positive(self, "temperature", "clip_seconds", "longest_clips")
        check_between(self, 1, LARGEST_WIDTH, "visual_width", "audio_width", "hidden_width", "heads", "dynamics_heads")
        check_between(self, 1, MOST_LAYERS, "dynamics_layers", "kernels")
        check_between(self, 0, 0.99, "dropout")
        check_heads(self.heads, self.visual_width, "visual_width")
        check_heads(self.heads, self.audio_width, "audio_width")
        check_heads(self.dynamics_heads, self.audio_width, "audio_width")
        if len(self.dynamics_channels) != 6 or not all(1 <= each <= MOST_CHANNELS for each in self.dynamics_channels):
            raise ConfigError(
                f"dynamics_channels must be six numbers from 1 to {MOST_CHANNELS}, got {self.dynamics_channels}"
            )
        if self.mel_pooling == "authors-62" and self.clip_seconds != 1.0:
            raise ConfigError(f"mel_pooling authors-62 is for clips of 1 s, got clip_seconds {self.clip_seconds}")
        for pathway, streams in (("visual", self.visual_streams), ("semantic", self.audio_streams)):
            if pathway in self.pathways:
                check_streams(f"pathway {pathway!r}", streams)

    @property
    def streams(self) -> Mapping[str, int]:
        """Every stream that is used, name to width."""
        visual = self.visual_streams if "visual" in self.pathways else {}
        semantic = self.audio_streams if "semantic" in self.pathways else {}
        return {**visual, **semantic}

    @property
    def signals(self) -> Mapping[str, int]:
        """Every signal that is used, name to width."""
        return {"davihd_mel": _MEL_WIDTH} if "dynamics" in self.pathways else {}

    @property
    def has_audio(self) -> bool:
        """Whether one of the audio pathways is used."""
        return bool({"semantic", "dynamics"} & set(self.pathways))
