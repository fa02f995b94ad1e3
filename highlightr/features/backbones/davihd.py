"""What DAViHD is fed, made as its authors make it: a log-mel spectrogram by torchaudio, and R3D-34 on squashed frames.

In: the soundtrack, or the frames. Out: the signal `davihd_mel`, (T, 128), row j at j * 256 / 16000 s; the stream
`r3d34_davihd`, (num_clips, 512). The authors' third input, Cnn14 at 16 kHz in chunks of 1 s, is `cnn14-16k`.

Source: seohyj/sounding-hd, dataset/preprocess; the differences stand with each extractor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from highlightr.core.types import FloatArray, Signal, TimeGrid
from highlightr.features.backbones.kinetics import R3D34Kinetics700
from highlightr.features.backbones.pictures import Colour
from highlightr.features.backbones.windows import WindowProtocol
from highlightr.features.base import Extracted, Extraction, Extractor
from highlightr.features.spectral import FrameCutter
from highlightr.media.sampling import AudioBlock, AudioRequest

DAVIHD_MEL = "davihd_mel"
"""Name of the signal."""

HEARD_RATE, SAMPLE_RATE = 48_000, 16_000
FFT_SAMPLES, HOP_SAMPLES, MELS = 2048, 256, 128

_RATIO = HEARD_RATE // SAMPLE_RATE
_HALF_WINDOW = FFT_SAMPLES // 2
_LOG_OFFSET = 1e-8

_REACH = 10
"""Outputs of the resampler that an end of its input can change: its filter reaches 19 samples each way, of three per
output."""


class DAViHDMel(Extractor):
    """Log-mel spectrogram by torchaudio's defaults: 2048 samples, hop 256, HTK scale, no area norm, reflected ends.

    log(x + 1e-8). torchaudio resamples here as well, from 48 kHz; the authors give it the file's own rate, which comes
    to the same filter, because its cutoff and length depend on the lower of the two rates.

    Source: DAViHD, dataset/preprocess/extract_melspec.py. `logmel` has librosa's scale and norm, and shifts this by 3
    to 4 nats.
    """

    name: ClassVar[str] = "davihd-mel"
    signals: ClassVar[Mapping[str, int]] = {DAVIHD_MEL: MELS}
    packages: ClassVar[tuple[str, ...]] = ("torch", "torchaudio")
    request = AudioRequest(HEARD_RATE)

    def _open(self) -> None:
        from torchaudio.transforms import MelSpectrogram

        # Frames are cut before, so each is a spectrogram of one row.
        self._mel = MelSpectrogram(SAMPLE_RATE, FFT_SAMPLES, hop_length=FFT_SAMPLES, n_mels=MELS, center=False)

    def start(self, grid: TimeGrid) -> Extraction[AudioBlock]:
        """Open the state for one video; the grid is not needed."""
        del grid
        return _MelExtraction(self._mel)


class _MelExtraction(Extraction[AudioBlock]):
    def __init__(self, mel: Any) -> None:
        self._mel = mel
        self._resampler = _Resampler()
        self._cutter = FrameCutter(FFT_SAMPLES, HOP_SAMPLES)
        self._head: FloatArray | None = np.zeros(0, np.float32)
        """The first samples, until there are enough to be reflected."""
        self._tail = np.zeros(0, np.float32)
        self._rows: list[FloatArray] = []

    def push(self, item: AudioBlock) -> None:
        self._push(self._resampler.push(item.samples))

    def finish(self) -> Extracted:
        """Return the signal; nothing if there was no sound."""
        self._push(self._resampler.finish())
        if self._head is not None:
            if not len(self._head):
                return Extracted()
            # Shorter than half a window: silence follows, because there is too little to reflect.
            self._push(np.zeros(_HALF_WINDOW + 1 - len(self._head), np.float32))
        self._take(self._tail[-2 : -_HALF_WINDOW - 2 : -1])
        self._spectrogram(self._cutter.finish())
        rows = np.concatenate(self._rows)
        return Extracted(
            signals={DAVIHD_MEL: Signal(np.arange(len(rows)) * np.float64(HOP_SAMPLES / SAMPLE_RATE), rows)}
        )

    def _push(self, samples: FloatArray) -> None:
        if self._head is not None:
            self._head = np.concatenate([self._head, samples])
            if len(self._head) <= _HALF_WINDOW:
                return
            samples, self._head = self._head, None
            self._take(samples[_HALF_WINDOW:0:-1])
        self._tail = np.concatenate([self._tail, samples])[-_HALF_WINDOW - 1 :]
        self._take(samples)

    def _take(self, samples: FloatArray) -> None:
        for frames in self._cutter.push(samples):
            self._spectrogram(frames)

    def _spectrogram(self, frames: FloatArray) -> None:
        import torch

        if len(frames):
            with torch.inference_mode():
                rows = (self._mel(torch.from_numpy(frames.copy())).squeeze(2) + _LOG_OFFSET).log()
            self._rows.append(rows.numpy())


class _Resampler:
    """torchaudio's resampling of a stream: the samples that it would make of the whole."""

    def __init__(self) -> None:
        self._waiting = np.zeros(0, np.float32)
        self._first = 0
        """Outputs before the waiting samples."""
        self._made = 0

    def push(self, samples: FloatArray) -> FloatArray:
        """Take the next samples at 48 kHz; return those at 16 kHz that no later one can change."""
        self._waiting = np.concatenate([self._waiting, samples])
        safe = self._first + len(self._waiting) // _RATIO - _REACH
        if safe <= self._made:
            return np.zeros(0, np.float32)
        made = self._resampled()[self._made - self._first : safe - self._first]
        self._made = safe
        drop = max(0, safe - _REACH - self._first)
        self._waiting, self._first = self._waiting[drop * _RATIO :], self._first + drop
        return made

    def finish(self) -> FloatArray:
        """What is left."""
        return self._resampled()[self._made - self._first :] if len(self._waiting) else np.zeros(0, np.float32)

    def _resampled(self) -> FloatArray:
        import torch
        from torchaudio.functional import resample

        return resample(torch.from_numpy(self._waiting), HEARD_RATE, SAMPLE_RATE).numpy()


class R3D34DAViHD(R3D34Kinetics700):
    """3D ResNet-34 with shortcut B on each clip's first 16 frames, squashed: the visual input of DAViHD on TVSum.

    Every frame of the video counts, the first 16 of a clip's are taken (a clip with fewer repeats its last), squashed
    to 112 x 112 (PIL, bilinear), divided by 255, less the mean, over the deviation.

    Source: DAViHD, dataset/preprocess/tvsum_extract_visual_features.py and networks/backbones. Deviations: the authors
    cut seconds by counting int(fps) frames, which drifts at 29.97; here the clip's own time decides. They load
    ``resnet-34-kinetics.pth``, published for shortcut A, into a network of shortcut B and pass over what is missing, so
    the shortcuts' weights are random in their features; here they are those of the Kinetics-700 checkpoint.
    """

    name: ClassVar[str] = "r3d34-davihd"
    streams: ClassVar[Mapping[str, int]] = {"r3d34_davihd": 512}
    # Looked at so often, every frame of a video of up to 60 frames a second is seen.
    protocol: ClassVar[WindowProtocol] = WindowProtocol(
        frames_per_second=60, short_side=None, crop=112, span=16, frames=16, first_only=True, squeezed=True
    )
    mean: ClassVar[Colour] = (0.43216 * 255, 0.394666 * 255, 0.37645 * 255)
    deviation: ClassVar[Colour] = (0.22803 * 255, 0.22145 * 255, 0.216989 * 255)
