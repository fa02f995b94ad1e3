"""What the class streams' columns are called, and where the classes lie in the sentence space.

In: a class stream's name, `imagenet` (1000 columns) or `yamnet` (521), and a text encoder. Out: readable names in
column order, and one unit vector per class: the middle of the ways in which it is put into words. MiniLM's vectors come
with the package, because making them takes seconds (`python -m research.label_vectors` writes them); any other
encoder's are made once and kept in `home_folder()`.
"""

from __future__ import annotations

import csv
import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np

from highlightr.core.errors import ConfigError, OutputError, WeightsError
from highlightr.core.folders import home_folder, model_files
from highlightr.core.numeric import unit_rows
from highlightr.core.sealed import read_sealed, write_sealed
from highlightr.core.tensors import read_metadata, read_tensor
from highlightr.core.types import FloatArray
from highlightr.features.base import TextEncoder

logger = logging.getLogger(__name__)

LABELLED_STREAMS: Mapping[str, tuple[str, str]] = {
    "imagenet": ("imagenet.csv", "lemma"),
    "yamnet": ("audioset.csv", "display_name"),
}
"""Stream whose columns are classes to the table and column of their names: the 1000 classes of ILSVRC 2012 in their
usual order, by their WordNet lemmas; the 521 classes of AudioSet that YAMNet scores."""

SHIPPED = Path(__file__).with_name("label_vectors.safetensors")


@cache
def label_names(stream: str) -> tuple[str, ...]:
    """Names of a class stream's columns, synonyms parted by commas; a `ConfigError` where they have none."""
    if stream not in LABELLED_STREAMS:
        raise ConfigError(f"stream {stream!r} has no class names; those that have: {', '.join(LABELLED_STREAMS)}")
    return _column(*LABELLED_STREAMS[stream])


@cache
def label_texts(stream: str) -> tuple[tuple[str, ...], ...]:
    """The wordings of every class, as many tuples as there are wordings, each in column order.

    An ImageNet class is worded twice: as the caption of a photo, and by its first name with WordNet's definition. Bare
    names leave out what a sentence about the thing would say (benchmarks/captioned_retrieval.py compares).

    Raises:
        ConfigError: a stream whose columns have no names.
    """
    names = label_names(stream)
    if stream != "imagenet":
        return (names,)
    firsts = [name.split(",")[0].strip() for name in names]
    captions = tuple(f"a photo of a {first}" for first in firsts)
    return captions, tuple(
        f"{first}: {text}" for first, text in zip(firsts, _column("imagenet.csv", "definition"), strict=True)
    )


def label_embeddings(encoder: TextEncoder, stream: str) -> FloatArray:
    """(classes, encoder.width) float32 unit vectors of a class stream's columns; errors as for `label_names`."""
    key = vectors_key(encoder, stream)
    shipped = _shipped(stream, key)
    if shipped is not None:
        return shipped
    shape = (len(label_names(stream)), encoder.width)
    return kept_vectors(f"{stream}-{encoder.name}-{key[:12]}", shape, lambda: embed(encoder, stream))


def kept_vectors(name: str, shape: tuple[int, int], make: Callable[[], FloatArray]) -> FloatArray:
    """Vectors of this shape, float32, made once and kept in `home_folder()` under a name that tells of what."""
    path = home_folder() / "labels" / f"{name}.sealed"
    kept = read_sealed(path)
    if kept is not None and len(kept) == 4 * shape[0] * shape[1]:
        return np.frombuffer(kept, dtype="<f4").reshape(shape).astype(np.float32)
    logger.info("Embedding the names of classes (%s), once", name)
    vectors = make()
    try:
        write_sealed(path, vectors.astype("<f4").tobytes())
    except OutputError as error:
        logger.info("the embedded names cannot be kept for next time: %s", error)
    return vectors


def embed(encoder: TextEncoder, stream: str) -> FloatArray:
    """(classes, encoder.width) float32 unit vectors, made anew: the middle of each class's wordings."""
    return unit_rows(np.mean([encoder.vectors(texts) for texts in label_texts(stream)], axis=0))


def vectors_key(encoder: TextEncoder, stream: str) -> str:
    """Changes with the encoder's weights and with any wording."""
    texts = (text for wording in label_texts(stream) for text in wording)
    return hashlib.sha256("\n".join((encoder.sha256, *texts)).encode()).hexdigest()


def _shipped(stream: str, key: str) -> FloatArray | None:
    """The vectors that came with the package, or `None` if they are absent, damaged or of other weights or names."""
    try:
        if read_metadata(SHIPPED).get(stream) != key:
            return None
        return unit_rows(read_tensor(SHIPPED, stream).astype(np.float32))
    except WeightsError as error:
        logger.debug("the vectors that came with the package cannot be read: %s", error)
        return None


def _column(table: str, column: str) -> tuple[str, ...]:
    """A column of a table of classes, in the order of the stream's columns."""
    text = (model_files() / "classes" / table).read_text(encoding="utf-8")
    return tuple(row[column] for row in csv.DictReader(text.splitlines()))
