"""PANNs Cnn14 on AudioSet: what a clip sounds like.

In: mono sound at 32 or 16 kHz. Out: `cnn14` or `cnn14_16k`, (num_clips, 2048) embeddings before the classifier, one per
clip from the clip's own samples: chunks of 1 s on grids of 1 s (DAViHD), of 2 s on grids of 2 s (UMT, Lighthouse).
The short last clip, and clips that are shorter than the network's field, end in silence.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features.backbones.base import Backbone
from highlightr.features.base import Extracted, Extraction
from highlightr.features.clip_pooling import ClipBatches
from highlightr.features.engines.network import Network
from highlightr.media.sampling import AudioBlock, AudioRequest

WIDTH = 2048
CLASSES = 527

_LEAST_HOPS = 31
"""The network halves time five times; fewer windows than this plus one leave nothing."""

_BATCH_SECONDS = {"cpu": 8, "cuda": 256}
"""Sound per forward; on a CPU more is no faster."""
_SECOND_MIB = 40
"""Memory of a forward per second of sound, measured and rounded up."""

_STUB = "_highlightr_panns"


class Cnn14(Backbone):
    """Cnn14 at 32 kHz (windows of 1024, hop 320, 64 mels from 50 to 14,000 Hz).

    Source: Q. Kong et al., PANNs, TASLP 2020; model code of panns-inference.
    """

    name: ClassVar[str] = "cnn14"
    streams: ClassVar[Mapping[str, int]] = {"cnn14": WIDTH}
    checkpoints: ClassVar[tuple[str, ...]] = ("cnn14-32k",)
    packages: ClassVar[tuple[str, ...]] = (*Backbone.packages, "panns_inference")
    sample_rate: ClassVar[int] = 32_000
    window: ClassVar[int] = 1024
    hop: ClassVar[int] = 320
    highest_hz: ClassVar[int] = 14_000

    def _open(self) -> None:
        source = self._source
        kind = type(self)

        def empty() -> Any:
            return panns_models().Cnn14(kind.sample_rate, kind.window, kind.hop, 64, 50, kind.highest_hz, CLASSES)

        def build() -> Any:
            from highlightr.features.backbones.wrappers import Embedding, run_in_single_precision

            network: Any = source.open(kind.checkpoints[0], empty)
            # The power of a loud tone is beyond the largest number of fp16; its logarithm would be infinite.
            run_in_single_precision(network.spectrogram_extractor)
            run_in_single_precision(network.logmel_extractor)
            return Embedding(network)

        example = np.random.default_rng(0).normal(0.0, 0.1, (2, self.sample_rate)).astype(np.float32)
        batch = max(1, int(_BATCH_SECONDS["cpu"] / self._clip_seconds))
        self._network = Network(source, self.name, self.checkpoints, build, example, {1: "samples"}, batch)

    @property
    def least_samples(self) -> int:
        """Fewer samples are filled up with silence."""
        return _LEAST_HOPS * self.hop

    @property
    def request(self) -> AudioRequest:
        """The whole soundtrack."""
        return AudioRequest(self.sample_rate)

    def start(self, grid: TimeGrid) -> Extraction[AudioBlock]:
        """Open the state for one video."""
        seconds = self._source.batch(_BATCH_SECONDS, _SECOND_MIB)
        return _Extraction(self, grid, max(1, int(seconds / grid.clip_seconds)))


class Cnn14At16k(Cnn14):
    """Cnn14 at 16 kHz (windows of 512, hop 160, 64 mels from 50 to 8,000 Hz).

    Source: as `Cnn14`.
    """

    name: ClassVar[str] = "cnn14-16k"
    streams: ClassVar[Mapping[str, int]] = {"cnn14_16k": WIDTH}
    checkpoints: ClassVar[tuple[str, ...]] = ("cnn14-16k",)
    sample_rate: ClassVar[int] = 16_000
    window: ClassVar[int] = 512
    hop: ClassVar[int] = 160
    highest_hz: ClassVar[int] = 8_000


class _Extraction(Extraction[AudioBlock]):
    """Cuts the soundtrack at the clips' own borders, in samples counted from time zero."""

    def __init__(self, extractor: Cnn14, grid: TimeGrid, batch: int) -> None:
        self._extractor, self._grid = extractor, grid
        self._length = max(round(grid.clip_seconds * extractor.sample_rate), extractor.least_samples)
        self._waiting: list[FloatArray] = []
        self._waiting_samples = 0
        self._position = 0
        self._clip = 0
        self._batches = ClipBatches(grid, extractor.streams, extractor._forward, batch)

    def push(self, item: AudioBlock) -> None:
        self._waiting.append(item.samples)
        self._waiting_samples += len(item.samples)
        while self._clip < self._grid.num_clips - 1 and self._position + self._waiting_samples >= self._end():
            self._cut(self._end() - self._position)

    def finish(self) -> Extracted:
        """Return the stream; no stream if there was no sound."""
        if self._position + self._waiting_samples == 0:
            return Extracted()
        while self._clip < self._grid.num_clips:
            self._cut(self._waiting_samples if self._clip == self._grid.num_clips - 1 else self._end() - self._position)
        return Extracted(self._batches.finish())

    def _end(self) -> int:
        """The sample at which the current clip ends."""
        return round((self._clip + 1) * self._grid.clip_seconds * self._extractor.sample_rate)

    def _cut(self, count: int) -> None:
        """The next `count` samples, or what is left of them, are the current clip's."""
        joined = np.concatenate([np.zeros(0, dtype=np.float32), *self._waiting])
        own, rest = joined[:count], joined[count:]
        self._waiting, self._waiting_samples = [rest], len(rest)
        self._position += count
        chunk = np.zeros(self._length, dtype=np.float32)
        chunk[: len(own)] = own[: self._length]
        self._batches.add(self._clip, chunk)
        self._clip += 1


def panns_models() -> ModuleType:
    """The module ``models`` of panns-inference, without importing the package.

    Its ``__init__`` downloads with wget into the home folder. The module itself needs only its neighbour
    ``pytorch_utils``, by a relative import, so it is imported below an empty parent of another name that has the
    package's folder as its path. The name ``panns_inference`` stays free for those who import the real thing.
    """
    if _STUB not in sys.modules:
        spec = find_spec("panns_inference")  # Of a top-level package, which is not run.
        parent = ModuleType(_STUB)
        parent.__path__ = list((spec and spec.submodule_search_locations) or ())
        sys.modules[_STUB] = parent
    return import_module(f"{_STUB}.models")
