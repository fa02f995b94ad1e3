"""The whole product without a model: every decode request, every stage, real outputs, in a fraction of a second.

`light_highlighter` is what the tests of trust and the fuzzer run. Its extractors ask for what those of `lite` ask for
(sampled frames, every thumbnail, two rates of sound); its scorer is the public `debug` one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from highlightr.core.progress import ProgressHook
from highlightr.core.types import FloatArray, Query, TimeGrid
from highlightr.features import registry
from highlightr.features.base import Extracted, Extraction, Extractor, TextEncoder
from highlightr.media import AudioRequest, FrameRequest, Item, SampleRequest
from highlightr.pipeline import Highlighter

FRAME_SIDE = 224

PRESET = """\
name: light
summary: No model; for tests.
clip_seconds: 1.0
extractors: [looks, listens, logmel, motion]
text: reads
scorer: {name: debug, config: {}, weights: null, random_seed: 0}
"""


DEBUG_PRESET = """\
name: debug
summary: Frame changes and random weights; nothing to load.
clip_seconds: 1.0
extractors: [motion]
text: null
scorer: {name: debug, random_seed: 0}
"""
"""What only shipped parts are needed for: it starts at once, also in another process."""


class _Means(Extraction):
    """The mean of every item, one row per item or per second of sound, and one row per clip."""

    def __init__(self, grid: TimeGrid, name: str, rate: float) -> None:
        self._rows: FloatArray = np.zeros((grid.num_clips, 1), np.float32)
        self._grid, self._name, self._rate, self._known = grid, name, rate, 0

    def push(self, item: Item) -> None:
        values = getattr(item, "image", None)
        begin = getattr(item, "index", None)
        values = item.samples if values is None else values  # type: ignore[union-attr]
        begin = item.start_sample if begin is None else begin  # type: ignore[union-attr]
        self._known = int(self._grid.clip_index(begin / self._rate))
        self._rows[self._known] = float(np.mean(values)) / 255

    def so_far(self) -> Extracted:
        return Extracted(streams={self._name: self._rows[: self._known].copy()})

    def finish(self) -> Extracted:
        return Extracted(streams={self._name: self._rows})


class Looks(Extractor):
    """Sampled frames, as an image model asks for them."""

    name = "looks"
    streams: ClassVar[Mapping[str, int]] = {"looks": 1}

    def __init__(self, *, clip_seconds: float = 1.0, device: str = "cpu") -> None:
        self._rate = 1 / clip_seconds

    @property
    def request(self) -> SampleRequest:
        return FrameRequest(self._rate, FRAME_SIDE)

    def start(self, grid: TimeGrid) -> Extraction:
        return _Means(grid, "looks", self._rate)


class Listens(Extractor):
    """Sound at a rate of its own."""

    name = "listens"
    streams: ClassVar[Mapping[str, int]] = {"listens": 1}

    def __init__(self, *, clip_seconds: float = 1.0, device: str = "cpu") -> None:
        self._rate = 32_000

    @property
    def request(self) -> SampleRequest:
        return AudioRequest(self._rate)

    def start(self, grid: TimeGrid) -> Extraction:
        return _Means(grid, "listens", self._rate)


class Reads(TextEncoder):
    """Queries, by their letters."""

    name = "reads"
    width = 26
    checkpoints = ()
    sha256 = "0" * 64

    def __init__(self, *, device: str = "cpu") -> None:
        pass

    def encode(self, text: str) -> Query:
        counts = np.asarray([[text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"]], np.float32)
        return Query(text, counts, counts[0] / max(float(np.linalg.norm(counts)), 1e-6))


def light_preset(folder: Path) -> Path:
    """Write the preset file, and make its extractors known to this process."""
    registry.EXTRACTORS.update(looks="tests.light:Looks", listens="tests.light:Listens")
    registry.TEXT_ENCODERS.update(reads="tests.light:Reads")
    path = folder / "light.yaml"
    path.write_text(PRESET, encoding="utf-8")
    return path


def light_highlighter(folder: Path, *, cache: bool = False, progress: ProgressHook | None = None) -> Highlighter:
    """One that loads in no time; `folder` takes its preset file."""
    return Highlighter.from_preset(light_preset(folder), cache=cache, progress=progress)
