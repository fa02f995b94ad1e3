"""What the two published scorers can be built as: widths, modalities and the papers' ablation switches, as data.

In: a mapping such as a preset's `scorer.config`. Out: frozen dataclasses that are valid, or a `ConfigError`. No
torch here, so a contract can be read without loading a model. Streams of one modality are concatenated in the
order in which they are named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, Self

from highlightr.core.config import from_plain
from highlightr.core.errors import ConfigError

MelPooling = Literal["grid", "authors-62"]

_MEL_WIDTH = 128


class FromMapping:
    """Build a frozen dataclass from the plain types of a YAML file, refusing what it does not know."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Return the configuration that a preset's mapping describes.

        Raises:
            ConfigError: an unknown key, or a value that the configuration refuses.
        """
        return from_plain(cls, values, cls.__name__)

    def to_mapping(self) -> dict[str, Any]:
        """The configuration as the plain types of a YAML or JSON file; `from_mapping` reads it back."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]
        return {name: _plain(value) for name, value in values.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        # The read-only mappings inside cannot be pickled, and a network is copied with its configuration.
        return type(self).from_mapping, (self.to_mapping(),)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _freeze(config: object, *names: str) -> None:
    for name in names:
        object.__setattr__(config, name, MappingProxyType(dict(getattr(config, name))))


def _choose(name: str, values: tuple[str, ...], known: tuple[str, ...]) -> None:
    if not values or len(set(values)) != len(values) or not set(values) <= set(known):
        raise ConfigError(f"{name} must be one or more of {', '.join(known)}, each once, got {list(values)!r}")


def _positive(config: object, *names: str) -> None:
    for name in names:
        if not getattr(config, name) > 0:
            raise ConfigError(f"{name} must be greater than zero, got {getattr(config, name)!r}")


def _divides(heads: int, width: int, what: str) -> None:
    if width % heads or width % 2:
        raise ConfigError(f"{what} must be even and a multiple of its {heads} attention heads, got {width}")


@dataclass(frozen=True)
class CFSumConfig(FromMapping):
    """One CFSum model. The defaults are the paper's QVHighlights model.

    Raises:
        ConfigError: a modality without streams, a width that the heads do not divide, a value out of range.
    """

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
        _freeze(self, "video_streams", "audio_streams")
        _choose("modalities", self.modalities, ("video", "audio", "text"))
        _positive(self, "text_width", "width", "heads", "clip_seconds", "longest_clips")
        _divides(self.heads, self.width, "width")
        _choose("variant", (self.variant,), ("paper", "regularised"))
        _choose("output", (self.output,), ("labels", "logits"))
        self._check_variant()
        if not set(self.modalities) & {"video", "audio"}:
            raise ConfigError("CFSum scores clips, so modalities must name video or audio beside text")
        for modality in ("video", "audio"):
            if modality in self.modalities and not self.widths[modality] > 0:
                raise ConfigError(f"modality {modality!r} is used, so {modality}_streams must name a stream")

    def _check_variant(self) -> None:
        _positive(self, "members")
        names = ("refinement_layers", "similarity_width", "input_dropout", "smoothing_seconds")
        for name in names:
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must not be negative, got {getattr(self, name)!r}")
        if self.input_dropout >= 1:
            raise ConfigError(f"input_dropout must be below 1, got {self.input_dropout!r}")
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
    """The linear CFSum of the lite preset: widths of its weights, and the few numbers that are not weights.

    Raises:
        ConfigError: a size that is not positive, a share outside [0, 1].
    """

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
    """How firmly attention stops at a scene's border; 0 averages the whole video."""
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
    none_below: float = 0.0
    """Chance below which the query counts as not in the video."""
    strong_from: float = 0.5
    """Chance from which it counts as in the video; between the two it may be."""
    clip_seconds: float = 1.0

    def __post_init__(self) -> None:
        _positive(self, "pooled_width", "text_width", "common_sentences", "border_units", "gain", "clip_seconds")
        _positive(self, "common_temperature", "sharpness", "slope", "match_slope", "ordinary_clips")
        for name in ("common_share", "audio_share", "none_below", "strong_from", "ordinary_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must lie in [0, 1], got {getattr(self, name)!r}")
        for name in ("scene_strength", "match_scenes"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must not be negative, got {getattr(self, name)!r}")


@dataclass(frozen=True)
class DAViHDConfig(FromMapping):
    """One DAViHD model. The defaults are the paper's TVSum model.

    Raises:
        ConfigError: an unknown pathway, a width that the heads do not divide, a value out of range.
    """

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
    `authors`: everything again, as their solver does (`highlightr.scorers.davihd.initialisation`)."""
    mel_pooling: MelPooling = "grid"
    """`grid`: each clip averages the log-mel rows within its own time. `authors-62`: 62 rows a clip as in the
    authors' code, 0.992 s, which drifts 28.8 s in an hour; only for running their weights."""
    clip_seconds: float = 1.0
    longest_clips: int = 1024
    """Clips scored at once: more than the longest TVSum video has."""

    def __post_init__(self) -> None:
        _freeze(self, "visual_streams", "audio_streams")
        _choose("pathways", self.pathways, ("visual", "semantic", "dynamics"))
        _choose("self_attention", (self.self_attention,), ("early", "late"))
        _choose("fusion", (self.fusion,), ("multiply", "concatenate"))
        _choose("mel_pooling", (self.mel_pooling,), ("grid", "authors-62"))
        _positive(self, "hidden_width", "heads", "dynamics_heads", "dynamics_layers", "kernels", "temperature")
        _positive(self, "visual_width", "audio_width", "clip_seconds", "longest_clips")
        _divides(self.heads, self.visual_width, "visual_width")
        _divides(self.heads, self.audio_width, "audio_width")
        _divides(self.dynamics_heads, self.audio_width, "audio_width")
        if len(self.dynamics_channels) != 6 or min(self.dynamics_channels) < 1:
            raise ConfigError(f"dynamics_channels must be six positive numbers, got {self.dynamics_channels}")
        if self.mel_pooling == "authors-62" and self.clip_seconds != 1.0:
            raise ConfigError(f"mel_pooling authors-62 is for clips of 1 s, got clip_seconds {self.clip_seconds}")
        for pathway, streams in (("visual", self.visual_streams), ("semantic", self.audio_streams)):
            if pathway in self.pathways and not sum(streams.values()) > 0:
                raise ConfigError(f"pathway {pathway!r} is used, so its streams must be named")

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
