"""What CFSum can be built as: widths, modalities and the paper's ablation switches, as data.

Streams of one modality are concatenated in the order in which they are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from highlightr.core.checks import check_between, check_positive, check_subset
from highlightr.core.errors import ConfigError
from highlightr.scorers.configs import LARGEST_WIDTH, MOST_LAYERS, FromMapping, check_heads, check_streams


@dataclass(frozen=True)
class CFSumConfig(FromMapping):
    """One CFSum model. The defaults are the paper's QVHighlights model."""

    video_streams: Mapping[str, int] = field(default_factory=lambda: {"slowfast": 2304, "clip": 512})
    """Visual streams, name to width; concatenated."""
    audio_streams: Mapping[str, int] = field(default_factory=lambda: {"cnn14": 2048})
    """Audio streams, name to width; concatenated."""
    text_width: int = 512
    """Width of the query's tokens."""
    modalities: tuple[str, ...] = ("video", "audio", "text")
    """The paper's first ablation: V, V+T, V+A, V+A+T."""
    autoencoder: bool = True
    """The paper's second ablation, AE: the modal autoencoders."""
    fusion: bool = True
    """The paper's second ablation, MFM: the modal fusion module."""
    interaction: bool = True
    """The paper's second ablation, FIM: the feature interaction modules."""
    width: int = 512
    """The common width."""
    heads: int = 8
    dropout: float = 0.1
    """On attention weights and inside both kinds of MLP, while training. The paper gives none; 0.1 is usual."""
    clip_seconds: float = 2.0
    longest_clips: int = 75
    """Clips scored at once: QVHighlights videos are 150 s, 75 clips of 2 s."""
    variant: Literal["paper", "regularised"] = "paper"
    """`regularised`: residuals and LayerNorm around every block, places, and the options below."""
    output: Literal["labels", "logits"] = "labels"
    """What the network was trained to give: labels in [0, 1], clipped, or logits, which go through a sigmoid."""
    refinement_layers: int = 0
    """Regularised: attention among the clips after the interaction, layers."""
    similarity_width: int = 0
    """Regularised: width in which a linear path compares clips with the query; 0: no such path."""
    input_dropout: float = 0.0
    """Regularised: dropout on the input features, while training."""
    smoothing_seconds: float = 0.0
    """Regularised: deviation of the Gaussian by which scores are averaged over neighbouring clips; 0: they are not."""
    members: int = 1
    """Regularised: networks whose scores are averaged."""

    def __post_init__(self) -> None:
        check_subset("modalities", self.modalities, ("video", "audio", "text"))
        check_positive(self, "clip_seconds", "longest_clips")
        check_between(self, 1, LARGEST_WIDTH, "text_width", "width", "heads")
        check_between(self, 0, 0.99, "dropout", "input_dropout")
        check_heads(self.heads, self.width, "width")
        self._check_variant()
        if not set(self.modalities) & {"video", "audio"}:
            raise ConfigError("CFSum scores clips, so modalities must name video or audio beside text")
        for modality in ("video", "audio"):
            if modality in self.modalities:
                check_streams(f"modality {modality!r}", self.streams(modality))

    def _check_variant(self) -> None:
        names = ("refinement_layers", "similarity_width", "input_dropout", "smoothing_seconds")
        check_between(self, 1, MOST_LAYERS, "members")
        check_between(self, 0, MOST_LAYERS, "refinement_layers")
        check_between(self, 0, LARGEST_WIDTH, "similarity_width", "smoothing_seconds")
        if self.variant == "paper" and (self.members > 1 or any(getattr(self, name) for name in names)):
            raise ConfigError(f"{', '.join(names)} and members need variant: regularised")
        if self.variant == "regularised" and self.output == "labels":
            raise ConfigError("variant regularised gives logits: set output: logits")

    @property
    def widths(self) -> Mapping[str, int]:
        """Input width of each modality, in the order of concatenation."""
        sizes = {
            "video": sum(self.video_streams.values()),
            "audio": sum(self.audio_streams.values()),
            "text": self.text_width,
        }
        return {name: size for name, size in sizes.items() if name in self.modalities}

    def streams(self, modality: str) -> Mapping[str, int]:
        """The streams that a clip modality is made of; empty if it is not used."""
        chosen = {"video": self.video_streams, "audio": self.audio_streams}[modality]
        return chosen if modality in self.modalities else {}


@dataclass(frozen=True)
class CFSumLiteConfig(FromMapping):
    """The linear CFSum of the lite preset: widths of its weights, and the few numbers that are not weights."""

    pooled_stream: str = "efficientnet_lite0"
    """Picture features that the linear path maps to the query's space."""
    pooled_width: int = 1280
    text_width: int = 384
    """Width of the query's vector."""
    common_sentences: int = 128
    """Vectors of ordinary sentences: what resembles all of them says little about the query."""
    ordinary_clips: int = 128
    """Clips that stand for ordinary footage: what answers a query lies above what the query gets there."""
    ordinary_share: float = 0.95
    """Quantile of ordinary clips that is the query's usual level, in [0, 1]."""
    border_units: int = 32
    """Hidden units that tell a scene's border."""
    gain: float = 4.0
    """Weight of the linear path's cosine beside the log evidence of class names."""
    common_share: float = 0.6
    """How much of what ordinary sentences would get is taken off, in [0, 1]."""
    common_temperature: float = 2.0
    """Above 1 the nearest of the ordinary sentences count most."""
    sharpness: float = 1.5
    """Exponent on the evidence before it is averaged over a scene: above 1 its best clips count most."""
    scene_strength: float = 1.5
    """How firmly attention stops at a scene's border; 0 averages the whole video, as far as it reaches."""
    visual_reach_seconds: float = 20.0
    """Inside a scene, how far away what is seen counts e times less: in a long take, the rest of it is no evidence."""
    audio_reach_seconds: float = 4.0
    """The same for what is heard: a bark is over sooner than what is seen."""
    audio_share: float = 0.25
    """Weight of what is heard beside what is seen, where there is sound, in [0, 1]."""
    slope: float = 1.0
    """Score = sigmoid(slope * log evidence + offset), fitted on held-out videos."""
    offset: float = 0.0
    match_slope: float = 1.0
    """Chance that the video answers the query = sigmoid(match_slope * best log evidence + match_offset), likewise."""
    match_offset: float = 0.0
    match_scenes: float = 0.0
    """Taken off before that sigmoid, times log(scenes / 8): the best of many scenes lies higher by chance alone."""
    match_heard: float = 0.0
    """Added before that sigmoid where the sound that the query names is heard in the best clip, taken off where not."""
    none_below: float = 0.0
    """Chance below which the query counts as not in the video."""
    strong_from: float = 0.5
    """Chance from which it counts as in the video; between the two it may be."""
    clip_seconds: float = 1.0

    def __post_init__(self) -> None:
        check_positive(self, "pooled_width", "text_width", "common_sentences", "border_units", "gain", "clip_seconds")
        check_positive(self, "common_temperature", "sharpness", "slope", "match_slope", "ordinary_clips")
        check_positive(self, "visual_reach_seconds", "audio_reach_seconds")
        check_between(self, 0, 1, "common_share", "audio_share", "none_below", "strong_from", "ordinary_share")
        check_between(self, 0, 1000, "scene_strength", "match_scenes", "match_heard")
        check_between(self, -1000, 1000, "offset", "match_offset")
