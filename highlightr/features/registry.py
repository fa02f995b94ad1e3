"""Every extractor and text encoder by name; naming one imports only its own module.

In: a name from a preset. Out: an extractor or encoder that is ready for any number of videos.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from highlightr.errors import ConfigError, WeightsError
from highlightr.features.base import Extractor, TextEncoder, Weights
from highlightr.features.packaged import packaged_file, verified_bytes

__all__ = [
    "EMBEDDED",
    "EXTRACTORS",
    "TEXT_ENCODERS",
    "create_extractor",
    "create_text_encoder",
    "embedded_weights_state",
    "extractor_class",
    "text_encoder_class",
]

EXTRACTORS: dict[str, str] = {
    "efficientnet_lite0": "highlightr.features.efficientnet:EfficientNetLite0",
    "logmel": "highlightr.features.logmel:LogMel",
    "motion": "highlightr.features.motion:Motion",
    "yamnet": "highlightr.features.yamnet:YamNet",
}
"""Extractor name to ``module:class``."""

TEXT_ENCODERS: dict[str, str] = {"minilm": "highlightr.features.minilm:MiniLM"}
"""Text encoder name to ``module:class``."""

EMBEDDED = ("efficientnet_lite0", "yamnet", "minilm")
"""Those whose weights come inside Python packages and need no download."""


def extractor_class(name: str) -> type[Extractor]:
    """The class of an extractor, for what it publishes: streams, weights, modality.

    Raises:
        ConfigError: an unknown name; the message lists the known ones.
    """
    found: type[Extractor] = _load(EXTRACTORS, name, "extractor")
    return found


def create_extractor(name: str, *, clip_seconds: float = 1.0, device: str = "cpu", **options: Any) -> Extractor:
    """Open an extractor.

    Args:
        name: a key of `EXTRACTORS`.
        clip_seconds: clip length of the grids it will be started on.
        device: ``cpu``, ``cuda`` or ``cuda:N``; extractors without a torch model run on the CPU whatever it says.
        options: further keywords of the class, such as ``keep_signal`` of `logmel`.

    Raises:
        ConfigError: an unknown name, option or device.
        WeightsError: weights that are absent or not as published.
    """
    opened: Extractor = _create(extractor_class(name), name, clip_seconds=clip_seconds, device=device, **options)
    return opened


def text_encoder_class(name: str) -> type[TextEncoder]:
    """The class of a text encoder.

    Raises:
        ConfigError: an unknown name; the message lists the known ones.
    """
    found: type[TextEncoder] = _load(TEXT_ENCODERS, name, "text encoder")
    return found


def create_text_encoder(name: str, *, device: str = "cpu") -> TextEncoder:
    """Open a text encoder.

    Raises:
        ConfigError: an unknown name or device.
        WeightsError: weights that are absent or not as published.
    """
    opened: TextEncoder = _create(text_encoder_class(name), name, device=device)
    return opened


def embedded_weights_state(name: str) -> tuple[str, bool]:
    """One line on the weights of a member of `EMBEDDED`, and whether they are there and as published."""
    module = import_module({**EXTRACTORS, **TEXT_ENCODERS}[name].partition(":")[0])
    weights: Weights = module.WEIGHTS
    try:
        verified_bytes(packaged_file(*module.WEIGHTS_FILE), weights)
    except WeightsError as error:
        return str(error), False
    return f"{weights.name}, SHA-256 {weights.sha256[:12]}… as published, from {weights.source}", True


def _load(table: Mapping[str, str], name: str, kind: str) -> Any:
    if name not in table:
        raise ConfigError(f"unknown {kind} {name!r}; known: {', '.join(sorted(table))}")
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)


def _create(kind: Any, name: str, **options: Any) -> Any:
    accepted = kind.__init__.__kwdefaults__ or {}
    unknown = sorted(set(options) - set(accepted))
    if unknown:
        raise ConfigError(f"{name} has no option {', '.join(unknown)}; it has: {', '.join(sorted(accepted))}")
    return kind(**options)
