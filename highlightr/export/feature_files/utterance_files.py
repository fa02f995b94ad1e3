"""What is said, as a signal beside the features: one row per utterance, with its times and its words.

In: a transcript and a text encoder. Out: arrays ``values`` (utterances, width) float32 unit vectors, ``times_seconds``
and ``stops_seconds`` (utterances,) float64, and ``texts``, UTF-8 bytes of one line per utterance; and their metadata.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from highlightr.core.transcript import Transcript
from highlightr.export.feature_files.layouts import SCHEMA_VERSION, Arrays, versions
from highlightr.features import TextEncoder
from highlightr.features.lite.minilm import MiniLM
from highlightr.features.utterances import utterance_vectors
from highlightr.model_loader import records
from highlightr.transcripts import SpeechSource

UTTERANCES = "utterances"
"""Name of the signal."""


def utterance_arrays(transcript: Transcript, encoder: TextEncoder) -> Arrays:
    """What is written."""
    said = transcript.utterances
    return {
        "values": utterance_vectors(said, encoder),
        "times_seconds": np.array([each.start_seconds for each in said], dtype=np.float64),
        "stops_seconds": np.array([each.stop_seconds for each in said], dtype=np.float64),
        "texts": np.frombuffer(_lines(transcript), dtype=np.uint8),
    }


def utterance_metadata(video: Mapping[str, Any], duration_seconds: float, speech: SpeechSource) -> dict[str, Any]:
    """How it is made: of a transcript that is there, or by a recogniser."""
    made_of: dict[str, Any] = {"transcribe": speech.model}
    if speech.transcript is not None:
        times = repr([(each.start_seconds, each.stop_seconds) for each in speech.transcript.utterances])
        made_of = {"transcript": hashlib.sha256(_lines(speech.transcript) + times.encode()).hexdigest()}
    return {
        "schema": SCHEMA_VERSION,
        "video": dict(video),
        "extractor": MiniLM.name,
        "stream": UTTERANCES,
        "kind": "signal",
        "width": MiniLM.width,
        "modality": "speech",
        "duration_seconds": duration_seconds,
        "options": made_of,
        "weights": [asdict(each) for each in (*records(MiniLM.checkpoints), *speech.weights)],
        "random_seed": None,
        "versions": versions(),
    }


def _lines(transcript: Transcript) -> bytes:
    return "\n".join(" ".join(each.text.split()) for each in transcript.utterances).encode("utf-8", "replace")
