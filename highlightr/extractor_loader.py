"""From names to extractors and text encoders, with the weights that each needs out of the store.

In: a name, a clip length, a device, and a seed where random weights are wanted on purpose. Out: the model, and a
record of which weights it runs on, for metadata and receipts. Missing weights are known at once; the network itself is
opened when it is first needed, which is never where its features are cached.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import partial
from typing import Any

from highlightr.features import (
    Extractor,
    TextEncoder,
    Weights,
    create_extractor,
    create_text_encoder,
    extractor_class,
    text_encoder_class,
)
from highlightr.features.opened import OpenedExtractor
from highlightr.zoo import weights_path
from highlightr.zoo.manifest import entry
from highlightr.zoo.records import read_receipt

__all__ = ["open_extractor", "open_text_encoder", "takes"]


def open_extractor(
    name: str, *, clip_seconds: float, device: str = "cpu", random_seed: int | None = None, **options: Any
) -> OpenedExtractor:
    """Find an extractor and its weights from the store, or at random; the network is opened on first use.

    Args:
        name: a key of `EXTRACTORS`.
        clip_seconds: clip length of the grids it will be started on.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        random_seed: run those whose weights are fetched on random weights; the others run on theirs all the same.
        options: further keywords of the class.

    Raises:
        ConfigError: an unknown name.
        WeightsError: weights that are missing, with the command that gets them.
    """
    found = extractor_class(name)
    given, random = _weights(found.checkpoints, random_seed)
    create = partial(create_extractor, name, clip_seconds=clip_seconds, device=device, **given, **options)
    return OpenedExtractor(
        found, options, _records(found, () if random is not None else found.checkpoints), random, create
    )


def takes(kind: type[Extractor], option: str) -> bool:
    """Whether an extractor's class knows this keyword, such as ``precision``."""
    return option in inspect.signature(kind).parameters


def open_text_encoder(name: str, *, device: str = "cpu", random_seed: int | None = None) -> TextEncoder:
    """Open a text encoder; arguments and errors as for `open_extractor`."""
    given, _ = _weights(text_encoder_class(name).checkpoints, random_seed)
    return create_text_encoder(name, device=device, **given)


def _weights(checkpoints: Iterable[str], random_seed: int | None) -> tuple[dict[str, Any], int | None]:
    """Keywords for a class that fetches its weights, and the seed if they are random."""
    names = tuple(checkpoints)
    if not names:
        return {}, None
    if random_seed is not None:
        return {"random_seed": random_seed}, random_seed
    return {"weights": {each: weights_path(each) for each in names}}, None


def _records(extractor: type[Extractor], checkpoints: Iterable[str]) -> tuple[Weights, ...]:
    records = [] if extractor.weights is None else [extractor.weights]
    for name in checkpoints:
        item, receipt = entry(name), read_receipt(name)
        digest = receipt.source_sha256 if receipt else item.sha256
        records.append(Weights(name, digest, item.licence, item.where))
    return tuple(records)
