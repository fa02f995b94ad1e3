"""What a preset runs on: its models, opened once for many videos, and what they make of features and a query.

Which scorer runs depends on whether there is a query. Every scorer that may run has its weights and settings checked
when the preset is loaded; one is opened when it is first needed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

from highlightr.core.device import Precision, check_precision, resolve_device
from highlightr.core.errors import ConfigError
from highlightr.core.extras import need
from highlightr.core.transcript import Transcript
from highlightr.core.types import Features, Query, Scores, Shot
from highlightr.features import Extractor, TextEncoder, Weights, extractor_class, text_encoder_class
from highlightr.features.base import check_query
from highlightr.features.cache import FeatureCache
from highlightr.features.lite.minilm import MiniLM
from highlightr.features.lite.speech import SPEECH
from highlightr.features.registry import options_of
from highlightr.features.utterances import utterance_vectors
from highlightr.model_loader.opening import label_bank, open_extractor, open_text_encoder, records
from highlightr.scorers import QueryUse, Scorer, ScorerContext, create_scorer, scorer_class
from highlightr.scorers.notes import NOTHING_SAID, QUERY_IGNORED, SPEECH_NOT_ENGLISH
from highlightr.scorers.registry import runnable_class
from highlightr.scorers.speech.answer import Speech, SpeechQuery, spoken_answer, understood
from highlightr.scorers.speech.fusion import fuse
from highlightr.scorers.speech.words import quoted
from highlightr.selection.options import Detector
from highlightr.zoo import Preset, ScorerChoice
from highlightr.zoo.presets import HUB_MODEL
from highlightr.zoo.store import weights_path

_KEPT_QUERIES = 256


@dataclass(eq=False)
class Models:
    """What a preset runs on; the text encoder is opened only if a query comes, a scorer only if it is to run."""

    preset: Preset
    device: str
    """``cpu`` or ``cuda``."""
    precision: Precision
    extractors: tuple[Extractor, ...]
    """Of the preset; their networks are loaded when a video needs them."""
    _scorers: dict[str, Scorer] = field(default_factory=dict)
    """Those that were opened, by their names in the preset."""
    _encoder: TextEncoder | None = None
    _opening: threading.RLock = field(default_factory=threading.RLock)
    """The encoder may be wanted by two threads at the same moment."""

    def scorer_for(self, query: str | None) -> Scorer:
        """The scorer that serves this query, or `None`; opened at the first call.

        Raises:
            WeightsError: its weights do not fit its settings.
        """
        name = self.preset.scorer_name(query)
        with self._opening:
            if name not in self._scorers:
                self._scorers[name] = self._open_scorer(self.preset.scorers[name])
            return self._scorers[name]

    def _open_scorer(self, choice: ScorerChoice) -> Scorer:
        context = ScorerContext(
            None if choice.weights is None else weights_path(choice.weights),
            choice.random_seed,
            self.device,
            self.precision,
            label_bank=lambda stream: label_bank(self.text_encoder, stream),
            logit_scale=lambda: self.text_encoder.logit_scale,
        )
        return create_scorer(choice.name, choice.config, context)

    def choice_for(self, query: str | None) -> ScorerChoice:
        """What the preset says about that scorer."""
        return self.preset.scorers[self.preset.scorer_name(query)]

    @property
    def text_encoder(self) -> TextEncoder:
        """The encoder of queries; opened at the first call."""
        preset = self.preset
        with self._opening:
            if self._encoder is None:
                if preset.text is None:
                    raise ConfigError(f"preset {preset.name} names no text encoder, and its scorer takes a query")
                model = _model_of(preset, preset.text)
                self._encoder = open_text_encoder(preset.text, device=self.device, **model)
            return self._encoder

    @cached_property
    def _speech_encoder(self) -> MiniLM:
        """Of what is said, whatever encodes the query for pictures: MiniLM compares texts with texts."""
        encoder = self.text_encoder if self.preset.text == MiniLM.name else open_text_encoder(MiniLM.name)
        assert isinstance(encoder, MiniLM)
        return encoder

    @cached_property
    def _boundary_network(self) -> Extractor:
        return open_extractor("transnetv2", clip_seconds=self.preset.clip_seconds, device=self.device)

    def extractors_for(
        self, detector: Detector, queries: Sequence[str | None] | None = None, *, scores_only: bool = False
    ) -> tuple[Extractor, ...]:
        """What the decode pass feeds: the preset's backbones, and the boundary network where it is asked for.

        Given the only queries, those that hear what neither their scores read nor, without `scores_only`, the choice of
        moments are left out. If it is wanted later, the sound alone is decoded again, which takes little time; pictures
        take long.
        """
        kept = self.extractors
        if queries is not None:
            read = {name for query in queries for name in self._read_for(query)} | (set() if scores_only else {SPEECH})
            kept = tuple(each for each in kept if each.modality != "audio" or read & {*each.streams, *each.signals})
        return (*kept, self._boundary_network) if detector == "transnetv2" else kept

    def _read_for(self, query: str | None) -> frozenset[str]:
        choice = self.choice_for(query)
        return scorer_class(choice.name).reads(choice.config, asked=query is not None)

    def weights_for(self, query: str | None, *, speech: bool = False) -> tuple[Weights, ...]:
        """Of every model that takes part: the backbones, the text encoder, that of speech, and the scorer."""
        text = self.preset.text
        encoder = (
            () if text is None else records(text_encoder_class(text).checkpoints_for(_model_of(self.preset, text)))
        )
        name = self.choice_for(query).weights
        scorer = () if name is None else records([name])
        run = self.extractors_for("cheap", [query])
        extractors = (item for each in run for item in each.origin.weights)
        said = records(MiniLM.checkpoints) if speech and query is not None else ()
        return tuple(dict.fromkeys((*extractors, *encoder, *said, *scorer)))

    def check_query(self, query: str | None) -> None:
        """Refuse a query that cannot be used, before anything is opened.

        Raises:
            ConfigError: an empty query, or none where the scorer needs one.
        """
        if query is not None:
            check_query(query)
        if query is None and self._use_of(query) == "required":
            several = len(self.preset.scorers) > 1
            scorer = f"scorer {self.preset.scorer_name(query)} of " if several else ""
            raise ConfigError(f"{scorer}preset {self.preset.name} needs a query: --query 'what to look for'")

    def _use_of(self, query: str | None) -> QueryUse:
        """What the scorer that serves this query does with it; the scorer is not opened."""
        choice = self.choice_for(query)
        return scorer_class(choice.name).contract_of(choice.config).query

    def takes_query(self, query: str | None) -> bool:
        """Whether the scorer that serves this query does anything with it."""
        return self._use_of(query) != "ignored"

    def encode(self, query: str | None) -> Query | None:
        """Embed a query; `None` without one, or where the scorer takes none."""
        return None if query is None or not self.takes_query(query) else self._encoded(query)

    @cached_property
    def _encoded(self) -> Callable[[str], Query]:
        """The embedding of a query; a folder of videos is asked the same ones."""
        return lru_cache(_KEPT_QUERIES)(lambda query: self.text_encoder.encode(query))

    def encode_all(self, queries: Iterable[str | None]) -> list[Query | None]:
        """Embed the queries to a video, then close the encoder: decoding, which takes long, goes on without it."""
        encoded = [self.encode(query) for query in queries]
        if any(each is not None for each in encoded):
            self.text_encoder.release()
        return encoded

    def listen(self, transcript: Transcript | None, cache: FeatureCache | None = None) -> Speech | None:
        """What is said and what it means; `None` where nothing is."""
        if transcript is None or not transcript.utterances:
            return None
        encoder = self._speech_encoder
        vectors = utterance_vectors(transcript.utterances, encoder, cache)
        encoder.release()
        return Speech(transcript, vectors, understood(transcript, encoder.rarities))

    def score(
        self,
        features: Features,
        query: str | None,
        encoded: Query | None,
        shots: Sequence[Shot],
        speech: Speech | None = None,
    ) -> Scores:
        """Score every clip, by what is said too, and say so where a query was given that the scorer cannot use."""
        scores, notes = self.scorer_for(query).score(features, encoded, shots), list[str]()
        if query is None:
            return scores
        if speech is not None and encoded is not None:
            encoder = self._speech_encoder
            meant = encoded if encoder is self.text_encoder else encoder.encode(query)
            said = spoken_answer(speech, SpeechQuery.of(meant, encoder.rarities))
            scores = fuse(scores, said, speech.transcript, shots)
            notes += [] if speech.understood else [SPEECH_NOT_ENGLISH]
        elif quoted(query):
            notes.append(NOTHING_SAID)
        if encoded is None:
            notes.append(QUERY_IGNORED.format(self.preset.scorer_name(query)))
        return replace(scores, notes=(*scores.notes, *notes))


def load_models(
    preset: Preset, device: str = "auto", precision: Precision = "fp32", *, with_extractors: bool = True
) -> Models:
    """Find what a preset names, scorers' weights first, so that a missing file is known before any work.

    Without extractors, where features come from files, the backbones' weights need not be here.

    Raises:
        ConfigError: an unknown extractor, text encoder, scorer, device, precision or setting; a package that is not
            installed.
        WeightsError: weights that are not here or not as published.
    """
    place = resolve_device(device)
    check_precision(precision, place)
    preset = _sized(preset)
    choices = [preset.scorers[name] for name in preset.in_use]
    names = preset.extractors if with_extractors else ()
    for name in names:
        need(f"preset {preset.name}", *extractor_class(name).packages)
    if preset.text is not None:
        text_encoder_class(preset.text)  # It is opened only if a query comes.
    for choice in choices:
        scorer = runnable_class(choice.name)
        if choice.weights is not None:
            weights_path(choice.weights)
        scorer.contract_of(choice.config).check_clips(choice.name, preset.clip_seconds)
    extractors = tuple(_open_extractor(name, preset, place, precision) for name in names)
    return Models(preset, place, precision, extractors)


def _model_of(preset: Preset, name: str) -> dict[str, Any]:
    """The keyword of an extractor or text encoder that runs the model of the preset."""
    return {"model": preset.model} if name == HUB_MODEL else {}


def _sized(preset: Preset) -> Preset:
    """The preset with scorers as wide as the model that was asked for; errors as for `hub_model`."""
    if preset.model is None:
        return preset
    need(f"model {preset.model}", *extractor_class(HUB_MODEL).packages)
    from highlightr.features.backbones.hub_clip import hub_model

    width = {"image_width": hub_model(preset.model).width}
    sized = {
        name: replace(choice, config={**choice.config, **width}) if choice.name == "cosine" else choice
        for name, choice in preset.scorers.items()
    }
    return replace(preset, scorers=sized)


def _open_extractor(name: str, preset: Preset, device: str, precision: Precision) -> Extractor:
    options = _model_of(preset, name)
    if precision != "fp32" and "precision" in options_of(extractor_class(name)):
        options["precision"] = precision
    return open_extractor(name, clip_seconds=preset.clip_seconds, device=device, **options)
