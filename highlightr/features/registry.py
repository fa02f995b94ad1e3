"""Every extractor and text encoder by name; naming one imports only its own module.

In: a name from a preset. Out: an extractor or encoder that is ready for any number of videos.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from highlightr.core.errors import ConfigError
from highlightr.core.extras import need
from highlightr.features.base import Extractor, ExtractorOrigin, TextEncoder

EXTRACTORS: dict[str, str] = {
    "clip": "highlightr.features.backbones.clip:Clip",
    "clip-classes": "highlightr.features.backbones.clip_text:ClipClasses",
    "clip-laion": "highlightr.features.backbones.clip:ClipLaion",
    "cnn14": "highlightr.features.backbones.cnn14:Cnn14",
    "cnn14-16k": "highlightr.features.backbones.cnn14:Cnn14At16k",
    "davihd-mel": "highlightr.features.backbones.davihd:DAViHDMel",
    "efficientnet_lite0": "highlightr.features.lite.efficientnet:EfficientNetLite0",
    "i3d": "highlightr.features.backbones.i3d:I3D",
    "i3d-flow": "highlightr.features.backbones.i3d:I3DFlow",
    "i3d-r50": "highlightr.features.backbones.kinetics:I3DR50",
    "i3d-rgb": "highlightr.features.backbones.i3d:I3DRgb",
    "i3d-rgb-piergiaj": "highlightr.features.backbones.i3d:I3DRgbPiergiaj",
    "inception-imagenet": "highlightr.features.backbones.inception:InceptionImageNet",
    "inception-yt8m": "highlightr.features.backbones.inception:InceptionYT8M",
    "logmel": "highlightr.features.lite.logmel:LogMel",
    "motion": "highlightr.features.lite.motion:Motion",
    "open-clip": "highlightr.features.backbones.hub_clip:HubClip",
    "r3d34": "highlightr.features.backbones.kinetics:R3D34",
    "r3d34-davihd": "highlightr.features.backbones.davihd:R3D34DAViHD",
    "r3d34-kinetics700": "highlightr.features.backbones.kinetics:R3D34Kinetics700",
    "silero-vad": "highlightr.features.lite.speech:SileroVad",
    "slowfast": "highlightr.features.backbones.kinetics:SlowFast",
    "transnetv2": "highlightr.features.backbones.transnetv2:TransNetV2",
    "yamnet": "highlightr.features.lite.yamnet:YamNet",
}
"""Extractor name to ``module:class``."""

TEXT_ENCODERS: dict[str, str] = {
    "clip": "highlightr.features.backbones.clip_text:ClipText",
    "clip-laion": "highlightr.features.backbones.clip_text:ClipTextLaion",
    "clip-prompted": "highlightr.features.backbones.clip_text:ClipTextPrompted",
    "open-clip": "highlightr.features.backbones.hub_clip:HubText",
    "minilm": "highlightr.features.lite.minilm:MiniLM",
}
"""Text encoder name to ``module:class``."""


def extractor_class(name: str) -> type[Extractor]:
    """The class of an extractor, for its streams and weights; a `ConfigError` lists the known names."""
    return _load(EXTRACTORS, name, "extractor")


def create_extractor(
    name: str, *, clip_seconds: float = 1.0, device: str = "cpu", load: bool = True, **options: Any
) -> Extractor:
    """Make an extractor, one of `EXTRACTORS`; `clip_seconds` and `device` as for the class.

    Args:
        load: open its networks now; `Extractor.load` does it later.
        options: further keywords of the class, such as ``keep_signal`` of `logmel`, or ``weights``: the checked file of
            each of its checkpoints (`highlightr.model_loader` finds them).

    Raises:
        ConfigError: an unknown name, option or device; a package that is not installed.
        WeightsError: as for `Extractor.load`.
    """
    made: Extractor = _create(extractor_class(name), name, clip_seconds=clip_seconds, device=device, **options)
    chosen = {key: value for key, value in options.items() if key not in ("weights", "random_seed")}
    made.origin = ExtractorOrigin(chosen, random_seed=options.get("random_seed"), device=device)
    if load:
        made.load()
    return made


def text_encoder_class(name: str) -> type[TextEncoder]:
    """The class of a text encoder; a `ConfigError` lists the known names."""
    return _load(TEXT_ENCODERS, name, "text encoder")


def create_text_encoder(name: str, *, device: str = "cpu", **options: Any) -> TextEncoder:
    """Open a text encoder, one of `TEXT_ENCODERS`; arguments and errors as for `create_extractor`."""
    return _create(text_encoder_class(name), name, device=device, **options)


def _load(table: Mapping[str, str], name: str, kind: str) -> Any:
    if name not in table:
        raise ConfigError(f"unknown {kind} {name!r}; known: {', '.join(sorted(table))}")
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)


def options_of(kind: type) -> set[str]:
    """Keywords of a class, with those of its bases that it hands on."""
    found: set[str] = set()
    for each in kind.__mro__:
        if "__init__" in vars(each):
            parameters = inspect.signature(vars(each)["__init__"]).parameters.values()
            found |= {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}
            if not any(one.kind is one.VAR_KEYWORD for one in parameters):
                break
    return found


def _create(kind: Any, name: str, **options: Any) -> Any:
    need(name, *kind.packages)
    accepted = options_of(kind)
    unknown = sorted(set(options) - accepted)
    if unknown:
        raise ConfigError(f"{name} has no option {', '.join(unknown)}; it has: {', '.join(sorted(accepted))}")
    return kind(**options)
