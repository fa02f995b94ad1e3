"""YAMNet on AudioSet: what a clip sounds like.

In: 16 kHz mono sound. Out: `yamnet`, (num_clips, 521) probabilities, one per class and independent of each other.
The model hears patches of 0.96 s, one every 0.48 s; a clip's row is their mean, weighted by overlap with the clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import ClassVar

import numpy as np

from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features.base import Extracted, Extraction, Extractor
from highlightr.features.clip_pooling import ClipMeans, overlaps
from highlightr.features.engines.onnx import RunGraph, open_graph
from highlightr.features.spectral import FilterBank, FrameCutter, mel_filters_htk, spectra_of
from highlightr.media.sampling import AudioBlock, AudioRequest

SAMPLE_RATE = 16_000
PATCH_SECONDS = 0.96

_WINDOW_SAMPLES = 400
_HOP_SAMPLES = 160
_FFT_SAMPLES = 512
_MELS = 64
_LOWEST_HZ, _HIGHEST_HZ = 125.0, 7500.0
_LOG_OFFSET = 0.001
_PATCH_ROWS = round(PATCH_SECONDS * SAMPLE_RATE / _HOP_SAMPLES)
_PATCH_HOP_ROWS = _PATCH_ROWS // 2
_BATCH = 4
"""Patches that are scored at once, which takes a fifth less time than one by one; more save no more."""


class YamNet(Extractor):
    """521 AudioSet class probabilities per clip.

    The overlap-weighted mean keeps a sound where it is: with a maximum, a bang near a clip's edge would count in full
    for both neighbours, because every patch reaches into the next clip.

    Source: M. Plakal, D. Ellis, YAMNet (tensorflow/models, 2019). Qualcomm AI Hub quantised the
    weights to 8 bit; nothing is rounded between the layers (research/yamnet_graph.py).
    """

    name: ClassVar[str] = "yamnet"
    streams: ClassVar[Mapping[str, int]] = {"yamnet": 521}
    checkpoints: ClassVar[tuple[str, ...]] = ("yamnet",)
    request = AudioRequest(SAMPLE_RATE)

    def _open(self) -> None:
        # A patch is too little work for two threads: one leaves the other core to the decoder.
        self._graph = open_graph(self._file("yamnet"), threads=1)

    def start(self, grid: TimeGrid) -> Extraction[AudioBlock]:
        """Open the state for one video."""
        return _Extraction(self._graph, grid)


class _Extraction(Extraction[AudioBlock]):
    def __init__(self, graph: RunGraph, grid: TimeGrid) -> None:
        self._graph = graph
        self._grid = grid
        self._means = ClipMeans(grid, YamNet.streams["yamnet"])
        self._windows = FrameCutter(_WINDOW_SAMPLES, _HOP_SAMPLES)
        self._patches = FrameCutter(_PATCH_ROWS * _MELS, _PATCH_HOP_ROWS * _MELS, _BATCH)
        self._latest = np.zeros((0, _MELS), dtype=np.float32)
        """The last rows, enough for a patch."""
        self._num_samples = self._num_rows = self._num_patches = 0

    def push(self, item: AudioBlock) -> None:
        self._push(item.samples)

    def so_far(self) -> Extracted:
        """The stream, of the clips whose patches were scored."""
        return Extracted(streams={"yamnet": self._means.so_far()})

    def finish(self) -> Extracted:
        """Return the stream; no stream if there was no sound."""
        if self._num_samples == 0:
            return Extracted()
        # Enough silence that the last sample is inside a window, and that there is one whole patch.
        whole_patch = (_PATCH_ROWS - 1) * _HOP_SAMPLES + _WINDOW_SAMPLES
        missing = max(_WINDOW_SAMPLES - _HOP_SAMPLES, whole_patch - self._num_samples)
        self._push(np.zeros(missing, dtype=np.float32))
        self._take_rows(self._windows.finish())
        patches = self._patches.finish()
        left_out = self._num_rows - _PATCH_ROWS - (self._num_patches + len(patches) - 1) * _PATCH_HOP_ROWS
        if left_out:  # One more patch ends with the sound.
            patches = np.concatenate([patches, self._latest.reshape(1, -1)])
        self._score(patches)
        return Extracted(streams={"yamnet": self._means.result()})

    def _push(self, samples: FloatArray) -> None:
        self._num_samples += len(samples)
        for frames in self._windows.push(samples):
            self._take_rows(frames)

    def _take_rows(self, frames: FloatArray) -> None:
        rows = log_mel_rows(frames)
        self._num_rows += len(rows)
        self._latest = np.concatenate([self._latest, rows])[-_PATCH_ROWS:]
        for patches in self._patches.push(rows.ravel()):
            self._score(patches)

    def _score(self, patches: FloatArray) -> None:
        """Score patches (n, rows * mels), one after the other, the last no later than the sound's end."""
        if not len(patches):
            return
        firsts = (self._num_patches + np.arange(len(patches))) * _PATCH_HOP_ROWS
        starts = np.minimum(firsts, self._num_rows - _PATCH_ROWS) * _HOP_SAMPLES / SAMPLE_RATE
        self._num_patches += len(patches)
        (probabilities,) = self._graph({"log_mels": patches.reshape(-1, _PATCH_ROWS, _MELS)})
        for start, row in zip(starts.tolist(), probabilities, strict=True):
            clips, seconds = overlaps(self._grid, start, start + PATCH_SECONDS)
            self._means.add(clips, np.broadcast_to(row, (len(clips), len(row))), seconds)


def log_mel_rows(frames: FloatArray) -> FloatArray:
    """YAMNet's own log-mel: (n, 400) samples to (n, 64), natural log of magnitudes with an offset of 0.001."""
    magnitudes = np.abs(spectra_of(frames, _FFT_SAMPLES))
    return np.log(_filters()(magnitudes) + np.float32(_LOG_OFFSET))


@cache
def _filters() -> FilterBank:
    return FilterBank(mel_filters_htk(SAMPLE_RATE, _FFT_SAMPLES, _MELS, _LOWEST_HZ, _HIGHEST_HZ))
