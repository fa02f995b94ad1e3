"""By what a summary was made: its scorer, what else the scores depend on, and the weights of every model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from highlightr.core.types import Features
from highlightr.features.base import Weights
from highlightr.media.change import FRAME_CHANGE, unseen_spans
from highlightr.model_loader import Models


@dataclass(frozen=True)
class Provenance:
    """By what the scores were made."""

    scorer: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What else they depend on, such as the device and the seed."""
    marks: Sequence[str] = ()
    """Warnings that must not be lost, such as ``random weights``."""
    weights: Sequence[Weights] = ()
    """Of every model that took part."""


def provenance_of(
    models: Models, query: str | None, features: Features, speech_weights: Sequence[Weights], *, has_speech: bool
) -> Provenance:
    """What `models` scored these features by; `speech_weights` are the recogniser's, if one listened."""
    choice = models.choice_for(query)
    seed, change = choice.random_seed, features.signals.get(FRAME_CHANGE)
    settings = {
        "device": models.device,
        "random_seed": seed,
        "scorer_config": dict(choice.config),
        "unseen": [] if change is None else [[round(each, 3) for each in span] for span in unseen_spans(change)],
    }
    weights = (*models.weights_for(query, speech=has_speech), *speech_weights)
    return Provenance(models.preset.scorer_name(query), settings, () if seed is None else ("random weights",), weights)
