"""From a preset to the models it names: extractors, text encoder and scorer, opened once for many videos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial

from highlightr.device import resolve_device
from highlightr.errors import ConfigError
from highlightr.extraction import OpenedExtractor, open_extractor, open_text_encoder
from highlightr.features import (
    Extractor,
    TextEncoder,
    Weights,
    extractor_class,
    text_encoder_class,
)
from highlightr.features.labels import LABELLED_STREAMS, label_embeddings, label_names
from highlightr.scorers import Scorer, create_scorer
from highlightr.scorers.registry import READ_LABELS
from highlightr.scorers.zeroshot_labels import LabelBank
from highlightr.selection import Detector, TransNetV2
from highlightr.timeline import Features, Query, Scores, Shot
from highlightr.zoo import Preset
from highlightr.zoo.store import weights_path

__all__ = ["Models", "load_models"]


@dataclass
class Models:
    """What a preset runs on; the text encoder is opened only if a query comes."""

    preset: Preset
    device: str
    """``cpu`` or ``cuda``."""
    opened: tuple[OpenedExtractor, ...]
    scorer: Scorer
    _open_text: Callable[[], TextEncoder]

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """The encoder of queries."""
        return self._open_text()

    @cached_property
    def _boundary_network(self) -> Extractor:
        return TransNetV2(self.device)

    def extractors(self, detector: Detector) -> tuple[Extractor, ...]:
        """What the decode pass feeds: the preset's backbones, and the boundary network where it is asked for."""
        chosen = tuple(one.extractor for one in self.opened)
        return (*chosen, self._boundary_network) if detector == "transnetv2" else chosen

    @property
    def weights(self) -> tuple[Weights, ...]:
        """Of every backbone that took part."""
        encoder = [] if self.preset.text is None else [text_encoder_class(self.preset.text).weights]
        return (*(item for one in self.opened for item in one.weights), *encoder)

    def check_query(self, query: str | None) -> None:
        """Refuse a query that cannot be used, before any work.

        Raises:
            ConfigError: an empty query, or none where the scorer needs one.
        """
        if query is not None and not query.strip():
            raise ConfigError("the query is empty; write what to look for, or leave --query out")
        if query is None and self.scorer.contract.query == "required":
            raise ConfigError(f"preset {self.preset.name} needs a query: --query 'what to look for'")

    def encode(self, query: str | None) -> Query | None:
        """Embed a query; `None` without one, or where the scorer takes none."""
        use = self.scorer.contract.query
        return None if query is None or use == "ignored" else self.text_encoder.encode(query)

    def score(self, features: Features, query: str | None, encoded: Query | None, shots: Sequence[Shot]) -> Scores:
        """Score every clip, and say so where a query was given that the scorer cannot use."""
        scores = self.scorer.score(features, encoded, shots)
        if query is not None and encoded is None:
            note = f"The query was ignored: {self.preset.scorer.name} scores without a query."
            scores = replace(scores, notes=(*scores.notes, note))
        return scores


def load_models(preset: Preset, device: str = "auto") -> Models:
    """Open what a preset names, the scorer's weights first, so that a missing file is known before any work.

    Raises:
        ConfigError: an unknown extractor, scorer, device or setting.
        WeightsError: weights that are not here or not as published.
    """
    place = resolve_device(device)
    choice = preset.scorer
    weights = None if choice.weights is None else weights_path(choice.weights)
    open_text = cache(partial(_open_text, preset, place))
    banks = _label_banks(open_text()) if choice.name in READ_LABELS else None
    scorer = create_scorer(choice.name, choice.config, weights, choice.random_seed, place, banks=banks)
    opened = tuple(_open_extractor(name, preset, place, scorer) for name in preset.extractors)
    return Models(preset, place, opened, scorer, open_text)


def _open_text(preset: Preset, device: str) -> TextEncoder:
    if preset.text is None:
        raise ConfigError(f"preset {preset.name} names no text encoder, and its scorer takes a query")
    return open_text_encoder(preset.text, device=device)


def _open_extractor(name: str, preset: Preset, device: str, scorer: Scorer) -> OpenedExtractor:
    # A spectrogram of the whole video is large; it is kept only for a scorer that reads it.
    kept = {"keep_signal": True} if set(extractor_class(name).signals) & set(scorer.contract.signals) else {}
    return open_extractor(name, clip_seconds=preset.clip_seconds, device=device, **kept)


def _label_banks(encoder: TextEncoder) -> Mapping[str, LabelBank]:
    return {stream: LabelBank(label_names(stream), label_embeddings(encoder, stream)) for stream in LABELLED_STREAMS}
