"""What the lite extractors find in single clips, kept on disk so that every later step starts from arrays.

In: a folder of short videos with `captions.csv` (file, caption). Out: one `Take` per video, in the order of the table:
its features on the grid of `CLIP_SECONDS`, its shots and its sentence. Files are keyed by name, size and the weights
that made them; they hold nothing but the extractors' output.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.stitching import read_captions
from highlightr.core.errors import ConfigError
from highlightr.core.files import whole_file
from highlightr.core.types import Features, Shot, Signal, TimeGrid
from highlightr.features import Extractor, extract, extractor_class
from highlightr.media import probe
from highlightr.media.change import FRAME_CHANGE
from highlightr.model_loader import open_extractor
from highlightr.selection import detect_shots
from highlightr.zoo.manifest import entry

CLIP_SECONDS = 1.0
"""Grid of the lite preset."""

EXTRACTORS = ("efficientnet_lite0", "yamnet", "logmel", "motion")
"""Extractors of the lite preset."""


@dataclass(frozen=True)
class Take:
    """One short video, as the lite preset sees it."""

    name: str
    """File name."""
    caption: str
    features: Features
    shots: tuple[Shot, ...]


def read_takes(folder: Path, kept: Path) -> list[Take]:
    """Analyse every video of the table, or take what an earlier run kept.

    Args:
        folder: videos and `captions.csv`.
        kept: a folder for the results; made if it is not there.

    Raises:
        ConfigError: no table, or one without the columns.
        MediaError: a video that cannot be read.
    """
    kept.mkdir(parents=True, exist_ok=True)
    extractors: list[Extractor] = []
    takes = []
    for clip in read_captions(folder):
        file = kept / f"{_key(clip.path)}.npz"
        if not file.exists():
            extractors = extractors or open_extractors()
            write_analysis(file, *analyse(clip.path, extractors))
        takes.append(Take(clip.path.name, clip.caption, *read_analysis(file)))
    return takes


def open_extractors() -> list[Extractor]:
    """The lite preset's extractors; the spectrogram is kept."""
    kept: dict[str, dict[str, Any]] = {"logmel": {"keep_signal": True}}
    return [open_extractor(name, clip_seconds=CLIP_SECONDS, **kept.get(name, {})) for name in EXTRACTORS]


def analyse(path: Path, extractors: Sequence[Extractor]) -> tuple[Features, tuple[Shot, ...]]:
    """Features and shots of a video file, as the pipeline makes them."""
    source = probe(path)
    features = extract(source, TimeGrid(source.duration_seconds, CLIP_SECONDS), extractors)
    return features, detect_shots(features.signals[FRAME_CHANGE], source.duration_seconds)


def _key(video: Path) -> str:
    made_by = [entry(weights).sha256 for name in EXTRACTORS for weights in extractor_class(name).checkpoints]
    try:
        facts = repr((video.name, video.stat().st_size, CLIP_SECONDS, EXTRACTORS, made_by))
    except OSError as error:
        raise ConfigError(f"the table names {video.name!r}, which is not in {video.parent}") from error
    return hashlib.sha256(facts.encode()).hexdigest()[:24]


def write_analysis(file: Path, features: Features, shots: Sequence[Shot]) -> None:
    """Keep features and shots; the file appears whole or not at all."""
    arrays: dict[str, Any] = {f"stream {name}": values for name, values in features.streams.items()}
    for name, signal in features.signals.items():
        arrays |= {f"times {name}": signal.times_seconds, f"signal {name}": signal.values}
    edges = np.array([(shot.start_seconds, shot.stop_seconds) for shot in shots])
    with whole_file(file, overwrite=True) as partial:
        np.savez(partial, duration=features.grid.duration_seconds, shots=edges, **arrays)


def read_analysis(file: Path) -> tuple[Features, tuple[Shot, ...]]:
    """What `write_analysis` kept."""
    with np.load(file, allow_pickle=False) as kept:
        names = {kind: [key.removeprefix(kind) for key in kept.files if key.startswith(kind)] for kind in _KINDS}
        streams = {name: kept[f"stream {name}"] for name in names["stream "]}
        signals = {name: Signal(kept[f"times {name}"], kept[f"signal {name}"]) for name in names["signal "]}
        shots = tuple(Shot(float(start), float(stop)) for start, stop in kept["shots"])
        return Features(TimeGrid(float(kept["duration"]), CLIP_SECONDS), streams, signals), shots


_KINDS = ("stream ", "signal ")
