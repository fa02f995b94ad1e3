"""What the utterances of a transcript mean, kept beside the features of videos.

In: a transcript and a text encoder. Out: a unit vector per utterance. A transcript of two hours is 20,000 words, which
take seconds; vectors are kept in the feature cache under what is said, so another query takes none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from highlightr.core.transcript import Utterance
from highlightr.core.types import FloatArray, Signal
from highlightr.features.base import Extracted, TextEncoder
from highlightr.features.cache import FeatureCache

_NAME = "utterances"


def utterance_vectors(
    utterances: Sequence[Utterance], encoder: TextEncoder, cache: FeatureCache | None = None
) -> FloatArray:
    """(utterances, encoder.width) float32 unit vectors, from the cache where they are there."""
    texts = [each.spoken for each in utterances]
    about = {"utterances": hashlib.sha256("\n".join(texts).encode()).hexdigest(), "encoder": encoder.sha256}
    shape = (len(utterances), encoder.width)
    kept = None if cache is None else cache.get(about, lambda found: _values(found).shape == shape)
    if kept is not None:
        return _values(kept)
    vectors = encoder.vectors(texts)
    if cache is not None:
        starts = np.array([each.start_seconds for each in utterances], dtype=np.float64)
        cache.put(about, Extracted(signals={_NAME: Signal(starts, vectors)}))
    return vectors


def _values(kept: Extracted) -> FloatArray:
    """Rows of an entry; none where it holds something else."""
    return kept.signals[_NAME].values if _NAME in kept.signals else np.zeros((0, 0), dtype=np.float32)
