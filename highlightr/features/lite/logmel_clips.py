"""The log-mel spectrogram of DAViHD, pooled to one row per clip.

In: 16 kHz mono sound. Out: `logmel_grid` or `logmel_authors62`, (num_clips, 128): means of the rows of `logmel`,
log(x + 1e-8) of 128 Slaney mels, hop 256. On the grid a clip's rows are those that begin inside it; the authors' code
counts 62 rows a second, which drifts, and is for running their weights only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError
from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features.base import Extracted, Extraction, Extractor
from highlightr.features.clip_pooling import ClipMeans
from highlightr.features.lite.logmel import FFT_SAMPLES, HOP_SAMPLES, MELS, SAMPLE_RATE, log_mel_rows
from highlightr.features.spectral import FrameCutter
from highlightr.media.sampling import AudioBlock, AudioTap, Item

__all__ = ["LogMelAuthors62", "LogMelGrid"]

AUTHORS_ROWS = 62
"""int(16000 / 256): what the authors' code takes for a second, which holds 62.5."""


class LogMelGrid(Extractor):
    """Rows pooled by their time: clip i is ``[i * clip, (i + 1) * clip)`` at any hour.

    Source: DAViHD (its authors' code, with the pooling on the exact grid).
    """

    name: ClassVar[str] = "logmel-grid"
    modality: ClassVar[str] = "audio"
    streams: ClassVar[Mapping[str, int]] = {"logmel_grid": MELS}

    def __init__(self, *, clip_seconds: float = 1.0, device: str = "cpu") -> None:
        # No model: the CPU does it whatever the device, and the clip length comes with the grid.
        del clip_seconds, device

    @property
    def tap(self) -> AudioTap:
        """The whole soundtrack at 16 kHz."""
        return AudioTap(SAMPLE_RATE)

    def start(self, grid: TimeGrid) -> Extraction:
        """Open the state for one video."""
        return _Extraction(self.name, next(iter(self.streams)), grid)


class LogMelAuthors62(LogMelGrid):
    """Rows pooled by counting 62 a clip: clip i describes ``[0.992 i, 0.992 (i + 1))``, 28.8 s early in an hour.

    Rows missing at the end count as 0, as in the authors' code. Only for clips of 1 s.

    Source: DAViHD, its authors' code.
    """

    name: ClassVar[str] = "logmel-authors62"
    streams: ClassVar[Mapping[str, int]] = {"logmel_authors62": MELS}

    def start(self, grid: TimeGrid) -> Extraction:
        """Open the state for one video.

        Raises:
            ConfigError: clips that are not 1 s long.
        """
        if grid.clip_seconds != 1.0:
            raise ConfigError(f"{self.name} is for clips of 1 s, the grid has {grid.clip_seconds} s; use logmel-grid")
        return _Authors(self.name, next(iter(self.streams)), grid)


class _Extraction(Extraction):
    def __init__(self, owner: str, stream: str, grid: TimeGrid) -> None:
        self._owner, self._stream, self._grid = owner, stream, grid
        self._cutter = FrameCutter(FFT_SAMPLES, HOP_SAMPLES)
        self._means = ClipMeans(grid, MELS)
        self._num_rows = 0
        self._started = False

    def push(self, item: Item) -> None:
        """Take the next block of sound."""
        if not isinstance(item, AudioBlock):
            raise TypeError(f"{self._owner} takes sound, got {type(item).__name__}")
        if not self._started:
            self._started = True
            self._push(_half_window())
        self._push(item.samples)

    def finish(self) -> Extracted:
        """Return the stream; no stream if there was no sound."""
        if not self._started:
            return Extracted()
        self._push(_half_window())
        self._take(self._cutter.finish())
        return Extracted(streams={self._stream: self._pooled()})

    def _push(self, samples: FloatArray) -> None:
        for frames in self._cutter.push(samples):
            self._take(frames)

    def _take(self, frames: FloatArray) -> None:
        if len(frames):
            numbers = np.arange(self._num_rows, self._num_rows + len(frames))
            self._add(numbers, log_mel_rows(frames))
            self._num_rows += len(frames)

    def _add(self, numbers: npt.NDArray[np.int64], rows: FloatArray) -> None:
        self._means.add(self._grid.clip_index(numbers * (HOP_SAMPLES / SAMPLE_RATE)), rows)

    def _pooled(self) -> FloatArray:
        return self._means.result()


class _Authors(_Extraction):
    def __init__(self, owner: str, stream: str, grid: TimeGrid) -> None:
        super().__init__(owner, stream, grid)
        self._sums = np.zeros((grid.num_clips, MELS), dtype=np.float64)

    def _add(self, numbers: npt.NDArray[np.int64], rows: FloatArray) -> None:
        clips = numbers // AUTHORS_ROWS
        inside = clips < len(self._sums)
        np.add.at(self._sums, clips[inside], rows[inside])

    def _pooled(self) -> FloatArray:
        return (self._sums / AUTHORS_ROWS).astype(np.float32)


def _half_window() -> FloatArray:
    """The silence that centres the first and the last window on the ends of the sound."""
    return np.zeros(FFT_SAMPLES // 2, dtype=np.float32)
