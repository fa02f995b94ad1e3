"""Where features lie on disk, how an array becomes a file, and what is written beside it: how it was made.

Four layouts: ``npz`` (Moment-DETR and QVHighlights: a folder per feature, ``VIDEO.npz`` with ``features``), ``npy``
(UMT: ``video/VIDEO_rgb.npy``, ``video/VIDEO_opt.npy``, ``audio/VIDEO.npy``), ``h5`` (Mr.HiSum: a file per feature, a
group per video with ``features``) and ``safetensors``. Signals keep their times: ``values`` and ``times_seconds``.
What is said is a signal of one row per utterance, unit vectors, that has ``stops_seconds`` too, and ``texts``, UTF-8
bytes of one line per utterance.

Metadata are plain JSON types. `same` compares what decides the numbers (video, extractor, options, weights, clip
length), so that a file can be trusted and skipped; versions are on record but do not make a file stale.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from highlightr.core.config import read_json_or_none
from highlightr.core.extras import versions_of
from highlightr.core.hashing import content_hash
from highlightr.core.source import Source
from highlightr.core.transcript import Transcript
from highlightr.core.types import TimeGrid
from highlightr.features import TextEncoder
from highlightr.features.base import Extractor
from highlightr.features.lite.minilm import MiniLM
from highlightr.features.utterances import utterance_vectors
from highlightr.model_loader import records
from highlightr.transcripts import SpeechSource

Arrays = Mapping[str, npt.NDArray[np.generic]]

FileFormat = Literal["npz", "npy", "h5", "safetensors"]
FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)

_NPZ_FOLDERS = {"cnn14": "pann_features"}
"""Where QVHighlights' releases do not name the folder after the stream."""

_UMT = {"i3d_rgb": "video/{video}_rgb", "i3d_flow": "video/{video}_opt", "cnn14": "audio/{video}"}
"""UMT's names; its visual feature is the two files side by side, RGB first."""

SCHEMA_VERSION = 1

RANDOM_NOTE = "random weights: the numbers mean nothing"

_LIBRARIES = "numpy av torch torchvision open_clip_torch pytorchvideo panns-inference onnxruntime openvino"
"""With which the numbers are made."""

_DECIDING = ("schema", "video", "extractor", "stream", "kind", "options", "clip_seconds", "weights", "random_seed")


def data_path(out: Path, kind: str, stream: str, video: str, *, signal: bool = False) -> Path:
    """The file of one stream of one video, in one of `FORMATS`.

    A signal has two arrays, so it is ``npz`` where ``npy`` was asked for.
    """
    if kind == "h5":
        return out / f"{stream}.h5"
    if signal:
        return out / stream / f"{video}{'.safetensors' if kind == 'safetensors' else '.npz'}"
    if kind == "npy":
        return out / f"{_UMT.get(stream, stream + '/{video}').replace('{video}', video)}.npy"
    folder = _NPZ_FOLDERS.get(stream, f"{stream}_features") if kind == "npz" else stream
    return out / folder / f"{video}.{kind}"


def metadata_path(path: Path) -> Path:
    """The JSON that lies beside a data file: ``x.npz.json`` for ``x.npz``."""
    return path.with_name(f"{path.name}.json")


def array_bytes(path: Path, arrays: Arrays) -> bytes:
    """Arrays as the content of an ``npz``, ``npy`` or ``safetensors`` file, by the suffix of `path`."""
    if path.suffix == ".safetensors":
        from safetensors.numpy import save

        content: bytes = save({name: np.ascontiguousarray(values) for name, values in arrays.items()})
        return content
    buffer = io.BytesIO()
    if path.suffix == ".npy":
        (values,) = arrays.values()
        np.save(buffer, values, allow_pickle=False)
    else:
        np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def describe_video(source: Source) -> dict[str, Any]:
    """Which video this is, whatever folder it lies in; a `MediaError` where it cannot be read."""
    kind, digest = content_hash(source.path, source.identity)
    return {
        "name": source.path.name.encode("utf-8", "replace").decode("utf-8"),
        "size_bytes": source.size_bytes,
        "duration_seconds": source.duration_seconds,
        "hash_kind": kind,
        "hash": digest,
    }


def stream_metadata(video: Mapping[str, Any], grid: TimeGrid, extractor: Extractor, stream: str) -> dict[str, Any]:
    """Everything about one stream or signal of one video but the file it lies in."""
    made_by = extractor.origin
    made: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "video": dict(video),
        "extractor": extractor.name,
        "stream": stream,
        "kind": "stream" if stream in extractor.streams else "signal",
        "width": {**extractor.streams, **extractor.signals}[stream],
        "modality": extractor.modality,
        "clip_seconds": grid.clip_seconds,
        "num_clips": grid.num_clips,
        "duration_seconds": grid.duration_seconds,
        "options": {name: value for name, value in made_by.options.items() if name != "keep_signal"},
        "sampling": repr(extractor.request),
        "protocol": inspect.getdoc(type(extractor)) or "",
        "weights": [asdict(record) for record in made_by.weights],
        "random_seed": made_by.random_seed,
        "device": made_by.device,
        "versions": versions_of(*_LIBRARIES.split()),
    }
    if made_by.random_seed is not None:
        made["note"] = RANDOM_NOTE
    return made


def same(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Whether a file with this metadata holds what is wanted."""
    written = json.loads(json.dumps({key: wanted.get(key) for key in _DECIDING}))
    return all(written[key] == found.get(key) for key in _DECIDING)


def read_metadata(path: Path) -> dict[str, Any]:
    """Metadata from a file; empty if there is none or it is damaged, which only means that work is done again."""
    return read_json_or_none(path, dict[str, Any]) or {}


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
        "versions": versions_of(*_LIBRARIES.split()),
    }


def _lines(transcript: Transcript) -> bytes:
    return "\n".join(" ".join(each.text.split()) for each in transcript.utterances).encode("utf-8", "replace")
