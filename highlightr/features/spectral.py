"""Short-time spectra of a soundtrack that arrives in blocks.

In: mono samples in blocks of any size. Out: overlapping frames in batches of a fixed size, and mel filter banks.
Because the batches do not depend on the blocks, neither does a single bit of what is computed from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from highlightr.core.types import FloatArray

BATCH_FRAMES = 64


class FrameCutter:
    """Cuts a stream of samples into frames of `length` samples, one every `hop`, of which `batch` come together."""

    def __init__(self, length: int, hop: int, batch: int = BATCH_FRAMES) -> None:
        self._length, self._hop, self._step = length, hop, batch * hop
        self._waiting: list[FloatArray] = []
        self._num_waiting = 0

    def push(self, samples: FloatArray) -> Iterator[FloatArray]:
        """Take the next samples; yield (batch, length) float32 frames as they fill (views: copy to keep)."""
        self._waiting.append(samples)
        self._num_waiting += len(samples)
        needed = self._length + self._step - self._hop
        if self._num_waiting < needed:
            return
        joined = np.concatenate(self._waiting)
        start = 0
        while len(joined) - start >= needed:
            yield self._frames(joined[start : start + needed])
            start += self._step
        self._waiting, self._num_waiting = [joined[start:].copy()], len(joined) - start

    def finish(self) -> FloatArray:
        """The (n, length) frames that are left; samples after the last whole frame are dropped."""
        joined = np.concatenate([np.zeros(0, np.float32), *self._waiting])
        self._waiting, self._num_waiting = [], 0
        if len(joined) < self._length:
            return np.zeros((0, self._length), dtype=np.float32)
        return self._frames(joined)

    def _frames(self, samples: FloatArray) -> FloatArray:
        return np.lib.stride_tricks.sliding_window_view(samples, self._length)[:: self._hop]


class FilterBank:
    """Applies a bank of narrow filters to spectra.

    A filter covers a few per cent of the bins, so only those are multiplied. That is as fast as a matrix product, and
    a product this small would have the BLAS threads wait for each other while the decoder has the cores.
    """

    def __init__(self, filters: FloatArray) -> None:
        """Take (bins, bands) weights; every band must have a bin."""
        bands, self._bins = np.nonzero(filters.T)
        self._weights = filters[self._bins, bands]
        self._starts = np.searchsorted(bands, np.arange(filters.shape[1]))
        if len(set(bands.tolist())) != filters.shape[1]:
            raise ValueError("a filter bank has a band without any bin: use fewer bands or a longer transform")

    def __call__(self, spectra: FloatArray) -> FloatArray:
        """(n, bins) to (n, bands)."""
        return np.add.reduceat(spectra[:, self._bins] * self._weights, self._starts, axis=1)


def spectra_of(frames: FloatArray, fft_length: int) -> npt.NDArray[np.complex64]:
    """(n, length) samples to (n, fft_length // 2 + 1) spectra, through a Hann window, filled up with zeros."""
    # numpy stays in single precision here, which its annotations do not tell; the conversion copies nothing.
    spectra = np.fft.rfft(frames * hann(frames.shape[1]), fft_length, axis=1)
    return spectra.astype(np.complex64, copy=False)


@cache
def hann(length: int) -> FloatArray:
    """(length,) periodic Hann window, which is what spectrograms use."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


def mel_filters_slaney(sample_rate: int, fft_length: int, num_mels: int) -> FloatArray:
    """(fft_length // 2 + 1, num_mels) float32: triangles over 0 Hz to half the rate, each with unit area in Hz.

    Source: M. Slaney, Auditory Toolbox (1998), as in librosa's `filters.mel` with its defaults.
    """
    edges = _slaney_to_hz(np.linspace(0.0, _hz_to_slaney(sample_rate / 2), num_mels + 2))
    bins = np.arange(fft_length // 2 + 1) * sample_rate / fft_length
    return (_triangles(bins, edges) * (2.0 / (edges[2:] - edges[:-2]))).astype(np.float32)


def mel_filters_htk(
    sample_rate: int, fft_length: int, num_mels: int, lowest_hz: float, highest_hz: float
) -> FloatArray:
    """(fft_length // 2 + 1, num_mels) float32: triangles of height 1 that are straight on the mel axis, not in Hz.

    Source: TensorFlow's `linear_to_mel_weight_matrix`, which YAMNet was trained with; the 0 Hz row is zero.
    """

    def mel(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
        return np.asarray(1127.0 * np.log1p(np.asarray(hz, dtype=np.float64) / 700.0))

    bins = np.arange(fft_length // 2 + 1) * sample_rate / fft_length
    filters = _triangles(mel(bins), np.linspace(mel(lowest_hz), mel(highest_hz), num_mels + 2))
    filters[0] = 0.0
    return filters.astype(np.float32)


def _triangles(bins: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(bins, bands): band m rises from edge m to edge m + 1 and falls to edge m + 2."""
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins[:, None] - low) / (middle - low)
    falling = (high - bins[:, None]) / (high - middle)
    return np.maximum(0.0, np.minimum(rising, falling))


# Slaney's scale: linear to 1000 Hz (15 mels), then 27 mels per factor of 6.4.
_LINEAR_HZ = 200.0 / 3.0
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ
_LOG_STEP = np.log(6.4) / 27.0


def _hz_to_slaney(hz: float) -> float:
    return float(hz / _LINEAR_HZ if hz < _BREAK_HZ else _BREAK_MEL + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _slaney_to_hz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    upper = _BREAK_HZ * np.exp(_LOG_STEP * (mels - _BREAK_MEL))
    return np.where(mels < _BREAK_MEL, mels * _LINEAR_HZ, upper)
