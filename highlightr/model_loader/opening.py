"""Models by name, with their weights from the store: extractors, text encoders, the recogniser of speech.

In: a name of the registry. Out: the model, its weights checked; and what receipts say about weights.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from highlightr.core.extras import need
from highlightr.core.hashing import file_sha256
from highlightr.features import (
    Extractor,
    TextEncoder,
    Weights,
    create_extractor,
    create_text_encoder,
    extractor_class,
    text_encoder_class,
)
from highlightr.features.base import ExtractorOrigin
from highlightr.features.labels import label_embeddings, label_names
from highlightr.features.whisper import Whisper
from highlightr.scorers.label_bank import LabelBank
from highlightr.zoo.hub import hub_entry, is_on_hub
from highlightr.zoo.manifest import entry
from highlightr.zoo.presets import OWN_WEIGHTS
from highlightr.zoo.records import read_install_record
from highlightr.zoo.speech_models import speech_model
from highlightr.zoo.store import weights_path


def label_bank(encoder: TextEncoder, stream: str) -> LabelBank:
    """The classes of a stream in the encoder's space."""
    return LabelBank(label_names(stream), label_embeddings(encoder, stream))


def open_extractor(
    name: str, *, clip_seconds: float, device: str = "cpu", random_seed: int | None = None, **options: Any
) -> Extractor:
    """An extractor with its weights from the store, or at random; its networks are loaded when they are needed.

    Args:
        random_seed: run those whose weights are fetched on random weights; the others run on theirs all the same.
        options: further keywords of the class.

    Raises:
        ConfigError: an unknown name, or a package that is not installed.
        WeightsError: weights that are missing, with the command that gets them.
    """
    found = extractor_class(name)
    need(name, *found.packages)
    checkpoints = found.checkpoints_for(options)
    given = _weights(checkpoints, random_seed)
    made = create_extractor(name, clip_seconds=clip_seconds, device=device, load=False, **given, **options)
    if "random_seed" not in given:
        made.origin = replace(made.origin, weights=records(checkpoints))
    return made


def open_recogniser(model: str, *, device: str = "cpu") -> Whisper:
    """The recogniser of speech, its model, a name of `highlightr.zoo.speech_models` or a folder, fetched if need be.

    Raises:
        ConfigError: an unknown model, or faster-whisper is not installed.
        WeightsError: the model cannot be fetched, or is damaged.
    """
    found = speech_model(model)
    made = Whisper(found.folder, weights={each: weights_path(each) for each in Whisper.checkpoints}, device=device)
    versions = {package: version(package) for package in ("faster-whisper", "ctranslate2")}
    weights = Weights(f"faster-whisper {found.name}", found.sha256, "MIT, as its page says", found.source)
    made.origin = ExtractorOrigin(versions, (weights, *records(Whisper.checkpoints)), device=device)
    return made


def open_text_encoder(name: str, *, device: str = "cpu", random_seed: int | None = None, **options: Any) -> TextEncoder:
    """Open a text encoder; arguments and errors as for `open_extractor`."""
    found = text_encoder_class(name)
    need(f"text encoder {name}", *found.packages)
    given = _weights(found.checkpoints_for(options), random_seed)
    return create_text_encoder(name, device=device, **given, **options)


def _weights(checkpoints: Collection[str], random_seed: int | None) -> dict[str, Any]:
    """Keywords for a class: the checked file of each checkpoint, or the seed where they would have to be fetched."""
    if not checkpoints:
        return {}
    if random_seed is not None and not all(not is_on_hub(each) and entry(each).embedded for each in checkpoints):
        return {"random_seed": random_seed}
    return {"weights": {each: weights_path(each) for each in checkpoints}}


def records(checkpoints: Iterable[str]) -> tuple[Weights, ...]:
    """What receipts say about these weights; of fetched ones, the hash of the file as it was published."""
    made = []
    for name in checkpoints:
        if name.endswith(OWN_WEIGHTS):
            made.append(Weights(Path(name).stem, file_sha256(Path(name)), "the user's own", name))
            continue
        item, receipt = (hub_entry(name), None) if is_on_hub(name) else (entry(name), read_install_record(name))
        digest = receipt.source_sha256 if receipt else item.sha256 or file_sha256(weights_path(name))
        made.append(Weights(name, digest, item.licence, item.where))
    return tuple(made)
