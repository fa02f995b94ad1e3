"""The log-mel spectrogram, and how the sound moves: loudness, rises, onsets.

In: 16 kHz mono sound. Out: `audio_dynamics`, (num_clips, 4), columns as in `AUDIO_DYNAMICS`; and if asked for, the
signal `logmel`, (T, 128), row j at j * 256 / 16000 s: Hann 2048, hop 256, centred, power, 128 Slaney mels,
log(x + 1e-8), as in librosa. Computed in batches, so memory is that of the results: an hour of `logmel` is 115 MB.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from highlightr.core.types import FloatArray, Signal, TimeGrid
from highlightr.features.base import Extracted, Extraction, Extractor
from highlightr.features.clip_pooling import ClipMeans, clip_maxima
from highlightr.features.spectral import FilterBank, FrameCutter, mel_filters_slaney, spectra_of
from highlightr.media.sampling import AudioBlock, AudioRequest

SAMPLE_RATE = 16_000
FFT_SAMPLES = 2048
HOP_SAMPLES = 256
MELS = 128
_LOG_OFFSET = 1e-8
_SILENT_POWER = 1e-8
"""Loudness is not told below -80 dB, the level of the spectrogram's own offset."""

_SMOOTH_SECONDS = 0.25
_BEFORE_SECONDS = 1.0

AUDIO_DYNAMICS = ("loudness_db", "rise_db", "onset_db", "onset_peak_db")
"""Columns of `audio_dynamics`, all in dB and none of them relative to the video:

- ``loudness_db``: mean power of the clip, in dB of full scale; -80 to 0 (a full-scale sine has -3).
- ``rise_db``: the largest step up that begins in the clip: the power of the quarter second that it starts, or of its
  first 16 ms if less, against that of the second before it; 0 or more.
- ``onset_db``: mean spectral flux: per 16 ms, the mean over mel bands of their rises in dB; 0 or more.
- ``onset_peak_db``: the largest flux in the clip.
"""

_DB_PER_NEPER = 10.0 / np.log(10.0)


_STRETCH_ROWS = 2**14


class LogMel(Extractor):
    """Log-mel spectrogram and its dynamics.

    `keep_signal` also returns the spectrogram, which scorers that learn their own dynamics take.
    """

    name: ClassVar[str] = "logmel"
    streams: ClassVar[Mapping[str, int]] = {"audio_dynamics": len(AUDIO_DYNAMICS)}
    signals: ClassVar[Mapping[str, int]] = {"logmel": MELS}
    request = AudioRequest(SAMPLE_RATE)

    def __init__(self, *, keep_signal: bool = False, **common: Any) -> None:
        super().__init__(**common)
        self._keep_signal = keep_signal
        # An instance publishes what it makes.
        vars(self)["signals"] = type(self).signals if keep_signal else {}

    def start(self, grid: TimeGrid) -> Extraction[AudioBlock]:
        """Open the state for one video."""
        return _Extraction(grid, self._keep_signal)


class _Extraction(Extraction[AudioBlock]):
    def __init__(self, grid: TimeGrid, keep_signal: bool) -> None:
        self._grid = grid
        self._cutter = FrameCutter(FFT_SAMPLES, HOP_SAMPLES)
        self._started = False
        self._last_row: FloatArray | None = None
        self._kept: list[FloatArray] | None = [] if keep_signal else None
        self._measured: list[npt.NDArray[np.float64]] = []

    def push(self, item: AudioBlock) -> None:
        if not self._started:
            self._started = True
            self._push(_half_window())
        self._push(item.samples)

    def finish(self) -> Extracted:
        """Return the stream, and the signal if it was asked for; nothing if there was no sound."""
        if not self._started:
            return Extracted()
        self._push(_half_window())
        self._take(self._cutter.finish())
        measured: npt.NDArray[np.float64] = np.concatenate(self._measured)
        self._measured = []
        streams = {"audio_dynamics": _dynamics(self._grid, measured)}
        if self._kept is None:
            return Extracted(streams=streams)
        signal = Signal(_seconds(np.arange(len(measured))), np.concatenate(self._kept))
        return Extracted(streams=streams, signals={"logmel": signal})

    def _push(self, samples: FloatArray) -> None:
        for frames in self._cutter.push(samples):
            self._take(frames)

    def _take(self, frames: FloatArray) -> None:
        """Measure a batch of (n, 2048) frames: the power of each frame's own hop, and its spectral flux in dB."""
        if not len(frames):
            return
        rows = log_mel_rows(frames)
        if self._kept is not None:
            self._kept.append(rows)
        before = np.concatenate([rows[:1] if self._last_row is None else self._last_row[None], rows[:-1]])
        self._last_row = rows[-1].copy()
        flux = np.maximum(rows - before, 0.0).mean(axis=1) * _DB_PER_NEPER
        # The middle hops of all frames tile the sound, so their mean is the exact power of any stretch.
        middle = frames[:, (FFT_SAMPLES - HOP_SAMPLES) // 2 : (FFT_SAMPLES + HOP_SAMPLES) // 2]
        power = np.square(middle).mean(axis=1)
        self._measured.append(np.stack([power, flux], axis=1).astype(np.float64))


def _half_window() -> FloatArray:
    """The silence before and after the sound that centres the first and the last window on its ends."""
    return np.zeros(FFT_SAMPLES // 2, dtype=np.float32)


def log_mel_rows(frames: FloatArray) -> FloatArray:
    """(n, 2048) samples to (n, 128) natural logs of mel powers."""
    spectra = spectra_of(frames, FFT_SAMPLES)
    powers = spectra.real**2 + spectra.imag**2
    return np.log(_filters()(powers) + np.float32(_LOG_OFFSET))


@cache
def _filters() -> FilterBank:
    return FilterBank(mel_filters_slaney(SAMPLE_RATE, FFT_SAMPLES, MELS))


def _seconds(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return rows * HOP_SAMPLES / SAMPLE_RATE


def _dynamics(grid: TimeGrid, measured: npt.NDArray[np.float64]) -> FloatArray:
    """(num_clips, 4) float32 from (T, 2) power and flux per 16 ms."""
    power, flux = measured.T
    clips = np.zeros(len(measured), dtype=np.int64)
    means = ClipMeans(grid, 2)
    for rows in _stretches(len(measured)):
        clips[rows] = grid.clip_index(_seconds(rows))
        means.add(clips[rows], measured[rows])
    mean_power, mean_flux = means.result().T
    rises, peaks = clip_maxima(grid, clips, _rises(power)), clip_maxima(grid, clips, flux)
    return np.stack([_decibel(mean_power), rises, mean_flux, peaks], axis=1).astype(np.float32)


def _stretches(count: int) -> Iterator[npt.NDArray[np.int64]]:
    """Rows one after the other, some at a time: all of ten hours would take hundreds of MiB."""
    return (np.arange(first, min(first + _STRETCH_ROWS, count)) for first in range(0, count, _STRETCH_ROWS))


def _rises(power: npt.NDArray[np.float64]) -> FloatArray:
    """(T,) float32 dB, 0 or more: the quarter second from each hop on (or the hop if quieter), to the second before.

    The hop counts, because a rise is to be found where it begins and not up to a quarter second too early. The first
    quarter second has too little before it to rise from. The hop before is left out of the second, because a step
    somewhere inside it would count for both sides.
    """
    rises = np.zeros(len(power), dtype=np.float32)
    for here in _stretches(len(power)):
        rises[here] = _rises_at(power, here)
    return rises


def _rises_at(power: npt.NDArray[np.float64], here: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Those of some hops, one after the other."""
    smooth, before = (round(seconds * SAMPLE_RATE / HOP_SAMPLES) for seconds in (_SMOOTH_SECONDS, _BEFORE_SECONDS))
    ahead = np.minimum(here + smooth, len(power))
    last = np.maximum(here - 1, 0)
    behind = np.maximum(last - before, 0)
    total = np.concatenate([[0.0], np.cumsum(power[behind[0] : ahead[-1]])])

    def sums(start: npt.NDArray[np.int64], stop: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return total[stop - behind[0]] - total[start - behind[0]]

    now = np.minimum(sums(here, ahead) / (ahead - here), power[here])
    then = sums(behind, last) / np.maximum(last - behind, 1)
    return np.where(here >= smooth, np.maximum(_decibel(now) - _decibel(then), 0.0), 0.0)


def _decibel(power: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.asarray(10.0 * np.log10(np.maximum(np.asarray(power, dtype=np.float64), _SILENT_POWER)))
